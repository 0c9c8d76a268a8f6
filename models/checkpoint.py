"""Checkpoints: a folder that plain transformers loads, plus `polystance.json` with what only we need.

config.json, model.safetensors, tokenizer.json, tokenizer_config.json   AutoModelForTokenClassification
polystance.json                                                        window length, calibration, pooling
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from polystance.errors import CheckpointError
from polystance.models.calibration import Calibration
from polystance.models.conformal import ConformalSets
from polystance.models.labels import FRAMES, MARKERS, OUTPUTS
from polystance.models.onnx import OnnxModel
from polystance.models.pooling import Pooling

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer
    from transformers import PretrainedConfig, PreTrainedModel

    from polystance.models.encoding import WindowEncoder

DEFAULT: Final = "polystance-mini"
SETTINGS_FILE: Final = "polystance.json"
FORMAT: Final = 1
# All that is needed to label, and all that decides a label.
FILES: Final = ("config.json", "model.safetensors", "tokenizer.json", SETTINGS_FILE)
# Weights and objects that run code of their maker's when they are loaded.
PICKLES: Final = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.pickle", "*.ckpt")
MIN_WINDOW: Final = 64  # the longest name of a target takes 28 tokens, and a title a quarter of the window
# Special tokens of the families of tokenizers: BERT's (also of DeBERTa and ModernBERT), Gemma's (of mmBERT),
# RoBERTa's (of XLM-R). The first whose tokens are all known counts: Gemma's also knows "<s>", as HTML.
_ROLES: Final = ("cls_token", "sep_token", "pad_token", "unk_token", "mask_token")
_FAMILIES: Final = (
    ("[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]"),
    ("<bos>", "<eos>", "<pad>", "<unk>", "<mask>"),
    ("<s>", "</s>", "<pad>", "<unk>", "<mask>"),
)
_BUNDLED: Final = Path(__file__).parent / "checkpoints"


@dataclass(frozen=True)
class Settings:
    """What a checkpoint needs beside weights and tokenizer.

    Attributes:
        name: Of the checkpoint.
        window_tokens: Longest window, header included.
        simplify: Whether traditional characters are simplified before tokenising.
        frame_thresholds: Probability from which a frame is reported, by frame.
        calibration: Temperatures.
        conformal: Floors of the sets of stances.
        pooling: Weights of windows, for stance.
        tone_pooling: The same for tone.
    """

    name: str
    window_tokens: int = 256
    simplify: bool = True
    frame_thresholds: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(FRAMES, 0.5))
    calibration: Calibration = field(default_factory=Calibration)
    conformal: ConformalSets = field(default_factory=ConformalSets)
    pooling: Pooling = field(default_factory=Pooling)
    tone_pooling: Pooling = field(default_factory=Pooling)

    def to_json(self) -> str:
        return (
            json.dumps(
                {
                    "format": FORMAT,
                    "name": self.name,
                    "window_tokens": self.window_tokens,
                    "simplify": self.simplify,
                    "frame_thresholds": dict(self.frame_thresholds),
                    "calibration": self.calibration.to_dict(),
                    "conformal": self.conformal.to_dict(),
                    "pooling": self.pooling.to_dict(),
                    "tone_pooling": self.tone_pooling.to_dict(),
                },
                indent=2,
            )
            + "\n"
        )

    @classmethod
    def from_json(cls, text: str, source: Path) -> Settings:
        try:
            data = json.loads(text)
            if data["format"] != FORMAT:
                raise CheckpointError(
                    f"{source} has format {data['format']}; this polystance reads format {FORMAT}. "
                    "Install the version of polystance that wrote it, or train the checkpoint again."
                )
            window = int(data["window_tokens"])
            if window < MIN_WINDOW:
                raise ValueError(f"window_tokens is {window}, at least {MIN_WINDOW} are needed")
            return cls(
                name=data["name"],
                window_tokens=window,
                simplify=bool(data["simplify"]),
                frame_thresholds={f: float(data["frame_thresholds"][f]) for f in FRAMES},
                calibration=Calibration.from_dict(data["calibration"]),
                # Checkpoints of before 2026-11-25 have none: then every label stays plausible.
                conformal=ConformalSets.from_dict(data.get("conformal", ConformalSets().to_dict())),
                pooling=Pooling.from_dict(data["pooling"]),
                tone_pooling=Pooling.from_dict(data["tone_pooling"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"{source} is not a valid {SETTINGS_FILE}: {error!r}. Fetch or train it again."
            ) from error


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint: the model in evaluation mode, the encoder of its inputs, its settings."""

    path: Path
    model: PreTrainedModel | OnnxModel
    encoder: WindowEncoder
    settings: Settings

    @property
    def precision(self) -> str:
        """What the forward pass is computed in: fp32, bf16, or int8."""
        if isinstance(self.model, OnnxModel):
            return "int8"
        return {"float32": "fp32", "bfloat16": "bf16"}[str(self.model.dtype).removeprefix("torch.")]

    def digest(self) -> str:
        """SHA-256 over everything that decides a label, hexadecimal."""
        digest = hashlib.sha256()
        for name in FILES:
            with (self.path / name).open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        return digest.hexdigest()


