"""The shipped checkpoint on what ships with it: no score falls unnoticed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.floors import FLOORS, SLACK, digest, measure
from polystance.inference.classifier import StanceClassifier


@pytest.fixture(scope="module")
def floors() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FLOORS.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def scores(classifier: StanceClassifier) -> dict[str, float]:
    return measure(classifier)


def test_the_floors_are_those_of_this_corpus_and_checkpoint(
    floors: dict[str, Any], classifier: StanceClassifier
) -> None:
    assert floors["corpus"] == digest(), "the corpus has changed: run python -m benchmarks.floors --lower"
    assert floors["checkpoint"] == classifier.checkpoint.digest(), "run python -m benchmarks.floors"


def test_no_score_has_fallen(floors: dict[str, Any], scores: dict[str, float]) -> None:
    assert set(scores) == set(floors["scores"])
    fallen = {n: (s, floors["scores"][n]) for n, s in scores.items() if s < floors["scores"][n] - SLACK}
    assert fallen == {}
