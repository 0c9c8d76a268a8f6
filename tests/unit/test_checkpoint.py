from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForTokenClassification, AutoTokenizer

from polystance.errors import CheckpointError
from polystance.models.checkpoint import SETTINGS_FILE, Checkpoint, load_checkpoint, resolve
from polystance.models.labels import MARKERS, OUTPUTS
from tests.unit.tiny import CHINESE, ENGLISH, WINDOW, write_tiny

FILES = ("config.json", "model.safetensors", "tokenizer.json", SETTINGS_FILE)


@pytest.fixture
def copy(tiny_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder, tmp_path / "copy"))


def change(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_loaded_checkpoint_is_ready(tiny: Checkpoint, tiny_folder: Path) -> None:
    assert (tiny.path, tiny.settings.name, tiny.settings.window_tokens) == (tiny_folder, "tiny", WINDOW)
    assert not tiny.model.training
    assert {p.dtype for p in tiny.model.parameters()} == {torch.float32}
    assert len(set(tiny.encoder.marker_ids)) == len(MARKERS)
    half = load_checkpoint(tiny_folder, dtype=torch.bfloat16)
    assert {p.dtype for p in half.model.parameters()} == {torch.bfloat16}


def test_the_folder_holds_no_pickle_and_half_precision(tiny_folder: Path) -> None:
    assert {p.name for p in tiny_folder.iterdir()} == {*FILES, "tokenizer_config.json"}
    assert {t.dtype for t in load_file(tiny_folder / "model.safetensors").values()} == {torch.float16}


def test_plain_transformers_loads_it(
    tiny: Checkpoint, tiny_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logger = logging.getLogger("transformers")
    logger.addHandler(caplog.handler)
    try:
        model, report = AutoModelForTokenClassification.from_pretrained(
            tiny_folder, output_loading_info=True, dtype=torch.float32
        )
        tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    finally:
        logger.removeHandler(caplog.handler)
    assert [r.message for r in caplog.records if r.levelno >= logging.WARNING] == []
    assert not any(report.values())
    assert tuple(model.config.id2label[i] for i in range(len(OUTPUTS))) == OUTPUTS
    ours = tiny.encoder.tokenizer
    for text in (*ENGLISH, *CHINESE, "[CLS] [T0] China [T7] Russia [SEP] ＧＤＰ 3.5%, zebra …"):
        assert tokenizer(text)["input_ids"] == ours.encode(text).ids
        assert (
            tokenizer(text, add_special_tokens=False)["input_ids"]
            == ours.encode(text, add_special_tokens=False).ids
        )
    assert len(tokenizer) == ours.get_vocab_size() == model.config.vocab_size
    assert tokenizer.convert_tokens_to_ids(list(MARKERS)) == list(tiny.encoder.marker_ids)
    assert tokenizer.pad_token_id == model.config.pad_token_id
    ids = tokenizer(ENGLISH[0], return_tensors="pt")
    with torch.inference_mode():
        kept = {k: v for k, v in ids.items() if k in ("input_ids", "attention_mask")}
        torch.testing.assert_close(model.eval()(**kept).logits, tiny.model(**kept).logits)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(CheckpointError, match=rf"lacks {name}.*polystance train"):
        load_checkpoint(copy)


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_a_checkpoint_error(copy: Path, name: str) -> None:
    data = (copy / name).read_bytes()
    (copy / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(CheckpointError, match=r"Fetch or train it again"):
        load_checkpoint(copy)


def test_other_outputs_are_refused(tmp_path: Path) -> None:
    folder = write_tiny(tmp_path / "pos", num_labels=2, id2label={0: "NOUN", 1: "VERB"}, label2id={})
    with pytest.raises(CheckpointError, match=r"2 labels \(NOUN, VERB.*polystance train"):
        load_checkpoint(folder)


def test_another_format_says_what_to_do(copy: Path) -> None:
    change(copy / SETTINGS_FILE, format=2)
    with pytest.raises(CheckpointError, match=r"format 2.*format 1.*[Ii]nstall"):
        load_checkpoint(copy)


def test_missing_weights_are_not_made_up(copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"classifier\.weight"):
        load_checkpoint(copy)


def test_a_tokenizer_without_markers_is_refused(copy: Path) -> None:
    text = (copy / "tokenizer.json").read_text(encoding="utf-8")
    (copy / "tokenizer.json").write_text(text.replace("[T3]", "[X3]"), encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"\[T3\]"):
        load_checkpoint(copy)


@pytest.mark.parametrize("name", ["no-such-checkpoint", "./a/b", "a/b/c", "~/x", "/nowhere/at/all"])
def test_no_checkpoint(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match="Bundled"):
        resolve(name)


def test_a_hub_id_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(CheckpointError, match=r"some-one/some-model.*local folder"):
        resolve("some-one/some-model")


@pytest.mark.parametrize("name", FILES)
def test_the_digest_follows_every_file(tiny: Checkpoint, copy: Path, name: str) -> None:
    moved = Checkpoint(copy, tiny.model, tiny.encoder, tiny.settings)
    assert moved.digest() == tiny.digest()
    assert len(tiny.digest()) == 64
    with (copy / name).open("ab") as stream:
        stream.write(b" ")
    assert moved.digest() != tiny.digest()
