"""Calibration and pooling: how they are applied, and how training fits them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polystance.errors import CheckpointError
from polystance.models.calibration import Calibration
from polystance.models.checkpoint import Settings
from polystance.models.conformal import ConformalSets
from polystance.models.labels import FRAMES, STANCES, TONES
from polystance.models.pooling import Pooling
from polystance.training.examples import Example
from polystance.training.fitting import best_pooling, fit_calibration, fit_conformal, fit_frame_threshold
from polystance.training.prediction import PassageLogits

LOGITS = np.array([[2.0, 0.5, -1.0], [0.0, 3.0, 0.5], [-1.0, 0.0, 1.0]])


def example(language: str, stance: str, tone: str | None, frames: tuple[str, ...] | None) -> Example:
    return Example("e", "d", language, "", "text", {"US": stance}, tone=tone, frames=frames)


def synthetic(scales: dict[str, float], rows: int = 4000) -> tuple[list[Example], list[PassageLogits]]:
    """Labels drawn from known logits, which are then multiplied by the scale of their language."""
    rng = np.random.default_rng(3)
    examples, predictions = [], []
    for language, scale in scales.items():
        for _ in range(rows):
            stance, tone = rng.normal(0, 1.5, (2, 3))
            frames = rng.normal(-1, 1.5, len(FRAMES))
            drawn = [rng.choice(3, p=np.exp(x) / np.exp(x).sum()) for x in (stance, tone)]
            shown = tuple(np.array(FRAMES)[rng.random(len(FRAMES)) < 1 / (1 + np.exp(-frames))])
            examples.append(example(language, STANCES[drawn[0]], TONES[drawn[1]], shown))
            scaled = [(scale * x).astype(np.float32) for x in (stance, tone, frames)]
            predictions.append(PassageLogits({"US": scaled[0]}, scaled[1], scaled[2]))
    return examples, predictions


def test_temperatures_recover_known_scales() -> None:
    fitted = fit_calibration(*synthetic({"zh": 2.5, "en": 0.7}))
    for head in ("stance", "tone", "frames"):
        assert fitted.temperature(head, "zh") == pytest.approx(2.5, rel=0.08)
        assert fitted.temperature(head, "en") == pytest.approx(0.7, rel=0.08)
        assert 0.7 < fitted.temperature(head, None) < 2.5
        assert fitted.temperature(head, "ru") == fitted.temperature(head, None)
    assert Calibration.from_dict(json.loads(json.dumps(fitted.to_dict()))) == fitted


def test_few_labels_change_little_of_what_was_fitted_before() -> None:
    start = Calibration({"stance": {"zh": 1.0, "ru": 3.0, "other": 1.0}, "frames": {"other": 2.0}})
    examples, predictions = synthetic({"zh": 2.5}, rows=50)
    alone = fit_calibration(examples, predictions).temperature("stance", "zh")
    both = fit_calibration(examples, predictions, start)
    assert both.temperature("stance", "zh") == pytest.approx(alone**0.5, abs=1e-3)  # half of each
    assert both.temperature("stance", "ru") == 3.0
    many = fit_calibration(*synthetic({"zh": 2.5}), start)
    assert many.temperature("stance", "zh") == pytest.approx(2.5, rel=0.08)


def test_sets_are_fitted_where_there_are_labels_enough() -> None:
    start = ConformalSets(floors={"zh": 0.01, "en": 0.02, "ru": 0.03, "other": 0.04})
    examples, predictions = synthetic({"zh": 1.0, "en": 1.0}, rows=49)
    zh = [i for i, e in enumerate(examples) if e.language == "zh"]
    few = fit_conformal([examples[i] for i in zh], [predictions[i] for i in zh], Calibration(), start)
    assert few == start
    more = fit_conformal(examples, predictions, Calibration(), start)
    assert more.floors["other"] > 0.04
    assert {**more.floors, "other": 0.04} == start.floors


def test_heads_without_labels_are_left_as_they_are() -> None:
    examples, predictions = synthetic({"zh": 2.0}, rows=300)
    bare = [example("zh", e.stances["US"], None, None) for e in examples]
    fitted = fit_calibration(bare, predictions)
    assert fitted.temperature("stance", "zh") == pytest.approx(2.0, rel=0.3)
    assert fitted.temperature("tone", "zh") == fitted.temperature("frames", "zh") == 1.0
    assert fit_frame_threshold(bare, predictions, fitted) == 0.5
    unnamed = [Example("e", "d", "zh", "", "t", {}, tone=e.tone) for e in examples]
    assert fit_calibration(unnamed, predictions).temperature("stance", "zh") == 1.0


def test_the_frame_threshold_parts_frames_from_the_rest() -> None:
    rng = np.random.default_rng(5)
    shown = rng.random((400, len(FRAMES))) < 0.3
    logits = np.where(shown, 1.0, -0.2) + rng.uniform(-0.1, 0.1, shown.shape)  # 0.71 and 0.48 at least
    examples = [example("en", "favor", None, tuple(np.array(FRAMES)[row])) for row in shown]
    predictions = [PassageLogits({}, LOGITS[0], row) for row in logits]
    assert 0.48 <= fit_frame_threshold(examples, predictions, Calibration()) <= 0.71


@pytest.mark.parametrize("language", ["zh", "en", None])
def test_probabilities(language: str | None) -> None:
    calibration = Calibration({"stance": {"zh": 2.0, "other": 0.5}, "frames": {"other": 3.0}})
    scale = 2.0 if language == "zh" else 0.5
    expected = np.exp(LOGITS / scale) / np.exp(LOGITS / scale).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(calibration.softmax("stance", LOGITS, language), expected)
    np.testing.assert_allclose(
        calibration.sigmoid(np.array([0.0, 3.0]), language), [0.5, 1 / (1 + np.exp(-1))]
    )
    assert calibration.temperature("tone", language) == 1.0
    huge = calibration.softmax("stance", np.array([1e4, 0.0, -1e4]), language)
    np.testing.assert_allclose(huge, [1, 0, 0], atol=1e-12)


def test_pooling_with_zeros_is_the_mean() -> None:
    first = np.array([True, False, False])
    np.testing.assert_allclose(Pooling().pool(LOGITS, first), LOGITS.mean(axis=0))


def test_one_window_is_unchanged() -> None:
    pooled = Pooling(4.0, 1.0, -1.0).pool(LOGITS[:1], np.array([True]))
    assert pooled.tolist() == LOGITS[0].tolist()


def test_weights_favour_decisive_and_first_windows() -> None:
    first = np.array([False, True, False])
    np.testing.assert_allclose(Pooling(lead=50.0).pool(LOGITS, first), LOGITS[1], atol=1e-12)
    p_neutral = np.exp(LOGITS[:, 1]) / np.exp(LOGITS).sum(axis=1)
    weights = np.exp(2 * (1 - p_neutral))
    expected = (weights[:, None] * LOGITS).sum(axis=0) / weights.sum() + [0, 0.5, 0]
    np.testing.assert_allclose(Pooling(decisive=2.0, bias=0.5).pool(LOGITS, first), expected)


def test_fitted_pooling_trusts_the_window_that_is_right() -> None:
    rows = []
    for gold, other in ((0, 2), (2, 0)):
        windows = np.zeros((4, 3))
        windows[0, gold] = 3.0  # the first window is right, the last against it
        windows[3, other] = 3.0
        rows.append((gold, windows, np.array([True, False, False, False])))
    assert best_pooling([rows]).lead > 0
    assert best_pooling([]) == Pooling()


BROKEN: dict[str, Any] = {
    "temperature zero": {"calibration": {"stance": {"zh": 0}}},
    "temperature not a number": {"calibration": {"stance": {"zh": float("nan")}}},
    "temperature a word": {"calibration": {"stance": {"zh": "hot"}}},
    "unknown head": {"calibration": {"mood": {"zh": 1.0}}},
    "calibration a list": {"calibration": []},
    "head a number": {"calibration": {"stance": 1.0}},
    "unknown pooling": {"pooling": {"decisive": 0, "lag": 1}},
    "pooling a word": {"pooling": {"decisive": "very"}},
    "pooling not a number": {"tone_pooling": {"lead": float("nan")}},
    "pooling without end": {"pooling": {"lead": float("inf")}},
    "pooling a list": {"pooling": []},
    "frame left out": {"frame_thresholds": {"economic": 0.5}},
    "window a word": {"window_tokens": "long"},
    "window too short": {"window_tokens": 8},
    "another format": {"format": 99},
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_settings_are_refused(name: str) -> None:
    good = json.loads(Settings("tiny").to_json())
    with pytest.raises(CheckpointError, match=r"settings\.json|[Cc]alibration|[Pp]ooling"):
        Settings.from_json(json.dumps(good | BROKEN[name]), Path("settings.json"))


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "null", '{"format": 1}'])
def test_settings_that_are_none(text: str) -> None:
    with pytest.raises(CheckpointError, match=r"settings\.json"):
        Settings.from_json(text, Path("settings.json"))


def test_settings_round_trip() -> None:
    settings = Settings(
        "tiny",
        window_tokens=128,
        simplify=False,
        frame_thresholds=dict.fromkeys(FRAMES, 0.3),
        calibration=Calibration({"tone": {"zh": 1.5, "other": 2.0}}),
        pooling=Pooling(1.0, 0.5, -0.5),
        tone_pooling=Pooling(2.0),
    )
    assert Settings.from_json(settings.to_json(), Path("s")) == settings