def resolve(
    model: str | Path | None = None,
    revision: str | None = None,
    *,
    cache_dir: str | Path | None = None,
    token: str | bool | None = None,
    local_files_only: bool = False,
) -> Path:
    """Folder of a checkpoint.

    Args:
        model: None for the one that ships, the name of a bundled one, a folder, or a hub id, "user/name" or
            "user/name@revision".
        revision: Branch, tag or commit, for a hub id.
        cache_dir: Where a hub id's files are kept; the cache of the Hugging Face client if None.
        token: Of the hub; None for the one that was logged in with, False for none.
        local_files_only: Take what the cache has and ask nobody, as HF_HUB_OFFLINE does.

    Raises:
        CheckpointError: It is none of these, has two revisions, or the hub can't be reached.
    """
    if model is None or str(model) == DEFAULT:
        model = _BUNDLED / DEFAULT
    path = Path(model)
    if path.is_dir():
        return path
    name = str(model)
    if name.count("/") == 1 and not name.startswith((".", "/", "~")) and not name.endswith("/"):
        name, _, pinned = name.partition("@")
        if pinned and revision and pinned != revision:
            raise CheckpointError(f"{model} has one revision, and {revision!r} is another. Give one of them.")
        revision = revision or pinned or None
        return _download(
            name, revision=revision, cache_dir=cache_dir, token=token, local_files_only=local_files_only
        )
    bundled = sorted(p.name for p in _BUNDLED.iterdir() if p.is_dir()) if _BUNDLED.is_dir() else []
    raise CheckpointError(
        f"No checkpoint {name!r}: it is no folder, and no hub id (user/name). "
        f"Bundled: {', '.join(bundled) or 'none'}."
    )


def _download(name: str, **options: Any) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    wanted = ["*.json", "*.safetensors", "*.txt", "README.md"]  # never pickled weights, never code
    try:
        return Path(snapshot_download(name, allow_patterns=wanted, **options))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        offline = " HF_HUB_OFFLINE is set: unset it to download." if os.environ.get("HF_HUB_OFFLINE") else ""
        raise CheckpointError(
            f"Can't get checkpoint {name!r} from the hub: {error}.{offline} "
            "Check the name and the network, or give a local folder; "
            "without --model the bundled checkpoint is used."
        ) from error


def load_checkpoint(
    model: str | Path | None = None,
    *,
    device: str = "cpu",
    dtype: torch.dtype | None = None,
    **hub: Any,
) -> Checkpoint:
    """Load a checkpoint for use, in `dtype` (fp32 if None; see `models.precision`).

    `hub`: options of `resolve` for a hub id.

    Raises:
        CheckpointError: A file is missing or damaged, weights are there as a pickle alone, or the outputs are
            not polystance's.
    """
    path = resolve(model, **hub)
    missing = [name for name in FILES if not (path / name).is_file()]
    if "model.safetensors" in missing and (pickles := [p.name for g in PICKLES for p in path.glob(g)]):
        raise CheckpointError(
            f"{path} has its weights as {', '.join(sorted(pickles))} alone. Such files can run any code when "
            "they are loaded, so polystance reads safetensors only. Load it where you trust it, and save it "
            "with model.save_pretrained(folder)."
        )
    if missing:
        raise CheckpointError(
            f"{path} lacks {', '.join(missing)}: not a polystance checkpoint, whose weights are safetensors "
            "(pickled ones, such as pytorch_model.bin, run code when they are loaded, and are not read). "
            "Give a folder that `polystance train` wrote, or none for the bundled one."
        )
    settings = Settings.from_json((path / SETTINGS_FILE).read_text(encoding="utf-8"), path / SETTINGS_FILE)
    network = _read_model(path, dtype)
    outputs = tuple(network.config.id2label[i] for i in range(network.config.num_labels))
    if outputs != OUTPUTS:
        raise CheckpointError(
            f"{path} predicts {len(outputs)} labels ({', '.join(outputs[:4])}, ...); a polystance checkpoint "
            f"predicts {len(OUTPUTS)} ({', '.join(OUTPUTS[:4])}, ...). Run `polystance train` first."
        )
    encoder = _read_encoder(path / "tokenizer.json", settings.simplify)
    return Checkpoint(path, network.eval().to(device), encoder, settings)


