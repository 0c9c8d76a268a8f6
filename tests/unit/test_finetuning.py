"""Fine-tuning: stopped and resumed, in parts, in bfloat16, stopped early, weighted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertForTokenClassification, BertModel

from polystance.errors import UsageError
from polystance.models.checkpoint import Checkpoint
from polystance.models.encoding import WindowEncoder
from polystance.training import finetuning
from polystance.training.examples import Example, read_examples
from polystance.training.finetuning import FinetuningConfig, finetune, joint_loss, out_of_patience
from polystance.training.pipeline import Run
from polystance.training.recipe import load_recipe
from tests.unit.tiny import tiny_config, tiny_model, write_news

CONFIG = FinetuningConfig(
    steps=7, batch_size=4, accumulation=2, evaluate_every=3, learning_rate=1e-3, max_tokens=80,
    unmarked=0.3, subset=0.5, average=0.9,
)  # fmt: skip


class Stopped(BaseException):
    """As a kill: nothing catches it."""


@pytest.fixture
def news(tmp_path: Path) -> tuple[Sequence[Example], Sequence[Example]]:
    folder = write_news(tmp_path) / "data"
    return read_examples(folder, "country-news", "train"), read_examples(folder, "country-news", "dev")


class Bench:
    """Trains a tiny model; `stop` is the number of parts computed before it is stopped."""

    def __init__(self, encoder: WindowEncoder, news: Any, patch: pytest.MonkeyPatch) -> None:
        self.encoder, (train, self.dev) = encoder, news
        self.train = [(example, 1.0 + i / 4) for i, example in enumerate(train)]
        self.parts, self.stop = 0, -1
        patch.setattr(finetuning, "joint_loss", self._loss)

    def _loss(self, *given: Any) -> torch.Tensor:
        if self.parts == self.stop:
            raise Stopped
        self.parts += 1
        return joint_loss(*given)

    def run(self, out: Path, config: FinetuningConfig = CONFIG) -> list[dict[str, Any]]:
        model = tiny_model(self.encoder.tokenizer.get_vocab_size())
        return finetune(model, self.encoder, self.train, self.dev, out, config)


@pytest.fixture
def bench(tiny: Checkpoint, news: Any, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tiny.encoder, news, monkeypatch)


def curve(history: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Losses, gradients, rates and scores; without what says how long it took."""
    return [row for row in history if "train_runtime" not in row]


def best(out: Path) -> dict[str, torch.Tensor]:
    return BertForTokenClassification.from_pretrained(out / "best").state_dict()


@pytest.mark.parametrize("stop", [9, 12])  # parts: in the fifth step, after the sixth and before its save
def test_a_resumed_training_computes_what_it_would_have_without_the_stop(
    bench: Bench, tmp_path: Path, stop: int
) -> None:
    straight = curve(bench.run(tmp_path / "straight"))
    assert bench.parts == 14
    assert [row["step"] for row in straight if "loss" in row] == [3, 6, 7]
    assert [row["step"] for row in straight if "eval_stance_f1" in row] == [3, 6, 7]

    bench.parts, bench.stop = 0, stop
    with pytest.raises(Stopped):
        bench.run(tmp_path / "stopped")
    # A checkpoint that was cut off while it was written doesn't count.
    (tmp_path / "stopped" / "checkpoint-7").mkdir()
    bench.stop = -1
    assert curve(bench.run(tmp_path / "stopped")) == straight
    ended = best(tmp_path / "stopped")
    for name, value in best(tmp_path / "straight").items():
        assert torch.equal(ended[name], value), name


