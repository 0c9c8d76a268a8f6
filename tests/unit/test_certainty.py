"""Figures of certainty against values worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from polystance.models.checkpoint import Checkpoint
from polystance.models.conformal import ConformalSets
from polystance.models.labels import STANCES
from polystance.training.certainty import Certainty, certainty
from polystance.training.examples import Example
from polystance.training.prediction import PassageLogits

# Per row: language, gold, probabilities of favor, neutral, against.
ROWS = [
    ("zh", "favor", (0.8, 0.1, 0.1)),
    ("zh", "neutral", (0.55, 0.4, 0.05)),
    ("en", "against", (0.02, 0.03, 0.95)),
    ("en", "neutral", (0.3, 0.4, 0.3)),
]


@pytest.fixture
def found(tiny: Checkpoint) -> dict[str, Certainty]:
    examples = [
        Example(str(n), str(n), lang, "", "t", {"US": gold}) for n, (lang, gold, _) in enumerate(ROWS)
    ]
    logits = [PassageLogits({"US": np.log(np.array(p))}, np.zeros(3), np.zeros(14)) for _, _, p in ROWS]
    sets = ConformalSets(0.9, {"zh": 0.35, "en": 0.35, "other": 0.35})
    return certainty(replace(tiny.settings, conformal=sets), examples, logits)


def test_sets(found: dict[str, Certainty]) -> None:
    assert {name: f.rows for name, f in found.items()} == {"all": 4, "zh": 2, "en": 2}
    assert (found["zh"].coverage, found["zh"].set_size) == (1.0, 1.5)
    assert (found["en"].coverage, found["en"].set_size) == (1.0, 1.0)


def test_kept(found: dict[str, Certainty]) -> None:
    kept = {k.confidence: k for k in found["all"].kept}
    assert (kept[0.0].share, kept[0.0].accuracy) == (1.0, 0.75)
    assert (kept[0.5].share, kept[0.5].accuracy) == (0.75, pytest.approx(2 / 3))
    assert (kept[0.6].share, kept[0.6].accuracy) == (0.5, 1.0)
    assert found["zh"].kept[-1].accuracy is None
    assert list(STANCES) == ["favor", "neutral", "against"]


def test_nothing_to_score(tiny: Checkpoint) -> None:
    toned = Example("a", "a", "en", "", "China waited.", {}, tone="neutral")
    assert certainty(tiny.settings, [toned], [PassageLogits({}, np.zeros(3), np.zeros(14))]) == {}