def _read_model(path: Path, dtype: torch.dtype | None) -> Any:
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForTokenClassification

    try:
        with _quiet():
            network, report = AutoModelForTokenClassification.from_pretrained(
                path,
                dtype=dtype or torch.float32,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"Can't read the model in {path}: {error} Fetch or train it again.") from error
    if report["missing_keys"]:
        lost = ", ".join(sorted(report["missing_keys"])[:4])
        raise CheckpointError(
            f"{path / 'model.safetensors'} lacks the weights {lost}. Fetch or train it again."
        )
    return network


def _read_encoder(path: Path, simplify: bool) -> WindowEncoder:
    from tokenizers import Tokenizer

    try:
        return make_encoder(Tokenizer.from_file(str(path)), simplify)
    except Exception as error:  # tokenizers raises nothing narrower
        raise CheckpointError(f"Can't use the tokenizer {path}: {error} Fetch or train it again.") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bar for reading a local file, whatever the caller's own setting is afterwards."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def make_encoder(tokenizer: Tokenizer, simplify: bool = True) -> WindowEncoder:
    """The input encoder for a tokenizer of BERT's family, Gemma's or RoBERTa's.

    Raises:
        CheckpointError: The tokenizer has the special tokens of none of them.
        ValueError: It has no markers.
    """
    from polystance.models.encoding import WindowEncoder

    tokenizer.no_padding()
    tokenizer.no_truncation()
    special = special_tokens(tokenizer)
    return WindowEncoder(tokenizer, cls=special["cls_token"], sep=special["sep_token"], simplify=simplify)


def special_tokens(tokenizer: Tokenizer) -> dict[str, str]:
    """Special tokens by their role ("cls_token" ...), as transformers calls it.

    Raises:
        CheckpointError: The tokenizer has those of no family that is known here.
    """
    for family in _FAMILIES:
        if all(tokenizer.token_to_id(token) is not None for token in family):
            return dict(zip(_ROLES, family, strict=True))
    families = "; ".join(" ".join(family) for family in _FAMILIES)
    raise CheckpointError(
        f"The tokenizer has no special tokens that polystance knows: {families}. "
        "Use an encoder of BERT's, RoBERTa's or ModernBERT's kind."
    )


def max_positions(config: PretrainedConfig) -> int:
    """Longest input of an encoder, in tokens. RoBERTa's family counts from after the padding's id."""
    positions = int(config.max_position_embeddings)
    return positions - int(config.pad_token_id) - 1 if "roberta" in config.model_type else positions


def save_checkpoint(model: PreTrainedModel, tokenizer: Tokenizer, settings: Settings, out: Path) -> None:
    """Write a checkpoint, weights in fp16 (half the size; labels don't change), safetensors only."""
    import torch

    out.mkdir(parents=True, exist_ok=True)
    model.config.dtype = torch.float16
    halves = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in model.state_dict().items()
    }
    with _quiet():
        model.save_pretrained(out, state_dict=halves)
    (out / "model.safetensors").chmod(0o644)
    tokenizer.save(str(out / "tokenizer.json"))
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **special_tokens(tokenizer),
        "additional_special_tokens": list(MARKERS),
        "model_max_length": max_positions(model.config),
        "clean_up_tokenization_spaces": False,
    }
    (out / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (out / SETTINGS_FILE).write_text(settings.to_json(), encoding="utf-8")
