"""fp32, bf16 and int8: what is chosen where, and that no text's label depends on its batch mates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from onnxruntime import InferenceSession
from typer.testing import CliRunner

from polystance.cli import app
from polystance.errors import CheckpointError, RunFolderError, UsageError
from polystance.inference.classifier import StanceClassifier
from polystance.inference.job import JobOptions, run_job
from polystance.models import onnx
from polystance.models.checkpoint import Checkpoint, load_checkpoint
from polystance.models.encoding import EncodedWindow
from polystance.models.forward import forward, pad
from polystance.models.labels import OUTPUTS, STANCES
from polystance.models.onnx import OnnxModel, quantised
from polystance.models.precision import pick_precision
from tests.unit.tiny import CHINESE, ENGLISH, TWENTY, write_jsonl

AMX = {"avx512_bf16": True, "amx_bf16": True, "avx512_vnni": True}
AVX512_BF16 = {"avx512_bf16": True, "avx512_vnni": True}
AVX2: dict[str, bool] = {}
TEXTS = (*ENGLISH, *CHINESE, " ".join(ENGLISH), "".join(CHINESE))

Machine = Callable[[Mapping[str, bool]], None]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Makes the processor one of x86 with the capabilities given."""

    def become(capabilities: Mapping[str, bool]) -> None:
        monkeypatch.setattr("platform.machine", lambda: "x86_64")
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
        monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)

    return become


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The int8 file of the tiny checkpoint is made once, and not in the user's cache."""
    monkeypatch.setattr("huggingface_hub.utils._cache_assets.HF_ASSETS_CACHE", cache)


def windows(tiny: Checkpoint) -> list[EncodedWindow]:
    return [
        tiny.encoder.window(tiny.encoder.sentences("", text), TWENTY[: 1 + n % 4], "en")
        for n, text in enumerate(TEXTS)
    ]


@pytest.mark.parametrize(
    ("capabilities", "precision", "chosen"),
    [
        (AMX, "auto", "bf16"),
        (AVX512_BF16, "auto", "fp32"),
        (AVX2, "auto", "fp32"),
        (AMX, "fp32", "fp32"),
        (AVX512_BF16, "bf16", "bf16"),
        (AVX512_BF16, "int8", "int8"),
    ],
)
def test_what_a_processor_computes_in(
    machine: Machine, capabilities: Mapping[str, bool], precision: str, chosen: str
) -> None:
    machine(capabilities)
    assert pick_precision(precision, "cpu") == chosen


@pytest.mark.parametrize(
    ("precision", "device", "message"),
    [
        ("fp16", "cpu", "auto, fp32, bf16, int8"),
        ("bf16", "cpu", "no bfloat16 in hardware"),
        ("bf16", "mps", "no bfloat16 in hardware"),
        ("int8", "cpu", "no VNNI"),
        ("int8", "cuda", "int8 is for CPUs"),
    ],
)
def test_what_is_refused_says_what_to_do(machine: Machine, precision: str, device: str, message: str) -> None:
    machine(AVX2)
    with pytest.raises(UsageError, match=message):
        pick_precision(precision, device)


def test_a_torch_that_cannot_tell_computes_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert pick_precision("auto", "cpu") == "fp32"


def test_int8_is_near_fp32_and_not_fp32(tiny: Checkpoint) -> None:
    exact, near = forward(tiny.model, windows(tiny)), forward(quantised(tiny).model, windows(tiny))
    assert [x.shape for x in near] == [(len(w.ids), len(OUTPUTS)) for w in windows(tiny)]
    off = np.concatenate([(a - b).ravel() for a, b in zip(exact, near, strict=True)])
    spread = np.concatenate([a.ravel() for a in exact]).std()
    assert 0 < off.std() < 0.1 * spread


@pytest.mark.parametrize("threads", [1, 3])
def test_in_int8_no_logit_depends_on_batch_mates_or_threads(
    tiny: Checkpoint, tiny_folder: Path, threads: int
) -> None:
    model = quantised(tiny).model
    alone = [forward(model, [window])[0] for window in windows(tiny)]
    (file,) = _files(tiny)
    together = forward(OnnxModel(file, threads), windows(tiny)[::-1], batch_tokens=10_000)
    for one, other in zip(alone, together[::-1], strict=True):
        np.testing.assert_array_equal(one, other)


def test_in_bf16_no_label_that_is_not_on_a_border_depends_on_batch_mates(tiny_folder: Path) -> None:
    half = StanceClassifier(load_checkpoint(tiny_folder, dtype=torch.bfloat16))
    together = _probabilities(half, [list(TEXTS)])
    alone = _probabilities(half, [[text] for text in TEXTS])
    top = np.sort(together, axis=1)
    sure = top[:, -1] - top[:, -2] > 0.02
    assert sure.sum() > 5
    np.testing.assert_allclose(alone, together, atol=0.01)
    assert (alone.argmax(1) == together.argmax(1))[sure].all()


def test_int8_is_made_once(tiny: Checkpoint, capsys: pytest.CaptureFixture[str]) -> None:
    quantised(tiny)
    (file,) = _files(tiny)
    made = file.stat().st_mtime_ns
    capsys.readouterr()
    assert quantised(tiny).precision == "int8"
    assert capsys.readouterr().err == ""
    assert file.stat().st_mtime_ns == made
    file.unlink()
    quantised(tiny)
    assert str(file) in capsys.readouterr().err


def test_without_the_extra_int8_says_how_to_get_it(tiny: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"polystance\[onnx\]"):
        quantised(tiny)


def test_a_cache_that_cannot_be_made_says_so(
    tiny: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("huggingface_hub.utils._cache_assets.HF_ASSETS_CACHE", tmp_path / "file")
    with pytest.raises(CheckpointError, match="HF_HOME"):
        quantised(tiny)


def test_an_exported_file_takes_batches(tiny: Checkpoint, tiny_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "new" / "model.onnx"
    result = CliRunner().invoke(app, ["export", "--model", str(tiny_folder), "-o", str(file)])
    assert result.exit_code == 0, result.output
    assert [p.name for p in file.parent.iterdir()] == ["model.onnx"]
    ids, mask = (x.numpy() for x in pad([w.ids for w in windows(tiny)]))
    (logits,) = InferenceSession(file).run(None, {"input_ids": ids, "attention_mask": mask})
    assert logits.shape == (*ids.shape, len(OUTPUTS))
    exact = forward(tiny.model, windows(tiny))
    for row, logit in zip(logits, exact, strict=True):
        assert np.abs(row[: len(logit)] - logit).mean() < 0.1 * logit.std()


def test_a_run_goes_on_in_its_own_precision_only(tiny: Checkpoint, tmp_path: Path) -> None:
    news = write_jsonl(tmp_path / "news.jsonl", [{"id": "1", "text": ENGLISH[0]}])
    run_job(StanceClassifier(tiny), [str(news)], tmp_path / "out", JobOptions())
    with pytest.raises(RunFolderError, match="precision: 'fp32' then, 'int8' now"):
        run_job(StanceClassifier(quantised(tiny)), [str(news)], tmp_path / "out", JobOptions())


def _files(checkpoint: Checkpoint) -> list[Path]:
    from huggingface_hub import cached_assets_path

    quantised(checkpoint)
    return list(cached_assets_path("polystance", "int8", checkpoint.digest()).iterdir())


def _probabilities(classifier: StanceClassifier, batches: list[list[str]]) -> NDArray[np.float64]:
    labels = [label for batch in batches for label in classifier.classify(batch, ["US", "CN", "RU"])]
    return np.array([[s.probabilities[x] for x in STANCES] for a in labels for s in a.stances.values()])
