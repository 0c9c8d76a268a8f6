"""Scores of any predictor, of a checkpoint on a data set, and of two against each other."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from sklearn.metrics import f1_score
from typer.testing import CliRunner

from polystance.cli import app
from polystance.errors import DataError, UsageError
from polystance.inference.classifier import StanceClassifier
from polystance.models.checkpoint import Checkpoint
from polystance.models.labels import FRAMES, STANCES
from polystance.training.evaluation import evaluate, evaluate_dataset, evaluate_examples
from polystance.training.examples import Example, find_mentions, read_examples, read_seeds
from polystance.training.predictors import CheckpointPredictor, label_examples
from polystance.training.significance import compare_predictors
from tests.unit.tiny import CHINESE, ENGLISH, write_jsonl, write_tiny

EXAMPLES = read_seeds()


def rows(*texts: str) -> list[dict[str, object]]:
    return [
        {"id": f"{n}", "lang": "en" if text.isascii() else "zh", "text": text, "target": "US", "label": label}
        for n, (text, label) in enumerate(zip(texts, ("favor", "neutral", "against") * 9, strict=False))
    ]


class Guesser:
    """Right with a probability; otherwise a random stance. Says so with 0.8, or 0.5 beside it."""

    def __init__(self, right: float, seed: int = 0, plain: bool = False) -> None:
        self.right, self.seed, self.plain = right, seed, plain

    def __call__(self, examples: Sequence[Example]) -> list[dict[str, Any]]:
        rng = np.random.default_rng(self.seed)
        found = []
        for example in examples:
            row: dict[str, Any] = {}
            for target, gold in example.stances.items():
                label = gold if rng.random() < self.right else str(rng.choice(STANCES))
                row[target] = label if self.plain else {s: 0.8 if s == label else 0.1 for s in STANCES}
            found.append(row)
        return found


def shown(table: object) -> str:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text()


def test_a_callable_is_scored_as_scikit_learn_scores_it() -> None:
    guesser = Guesser(0.6)
    result = evaluate(guesser, EXAMPLES, draws=50)
    pairs = [
        (e.language, t, e.group, gold, max(p[t], key=p[t].get))
        for e, p in zip(EXAMPLES, guesser(EXAMPLES), strict=True)
        for t, gold in e.stances.items()
    ]

    def sklearn(chosen: list[tuple[str, ...]], labels: Sequence[str] = STANCES) -> float:
        gold, guess = [p[3] for p in chosen], [p[4] for p in chosen]
        return float(f1_score(gold, guess, labels=labels, average="macro", zero_division=0))

    assert result.rows == len(pairs)
    assert result.macro_f1["all"].value == pytest.approx(sklearn(pairs))
    assert result.macro_f1["zh"].value == pytest.approx(sklearn([p for p in pairs if p[0] == "zh"]))
    assert result.macro_f1["all"].low < result.macro_f1["all"].value < result.macro_f1["all"].high
    for column, groups in ((1, result.by_target), (2, result.by_outlet)):
        counts = {name: sum(p[column] == name for p in pairs) for name in {p[column] for p in pairs}}
        assert set(groups) == {name for name, count in counts.items() if count >= 20}
        for name, score in groups.items():
            chosen = [p for p in pairs if p[column] == name]
            assert score.rows == len(chosen)
            assert score.value == pytest.approx(sklearn(chosen, sorted({p[3] for p in chosen})))
    accuracy = sum(p[3] == p[4] for p in pairs) / len(pairs)
    assert result.calibration_error["all"] == pytest.approx(abs(0.8 - accuracy))
    (only,) = result.reliability["all"]
    assert (only.low, only.high, only.rows) == (0.8, 0.9, len(pairs))
    assert only.accuracy == pytest.approx(accuracy)
    shares = [[sum(p[i] == s for p in pairs) / len(pairs) for s in STANCES] for i in (3, 4)]
    assert result.prevalence_error["all"] == pytest.approx(np.abs(np.subtract(*shares)).mean())
    assert json.loads(json.dumps(result.to_dict()))["by_target"]["CN"]["rows"] == result.by_target["CN"].rows
    assert f"{100 * result.macro_f1['all'].value:.1f}" in shown(result.table("mine"))
    assert "Sample Herald" in shown(result.group_table())
    assert "0.8 to 0.9" in shown(result.reliability_table("zh"))


def test_labels_without_probabilities_get_no_calibration() -> None:
    plain, sure = Guesser(0.6, plain=True), Guesser(0.6)
    result, same = evaluate(plain, EXAMPLES, draws=20), evaluate(sure, EXAMPLES, draws=20)
    assert result.macro_f1 == same.macro_f1
    assert result.prevalence_error == same.prevalence_error
    assert (result.calibration_error, result.reliability) == ({}, {})
    assert "mine" in shown(result.table("mine"))


def test_a_set_without_neutral_labels_is_scored_over_two_stances(tiny: Checkpoint) -> None:
    taking_sides = [
        Example(str(n), str(n), "de", "", "Text.", {"it": "favor" if n % 2 else "against"}) for n in range(40)
    ]
    assert evaluate(Guesser(1.0), taking_sides, draws=20).macro_f1["all"].value == 1
    result = evaluate(lambda same: [{"it": "neutral"} for _ in same], taking_sides, draws=20)
    assert result.macro_f1["all"].value == 0
    assert evaluate(tiny, taking_sides, draws=20).rows == 40  # in a language that it does not know


def test_classifier_and_checkpoint_are_predictors(tiny: Checkpoint, classifier: StanceClassifier) -> None:
    examples = []
    for e in EXAMPLES[:4]:  # long texts, with mentions as the classifier finds them
        title, text = find_mentions(e.title, e.text, targets=e.stances)
        examples.append(replace(e, title_mentions=title, text_mentions=text))
    labels = label_examples(classifier, examples)
    for label, found in zip(labels, CheckpointPredictor(tiny)(examples), strict=True):
        assert label.windows > 1
        for target, stance in label.stances.items():
            assert found[target] == pytest.approx(dict(stance.probabilities), abs=1e-5)
    by_checkpoint = evaluate(tiny, examples, draws=20)
    assert by_checkpoint == evaluate(tiny.path, examples, draws=20)
    assert by_checkpoint.macro_f1 == evaluate(classifier, examples, draws=20).macro_f1


@pytest.mark.parametrize(
    ("prediction", "message"),
    [
        ({}, "nothing for target 'US' of 'x'"),
        (None, "nothing for target"),
        ({"US": "good"}, "'good' for target 'US'"),
        ({"US": {"favor": 1.0}}, "probability of each"),
        ({"US": {"favor": 0.5, "neutral": 0.5, "against": 0.5}}, "sum to 1"),
        ({"US": {"favor": float("nan"), "neutral": 0.5, "against": 0.5}}, "finite"),
        ({"US": {"favor": -1.0, "neutral": 1.0, "against": 1.0}}, "not negative"),
        ({"US": 3}, "gave 3 for target"),
    ],
)
def test_what_is_no_prediction_is_refused(prediction: Any, message: str) -> None:
    example = Example("x", "x", "en", "", "Text.", {"US": "favor"})
    with pytest.raises(DataError, match=message):
        evaluate(lambda _: [prediction], [example])


def test_wrong_numbers_and_nothing_to_score_are_refused() -> None:
    example = Example("x", "x", "en", "", "Text.", {"US": "favor"})
    with pytest.raises(DataError, match="2 predictions for 1 examples"):
        evaluate(lambda _: [{"US": "favor"}] * 2, [example])
    with pytest.raises(DataError, match="nothing to score"):
        evaluate(Guesser(1.0), [Example("x", "x", "en", "", "Text.", {})])
    with pytest.raises(UsageError, match="can't predict"):
        evaluate(3, [example])  # type: ignore[arg-type]


def test_two_predictors() -> None:
    better, worse = Guesser(0.8), Guesser(0.3, seed=1)
    result = compare_predictors(better, worse, EXAMPLES, names=("good", "bad"), draws=300)
    every = result.macro_f1["all"]
    assert set(result.macro_f1) == {"all", "zh", "en"}
    assert every.a == evaluate(better, EXAMPLES, draws=20).macro_f1["all"].value
    assert every.value == pytest.approx(every.a - every.b)
    assert 0 < every.low < every.value < every.high
    assert every.p == pytest.approx(2 / 301)
    turned = compare_predictors(worse, better, EXAMPLES, draws=300).macro_f1["all"]
    assert (turned.value, turned.low, turned.p) == pytest.approx((-every.value, -every.high, every.p))
    same = compare_predictors(better, better, EXAMPLES, draws=100).macro_f1["all"]
    assert (same.value, same.low, same.high, same.p) == (0, 0, 0, 1)
    assert "good" in shown(result.table())
    assert json.loads(json.dumps(result.to_dict()))["names"] == ["good", "bad"]


def test_texts_are_scored_whatever_their_length_with_frames(tiny: Checkpoint) -> None:
    train = [e for e in EXAMPLES if e.document not in ("e05", "e10")]
    result = evaluate_examples(tiny, EXAMPLES, train, train, dataset="seeds", split="two events")
    assert result.texts == len(EXAMPLES) - len(train) > 0
    assert result.overlap == len(train)
    assert list(result.stance) == ["tiny", "TF-IDF + linear", "target only", "majority"]
    kept = [e for e in EXAMPLES if e.document in ("e05", "e10")]
    marked = {f: sum(f in (e.frames or ()) for e in kept) for f in FRAMES}
    assert {f: score.rows for f, score in result.frame_f1.items()} == {f: n for f, n in marked.items() if n}
    alone = evaluate_examples(tiny, kept, [], [], dataset="seeds", split="two events")
    assert list(alone.stance) == ["tiny"]
    assert alone.frame_f1 == result.frame_f1
    with pytest.raises(DataError, match="all are in the train split"):
        evaluate_examples(tiny, kept, kept, [], dataset="seeds", split="test")
    toned = [Example("x", "x", "en", "", "Text.", {}, tone="neutral")]
    only = evaluate_examples(tiny, toned, [], [], dataset="tones", split="test")
    assert only.stance == {}
    assert "tone macro-F1" in shown(only.table())


def test_a_set_without_a_train_split_is_scored_without_controls(tiny: Checkpoint, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "newsmtsc" / "test.jsonl", rows(*ENGLISH, *CHINESE))
    result = evaluate_dataset(tmp_path, "newsmtsc", "test", tiny.path, controls=False)
    assert (result.texts, result.overlap, list(result.stance)) == (6, 0, ["tiny"])
    alone = evaluate(tiny, read_examples(tmp_path, "newsmtsc", "test"))
    assert result.stance["tiny"] == alone
    with pytest.raises(DataError, match=r"train\.jsonl"):
        evaluate_dataset(tmp_path, "newsmtsc", "test", tiny.path)


def test_texts_that_the_train_split_has_are_left_out(tiny: Checkpoint, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "newsmtsc" / "test.jsonl", rows(*ENGLISH, *CHINESE))
    write_jsonl(tmp_path / "newsmtsc" / "train.jsonl", rows(ENGLISH[0], "Another text."))
    result = evaluate_dataset(tmp_path, "newsmtsc", "test", tiny.path, controls=False)
    assert (result.texts, result.overlap) == (5, 1)


def test_the_command_compares_two_checkpoints(tiny: Checkpoint, tmp_path: Path) -> None:
    other = write_tiny(tmp_path / "other", initializer_range=0.2)
    texts = [{"text": e.text, "lang": e.language, "stance": dict(e.stances)} for e in EXAMPLES[:12]]
    data = write_jsonl(tmp_path / "mine.jsonl", texts)
    out = tmp_path / "scores.json"
    command = ["evaluate", str(tiny.path), str(other), "--data", str(data), "--detail", "-o", str(out)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "minus" in result.output
    written = json.loads(out.read_text(encoding="utf-8"))
    first, second = (next(iter(e["stance"].values()))["macro_f1"]["all"] for e in written["evaluations"])
    difference = written["comparison"]["macro_f1"]["all"]
    assert (difference["a"], difference["b"]) == (first["value"], second["value"])
    assert written["evaluations"][0]["dataset"] == "mine.jsonl"
    one = CliRunner().invoke(app, ["evaluate", str(other), "--data", str(data), "-o", str(out)])
    assert one.exit_code == 0, one.output
    assert json.loads(out.read_text(encoding="utf-8")) == written["evaluations"][1]
    with pytest.raises(UsageError, match="3 checkpoints"):
        CliRunner().invoke(app, ["evaluate", "a", "b", "c"], catch_exceptions=False)
