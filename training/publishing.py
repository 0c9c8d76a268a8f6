"""Publishing a checkpoint on the Hugging Face hub: what goes there, and the upload of it.

Weights go as safetensors alone, with the card (`training.card`) and the results that it is made of.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

import torch
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    constants,
    get_token,
    hf_hub_download,
)
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from safetensors import safe_open

from polystance.errors import PublishError
from polystance.models.checkpoint import PICKLES, SETTINGS_FILE, load_checkpoint
from polystance.models.onnx import signature
from polystance.training.card import CARD, EVAL_RESULTS
from polystance.training.results import FOLDER

# All that goes up; whatever else lies in the folder stays.
_WANTED: Final = (
    CARD, "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", SETTINGS_FILE,
    "*.onnx", f"{EVAL_RESULTS}/*.yaml", f"{FOLDER}/*.json",
)  # fmt: skip
_MADE_BY_HUB: Final = frozenset({".gitattributes", CARD})
_DIGEST: Final = re.compile(r"SHA-256 of the checkpoint: `([0-9a-f]{64})`")
# HTTPError of httpx or of httpx2, whichever the hub's library uses
_TRANSPORT: Final[type[Exception]] = HfHubHTTPError.__bases__[0]


@dataclass(frozen=True)
class Publication:
    """What was published.

    Attributes:
        url: Page of the repository.
        commit: That the files are in; `revision=` of whoever wants exactly these.
    """

    url: str
    commit: str


def publication_files(folder: Path) -> dict[str, Path]:
    """The files of a checkpoint that go to the hub, by their names there, after a look at each.

    Raises:
        CheckpointError: The folder holds no checkpoint that loads.
        PublishError: There is no card, card or ONNX file are another checkpoint's, pickled weights lie in
            the folder, or weights are not finite.
        UsageError: There is an ONNX file, and the packages of the extra `onnx` to read it are not installed.
    """
    checkpoint = load_checkpoint(folder)
    if pickles := sorted(path.name for pattern in PICKLES for path in folder.glob(pattern)):
        raise PublishError(
            f"{folder} holds {', '.join(pickles)}: pickled files run code when they are loaded, so nobody "
            "should be given them. Move them elsewhere; model.safetensors has the weights."
        )
    if bad := _not_finite(folder / "model.safetensors"):
        raise PublishError(
            f"{folder}/model.safetensors: {bad} has values that are not finite. The training went wrong; "
            "train again with a lower learning rate."
        )
    if not (folder / CARD).is_file():
        raise PublishError(f"{folder} has no card. Write it with: polystance card {folder}")
    named = _DIGEST.search((folder / CARD).read_text(encoding="utf-8"))
    if named and named[1] != checkpoint.digest():
        raise PublishError(
            f"{folder / CARD} is the card of another checkpoint ({named[1][:12]}...). Evaluate this one, and "
            f"write its card with: polystance card {folder}"
        )
    for path in folder.glob("*.onnx"):
        if signature(path) != checkpoint.digest():
            raise PublishError(
                f"{path} was not made from this checkpoint. Make it anew with: polystance export --model "
                f"{folder} -o {path}"
            )
    found = [path for pattern in _WANTED for path in sorted(folder.glob(pattern)) if path.is_file()]
    return {path.relative_to(folder).as_posix(): path for path in found}


def publish(
    folder: Path,
    repo: str,
    *,
    private: bool | None = None,
    revision: str | None = None,
    token: str | None = None,
) -> Publication:
    """Upload a checkpoint; files that are there already, unchanged, are not sent again.

    Of an earlier version of it nothing stays in the branch: an old ONNX file would have other weights.

    Args:
        repo: "user/name"; made if there is none.
        private: Whether a new repository is private; the account's default if None.
        revision: Branch, made if there is none; "main" if None.
        token: Of the hub; the one that was logged in with if None.

    Raises:
        CheckpointError, PublishError: As `publication_files`; or nobody is logged in, the hub can't be
            reached, refuses, or has something else under this name.
    """
    files = publication_files(folder)
    if not (token or get_token()):
        raise PublishError(
            "Nobody is logged in to the hub. Run `hf auth login`, or set HF_TOKEN to a token that may write "
            f"(from {constants.ENDPOINT}/settings/tokens)."
        )
    api = HfApi(token=token)
    with _troubles(repo):
        name = load_checkpoint(folder).settings.name
        there = _check_repository(api, repo, revision, name, token)
        gone = [n for n in there if any(fnmatch(n, pattern) for pattern in _WANTED) and n not in files]
        url = api.create_repo(repo, private=private, exist_ok=True)
        if revision:
            api.create_branch(repo, branch=revision, exist_ok=True)
        made = api.create_commit(
            repo,
            [
                *(CommitOperationAdd(in_repo, path) for in_repo, path in files.items()),
                *map(CommitOperationDelete, gone),
            ],
            commit_message=f"{name}, by polystance",
            revision=revision,
        )
    return Publication(str(url), str(made.oid))


def _check_repository(api: HfApi, repo: str, revision: str | None, name: str, token: str | None) -> set[str]:
    """Files of the branch. Raises PublishError if they are no earlier version of the checkpoint `name`."""
    try:
        files = set(api.list_repo_files(repo, revision=revision))
    except (RepositoryNotFoundError, RevisionNotFoundError):
        return set()
    if SETTINGS_FILE in files:
        settings = Path(hf_hub_download(repo, SETTINGS_FILE, revision=revision, token=token))
        there = json.loads(settings.read_text(encoding="utf-8")).get("name")
        if there != name:
            raise PublishError(
                f"{repo} holds the checkpoint {there!r}, and this one is {name!r}. Give another --repo-id; "
                f"if this is to take its place, write that name into {SETTINGS_FILE} and make the card anew."
            )
    elif other := sorted(files - _MADE_BY_HUB):
        raise PublishError(
            f"{repo} exists and holds something else ({', '.join(other[:3])}, ...). Give another "
            "--repo-id, or empty that repository first."
        )
    return files


@contextmanager
def _troubles(repo: str) -> Iterator[None]:
    """Turns what the hub's library raises into a `PublishError` that says what to do."""
    again = "The same command goes on: what was sent whole is not sent again."
    try:
        yield
    except HFValidationError as error:
        raise PublishError(f"--repo-id {repo!r}: {error} Write user/name.") from error
    except OfflineModeIsEnabled as error:
        raise PublishError("The hub is switched off by HF_HUB_OFFLINE. Unset it to upload.") from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise PublishError(
                f"The hub refuses to write {repo} ({status}). Is the token one that may write, and the "
                "name before the / you or an organisation of yours? `hf auth whoami` tells."
            ) from error
        raise PublishError(f"The hub failed on {repo} ({_first_line(error)}). {again}") from error
    except RuntimeError as error:  # what the library makes of a large file that didn't get through
        raise PublishError(f"{_first_line(error)} {again}") from error
    except (_TRANSPORT, OSError) as error:
        reason = _first_line(error) or type(error).__name__
        raise PublishError(
            f"{constants.ENDPOINT} can't be reached ({reason}). Check the network. {again}"
        ) from error


def _not_finite(weights: Path) -> str | None:
    """Name of the first tensor with an infinite value or none at all."""
    with safe_open(weights, framework="pt") as tensors:  # numpy has no bfloat16
        for name in tensors.keys():  # noqa: SIM118 - no mapping
            if not torch.isfinite(tensors.get_tensor(name)).all():
                return str(name)
    return None


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:300]
