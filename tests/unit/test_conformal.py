"""Conformal sets: coverage as promised on data drawn like that which they were fitted on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from polystance.errors import CheckpointError
from polystance.models.checkpoint import Settings
from polystance.models.conformal import ConformalSets


def drawn(rows: int, seed: int, sharpness: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet([0.6, 1.5, 0.6], rows)
    gold = np.array([rng.choice(3, p=row) for row in p])
    shown = p**sharpness  # a model that is surer, or less sure, than it should be
    return gold, shown / shown.sum(1, keepdims=True)


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
def test_coverage_is_as_promised_however_bad_the_probabilities(level: float, sharpness: float) -> None:
    covered = []
    for seed in range(20):
        gold, p = drawn(400, seed, sharpness)
        sets = ConformalSets.fit(gold, p, ["zh"] * 400, level)
        fresh, q = drawn(1_000, 1_000 + seed, sharpness)
        covered.append(sets.members(q, "zh")[np.arange(1_000), fresh].mean())
    # A set is never empty, which can only add to the coverage.
    assert level - 0.01 < np.mean(covered) < level + 0.03


def test_each_language_has_its_own_floor() -> None:
    sure, unsure = drawn(300, 1, 3.0), drawn(300, 2, 0.3)
    sets = ConformalSets.fit(
        np.concatenate([sure[0], unsure[0]]),
        np.concatenate([sure[1], unsure[1]]),
        ["zh"] * 300 + ["en"] * 300,
    )
    assert set(sets.floors) == {"zh", "en", "other"}
    assert sets.floor("zh") != sets.floor("en")
    assert sets.floor(None) == sets.floor("ru") == sets.floors["other"]


def test_the_most_probable_label_is_always_in() -> None:
    sets = ConformalSets(0.9, {"other": 0.6})
    assert sets.members(np.array([0.4, 0.35, 0.25]), "en").tolist() == [True, False, False]
    assert sets.members(np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]]), "en").sum() == 2


def test_without_a_floor_or_with_too_few_rows_nothing_is_ruled_out() -> None:
    p = np.array([0.98, 0.01, 0.01])
    assert ConformalSets().members(p, "zh").all()
    few = ConformalSets.fit(np.array([0, 0]), np.array([[0.9, 0.05, 0.05]] * 2), ["zh", "zh"])
    assert few.members(p, "zh").all()


def test_round_trip_and_old_checkpoints() -> None:
    settings = Settings("tiny", conformal=ConformalSets(0.8, {"zh": 0.25, "other": 0.5}))
    assert Settings.from_json(settings.to_json(), Path("s")) == settings
    old = json.loads(settings.to_json())
    del old["conformal"]
    assert Settings.from_json(json.dumps(old), Path("s")).conformal == ConformalSets()


@pytest.mark.parametrize(
    "broken", [{"level": 1.5, "floors": {}}, {"level": 0.9, "floors": {"zh": -1}}, {"level": 0.9}, 7]
)
def test_broken_sets_are_refused(broken: object) -> None:
    good = json.loads(Settings("tiny").to_json())
    with pytest.raises(CheckpointError, match=r"settings\.json|[Cc]onformal"):
        Settings.from_json(json.dumps(good | {"conformal": broken}), Path("settings.json"))