def test_early_stopping(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = iter([0.5, 0.6, 0.55, 0.6, 0.9])
    with monkeypatch.context() as patch:
        patch.setattr(finetuning, "passage_scores", lambda *_: {"stance_f1": next(scores)})
        patch.setattr(finetuning, "soup_of", lambda model, *_: model.state_dict())
        config = replace(CONFIG, evaluate_every=1, patience=2)
        history = bench.run(tmp_path, config)
        assert [row["eval_stance_f1"] for row in history if "eval_stance_f1" in row] == [0.5, 0.6, 0.55, 0.6]
        assert bench.parts == 8
        assert curve(bench.run(tmp_path, config)) == curve(
            history
        )  # stopped for good: nothing is left to train
        assert bench.parts == 8


@pytest.mark.parametrize(
    ("scores", "patience", "stops"),
    [([], 1, False), ([0.1], 1, False), ([0.2, 0.1], 1, True), ([0.2, 0.1], 2, False), ([0.2, 0.2], 1, True),
     ([0.2, 0.1, 0.3], 1, False), ([0.3, 0.2, 0.1], 0, False)],
)  # fmt: skip
def test_patience(scores: list[float], patience: int, stops: bool) -> None:
    history = [{"loss": 1.0}, *({"eval_stance_f1": score} for score in scores)]
    assert out_of_patience(history, patience) is stops


def test_bfloat16_computes_nearly_the_same(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finetuning, "pick_precision", lambda precision, _: precision)  # slow, but possible
    config = replace(CONFIG, steps=3)
    losses = {
        precision: bench.run(tmp_path / precision, replace(config, precision=precision))[0]["loss"]
        for precision in ("fp32", "bf16")
    }
    assert losses["bf16"] != losses["fp32"]
    assert losses["bf16"] == pytest.approx(losses["fp32"], rel=0.03)
    assert {value.dtype for value in best(tmp_path / "bf16").values()} == {torch.float32}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 5}, "batch_size 5.*multiple of 2"),
        ({"precision": "fp16"}, "fp16.*auto, fp32, bf16"),
        ({"precision": "int8"}, "int8.*auto, fp32, bf16"),
        ({"max_tokens": 513}, "513.*at most 512"),
    ],
)
def test_what_can_not_be_trained_is_told(
    bench: Bench, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        bench.run(tmp_path, replace(CONFIG, **changes))


def batch(stances: Sequence[tuple[float, ...]], weights: Sequence[float]) -> dict[str, torch.Tensor]:
    """A text for each stance, its target's marker at position 1, nothing else labelled."""
    n = len(stances)
    return {
        "header": torch.tensor([[row, 1] for row in range(n)]),
        "stance": torch.tensor(stances),
        "weight": torch.tensor(weights),
        "mentions": torch.empty(0, 3, dtype=torch.long),
        "tone": torch.full((n,), -100),
        "frames": torch.full((n, 14), -1.0),
    }


@pytest.mark.parametrize(
    ("class_weights", "weights", "expected"),
    [
        ((1.0, 1.0, 1.0), (1.0, 1.0), 0.5),
        ((3.0, 1.0, 1.0), (1.0, 1.0), 0.75),  # the first stance counts three times
        ((1.0, 1.0, 1.0), (1.0, 4.0), 0.2),  # and so does a text of a data set with more weight
        ((3.0, 1.0, 1.0), (1.0, 3.0), 0.5),
    ],
)
def test_weights_of_classes_and_of_data_sets(
    class_weights: tuple[float, ...], weights: tuple[float, ...], expected: float
) -> None:
    """One favourable text, surely wrong (a loss of about 20), and a neutral one, surely right (0)."""
    config = FinetuningConfig(
        label_smoothing=0.0,
        class_weights=dict(zip(("favor", "neutral", "against"), class_weights, strict=True)),
    )
    logits = torch.zeros(2, 2, 20)
    logits[:, 1, 1] = 20.0
    loss = joint_loss(logits, batch([(1.0, 0.0, 0.0), (0.0, 1.0, 0.0)], weights), config)
    assert loss.item() == pytest.approx(20.0 * expected, abs=1e-3)


def test_every_option_is_in_the_documentation(root: Path) -> None:
    page = (root / "docs" / "recipes.md").read_text(encoding="utf-8")
    assert [f.name for f in fields(FinetuningConfig) if f"`{f.name}`" not in page] == []


RECIPE = """
name = "pair"
encoder = "{encoder}"
window_tokens = 512
[[stage]]
name = "news"
steps = 3
batch_size = 4
accumulation = {accumulation}
evaluate_every = 3
learning_rate = 1e-3
max_tokens = 80
[[stage.data]]
name = "country-news"
"""


def test_two_processes_compute_what_one_does_in_two_parts(tiny: Checkpoint, tmp_path: Path) -> None:
    """Through torchrun; each process takes its half of every step, and one of them writes."""
    encoder, data, work = tmp_path / "encoder", write_news(tmp_path), tmp_path / "work"
    tokenizer = tiny.encoder.tokenizer
    torch.manual_seed(1)
    still = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}  # what is dropped would differ
    BertModel(tiny_config(tokenizer.get_vocab_size(), **still)).save_pretrained(encoder)
    tokenizer.save(str(encoder / "tokenizer.json"))
    recipes = {}
    for accumulation in (1, 2):
        recipes[accumulation] = tmp_path / f"{accumulation}.toml"
        text = RECIPE.format(encoder=encoder, accumulation=accumulation)
        recipes[accumulation].write_text(text, encoding="utf-8")

    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"),
        *("-m", "polystance", "train", str(recipes[1])),
        *("--data", str(data), "--out", str(tmp_path / "out"), "--work", str(work)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-4_000:]
    assert done.stdout == f"{tmp_path / 'out'}\n"
    assert done.stderr.count(" tokens each") == 1  # told once

    recipe = load_recipe(recipes[2])
    run = Run(recipe, data, tmp_path / "alone")
    run.finetune(recipe.stages[0], run.mix(recipe.stages[0]))
    pair, alone = (
        json.loads((folder / "news" / "history.json").read_text(encoding="utf-8"))
        for folder in (work, tmp_path / "alone")
    )
    assert pair[0]["loss"] == pytest.approx(alone[0]["loss"], rel=1e-4)
    assert pair[0]["grad_norm"] == pytest.approx(alone[0]["grad_norm"], rel=1e-3)
    ours, theirs = best(work / "news"), best(tmp_path / "alone" / "news")
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, atol=1e-4, rtol=0, msg=name)
