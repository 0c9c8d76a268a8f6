"""Publishing a checkpoint and loading it back, by the hub's own client, from a server on this machine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from huggingface_hub import close_session, constants
from onnx import save as save_onnx
from onnx.helper import make_graph, make_model
from safetensors.torch import load_file, save_file

from polystance.errors import CheckpointError, PublishError
from polystance.inference.classifier import StanceClassifier
from polystance.models.checkpoint import load_checkpoint, resolve
from polystance.models.onnx import write_onnx
from polystance.training.card import write_card
from polystance.training.publishing import publication_files, publish
from tests.unit.hub import ModelHub
from tests.unit.test_card import EVALUATION, sign
from tests.unit.tiny import write_tiny

REPO = "me/harbour-model"
LOAD = """
import json, sys, warnings
warnings.simplefilter("error", FutureWarning); warnings.simplefilter("error", DeprecationWarning)
from polystance import StanceClassifier
from transformers import AutoModelForTokenClassification, AutoTokenizer
model, revision = sys.argv[1:]
classifier = StanceClassifier.from_pretrained(model, "cpu", precision="fp32", revision=revision or None)
plain = AutoModelForTokenClassification.from_pretrained(model, revision=revision or None)
tokenizer = AutoTokenizer.from_pretrained(model, revision=revision or None)
text = "Washington praised the harbour treaty with Tokyo."
ids = tokenizer(text, return_tensors="pt")
labels = classifier.classify([text], ["US"])[0].stances["US"]
print(json.dumps({
    "digest": classifier.checkpoint.digest(), "probabilities": labels.probabilities,
    "class": type(plain).__name__, "labels": len(plain(**ids).logits[0, 0]),
    "tokens": tokenizer.convert_ids_to_tokens(tokenizer("[T0] Tokyo")["input_ids"]),
}))
"""


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    write_tiny(folder)
    (folder / "results").mkdir()
    (folder / "results" / "harbour-news.json").write_text(json.dumps(EVALUATION), encoding="utf-8")
    sign(folder)
    write_card(folder)
    (folder / "notes.txt").write_text("not for everyone", encoding="utf-8")
    return folder


@pytest.fixture
def hub() -> ModelHub:
    return ModelHub()


@pytest.fixture
def address(hub: ModelHub) -> Iterator[str]:
    with hub.serve() as address:
        yield address


def python(address: str, home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The hub's client reads its environment when it is imported: so each in a process of its own."""
    known = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGINGFACE"))}
    hub = {"HF_ENDPOINT": address, "HF_HOME": str(home), "HF_TOKEN": "hf_local", "HF_HUB_DISABLE_XET": "1"}
    return subprocess.run(
        [sys.executable, *arguments], env={**known, **hub, **environment},
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


def push(
    address: str, home: Path, folder: Path, *options: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    return python(
        address, home, "-m", "polystance", "push", str(folder), "--repo-id", REPO, *options, **environment
    )


def test_pushed_and_loaded_back(checkpoint: Path, hub: ModelHub, address: str, tmp_path: Path) -> None:
    dry = push(address, tmp_path / "home", checkpoint, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert not hub.requests
    assert (checkpoint / "README.md").read_text(encoding="utf-8") in dry.stdout

    made = push(address, tmp_path / "home", checkpoint, "--private")
    assert made.returncode == 0, made.stderr
    url, commit = made.stdout.split()
    assert url == f"{address}/{REPO}"
    assert hub.private[REPO]
    there = hub.commits[REPO][commit]
    assert set(there) - {".gitattributes"} == {
        "README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
        "polystance.json", "results/harbour-news.json",
    }  # fmt: skip
    assert set(there) - {".gitattributes"} == set(re.findall(r"^ *[\d,]+ (\S+)$", dry.stdout, re.MULTILINE))
    assert all((checkpoint / name).read_bytes() == data for name, data in there.items() if name[0] != ".")

    # A later version must not reach who pinned the first one.
    settings = json.loads((checkpoint / "polystance.json").read_text(encoding="utf-8"))
    (checkpoint / "polystance.json").write_text(
        json.dumps({**settings, "window_tokens": 64}), encoding="utf-8"
    )
    sign(checkpoint)
    (checkpoint / "results" / "harbour-news.json").rename(checkpoint / "results" / "news.json")
    write_card(checkpoint)
    sent = len(hub.requests)
    again = push(address, tmp_path / "home", checkpoint)
    assert again.returncode == 0, again.stderr
    assert not [request for request in hub.requests[sent:] if request.startswith("PUT")]
    newest = again.stdout.split()[1]
    assert newest != commit
    assert "results/news.json" in hub.commits[REPO][newest]
    assert "results/harbour-news.json" not in hub.commits[REPO][newest]  # of the first version

    pinned = python(address, tmp_path / "clean", "-c", LOAD, REPO, commit)
    assert pinned.returncode == 0, pinned.stderr
    found = json.loads(pinned.stdout)
    before = tmp_path / "before"
    shutil.copytree(checkpoint, before)
    (before / "polystance.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    assert found["digest"] == load_checkpoint(before).digest()
    assert found["class"] == "BertForTokenClassification"
    assert found["labels"] == 20
    assert "[T0]" in found["tokens"]
    latest = python(address, tmp_path / "clean", "-c", LOAD, REPO, "")
    assert json.loads(latest.stdout)["digest"] == load_checkpoint(checkpoint).digest()

    # What the cache has is enough without a network.
    offline = python("http://127.0.0.1:9", tmp_path / "clean", "-c", LOAD, REPO, commit, HF_HUB_OFFLINE="1")
    assert offline.returncode == 0, offline.stderr
    assert json.loads(offline.stdout) == found


@pytest.fixture
def client(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The hub's client in this process turned to the server."""
    monkeypatch.setattr(constants, "ENDPOINT", address)
    files = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", files)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", "hf_local")
    yield address
    close_session()


def test_a_broken_upload_goes_on(checkpoint: Path, hub: ModelHub, client: str) -> None:
    hub.broken = 1
    with pytest.raises(PublishError, match=r"model\.safetensors.*The same command goes on"):
        publish(checkpoint, REPO, revision="trial")
    hub.failing = 1
    with pytest.raises(PublishError, match="The same command goes on"):
        publish(checkpoint, REPO, revision="trial")
    hub.requests.clear()
    made = publish(checkpoint, REPO, revision="trial")
    assert not [request for request in hub.requests if request.startswith("PUT")]  # it had got through
    assert hub.branches[REPO, "trial"] == made.commit != hub.branches[REPO, "main"]


def test_refusals_of_the_hub_say_what_to_do(
    checkpoint: Path, hub: ModelHub, client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.create(REPO)
    hub.commit(REPO, "main", {"app.py": b"", "data.csv": b""})
    with pytest.raises(PublishError, match=r"holds something else \(app\.py, data\.csv"):
        publish(checkpoint, REPO)
    hub.commit(REPO, "main", {"polystance.json": b'{"name": "ferries"}'})
    with pytest.raises(PublishError, match="holds the checkpoint 'ferries', and this one is 'tiny'"):
        publish(checkpoint, REPO)
    hub.commits.clear()
    hub.reader = True
    with pytest.raises(PublishError, match="token one that may write"):
        publish(checkpoint, REPO)
    with pytest.raises(PublishError, match="Write user/name"):
        publish(checkpoint, "me/too/deep")
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("time.sleep", lambda _: None)  # between the client's own tries
    with pytest.raises(PublishError, match="can't be reached"):
        publish(checkpoint, REPO)
    hub.requests.clear()
    monkeypatch.setattr("polystance.training.publishing.get_token", lambda: None)
    with pytest.raises(PublishError, match="hf auth login"):
        publish(checkpoint, REPO)
    assert not hub.requests


def test_options_of_loading_reach_the_hub(
    checkpoint: Path, hub: ModelHub, client: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = publish(checkpoint, REPO)
    hub.commit(REPO, "main", {**hub.commits[REPO][first.commit], "README.md": b"newer"})
    monkeypatch.delenv("HF_TOKEN")
    hub.secret = "hf_reader"
    cache = tmp_path / "cache"
    with pytest.raises(CheckpointError, match="Can't get checkpoint"):
        resolve(REPO, cache_dir=cache, token=False)
    newest = resolve(REPO, cache_dir=cache, token="hf_reader")
    assert newest.is_relative_to(cache)
    assert (newest / "README.md").read_bytes() == b"newer"
    pinned = resolve(f"{REPO}@{first.commit}", cache_dir=cache, token="hf_reader")
    assert pinned.name == first.commit
    hub.requests.clear()
    there = StanceClassifier.from_pretrained(
        REPO, "cpu", revision=first.commit, cache_dir=cache, local_files_only=True
    )
    assert there.checkpoint.path == pinned
    assert not hub.requests


def test_what_is_not_fit_is_not_published(checkpoint: Path) -> None:
    assert "notes.txt" not in publication_files(checkpoint)
    (checkpoint / "pytorch_model.bin").touch()
    with pytest.raises(PublishError, match=r"pytorch_model\.bin: pickled files run code"):
        publication_files(checkpoint)
    (checkpoint / "pytorch_model.bin").unlink()
    save_onnx(make_model(make_graph([], "empty", [], [])), checkpoint / "model.onnx")
    with pytest.raises(PublishError, match=r"model\.onnx was not made from this checkpoint"):
        publication_files(checkpoint)
    write_onnx(load_checkpoint(checkpoint), checkpoint / "model.onnx")
    assert "model.onnx" in publication_files(checkpoint)
    (checkpoint / "model.onnx").unlink()
    settings = checkpoint / "polystance.json"
    settings.write_text(settings.read_text(encoding="utf-8").replace("96", "80"), encoding="utf-8")
    with pytest.raises(PublishError, match="card of another checkpoint"):
        publication_files(checkpoint)
    (checkpoint / "README.md").unlink()
    with pytest.raises(PublishError, match="has no card"):
        publication_files(checkpoint)
    tensors = {n: t.bfloat16() for n, t in load_file(checkpoint / "model.safetensors").items()}
    save_file(tensors, checkpoint / "model.safetensors", metadata={"format": "pt"})
    sign(checkpoint)
    write_card(checkpoint)
    assert publication_files(checkpoint)
    tensors = load_file(checkpoint / "model.safetensors")
    tensors["classifier.bias"][3] = torch.inf
    save_file(tensors, checkpoint / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(PublishError, match=r"classifier\.bias has values that are not finite"):
        publication_files(checkpoint)


def test_pickled_weights_are_not_loaded(checkpoint: Path) -> None:
    (checkpoint / "model.safetensors").rename(checkpoint / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="can run any code"):
        load_checkpoint(checkpoint)
