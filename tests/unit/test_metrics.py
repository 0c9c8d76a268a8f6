from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from polystance.training.metrics import (
    bootstrap_interval,
    class_f1,
    expected_calibration_error,
    macro_f1,
    micro_f1,
    paired_difference,
    prevalence_error,
    reliability,
)


@pytest.mark.parametrize("seed", range(5))
def test_f1_equals_scikit_learns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes = 2 + seed // 2  # some of the three never occur
    gold, guess = rng.integers(0, min(classes, 3), (2, 40))
    options = {"labels": [0, 1, 2], "zero_division": 0}
    np.testing.assert_allclose(class_f1(gold, guess, 3), f1_score(gold, guess, average=None, **options))
    assert macro_f1(gold, guess) == pytest.approx(f1_score(gold, guess, average="macro", **options))
    tables = rng.random((2, 30, 14)) < 0.2
    assert micro_f1(*tables) == pytest.approx(f1_score(*tables, average="micro", zero_division=0))


def test_hand_values() -> None:
    gold, guess = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 1])
    np.testing.assert_allclose(class_f1(gold, guess, 3), [2 / 3, 1 / 2, 0])
    assert macro_f1(gold, guess) == pytest.approx(7 / 18)
    none = np.zeros((3, 2), dtype=bool)
    assert micro_f1(none, none) == 0
    assert micro_f1(~none, ~none) == 1
    assert macro_f1(np.array([], dtype=int), np.array([], dtype=int)) == 0


def test_calibration_error() -> None:
    sure = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    assert expected_calibration_error(np.array([0, 0, 1, 1]), sure) == 0
    assert expected_calibration_error(np.array([0, 1, 1, 0]), sure) == pytest.approx(0.5)
    unsure = np.array([[0.7, 0.3], [0.7, 0.3], [0.55, 0.45], [0.55, 0.45]])
    assert expected_calibration_error(np.array([0, 0, 0, 1]), unsure) == pytest.approx(0.5 * 0.3 + 0.5 * 0.05)


def test_the_interval_holds_the_point_and_documents_stay_together() -> None:
    rng = np.random.default_rng(0)
    gold = rng.integers(0, 3, 200)
    guess = np.where(rng.random(200) < 0.7, gold, rng.integers(0, 3, 200))

    def score(rows: np.ndarray) -> float:
        return macro_f1(gold[rows], guess[rows])

    point = score(np.arange(200))
    alone = bootstrap_interval(score, [str(i) for i in range(200)], draws=300)
    grouped = bootstrap_interval(score, [str(i // 10) for i in range(200)], draws=300)
    for low, high in (alone, grouped):
        assert low < point < high
    assert alone == bootstrap_interval(score, [str(i) for i in range(200)], draws=300)
    narrow = bootstrap_interval(score, [str(i) for i in range(200)], draws=300, level=0.5)
    assert alone[0] < narrow[0] < narrow[1] < alone[1]

    def whole_documents(rows: np.ndarray) -> float:
        counts = np.bincount(rows, minlength=200).reshape(20, 10)
        assert (counts == counts[:, :1]).all()
        return 0.0

    bootstrap_interval(whole_documents, [str(i // 10) for i in range(200)], draws=20)


def test_reliability_and_prevalence() -> None:
    gold = np.array([0, 0, 0, 1])
    p = np.array([[0.7, 0.3], [0.72, 0.28], [0.45, 0.55], [0.0, 1.0]])
    bins = reliability(gold, p)
    assert [(b.low, b.high, b.rows, b.accuracy) for b in bins] == [
        (0.5, 0.6, 1, 0.0),
        (0.7, 0.8, 2, 1.0),
        (0.9, 1.0, 1, 1.0),
    ]
    assert bins[1].confidence == pytest.approx(0.71)
    assert prevalence_error(gold, np.array([0, 0, 1, 1]), 2) == pytest.approx(0.25)
    assert prevalence_error(gold, np.array([1, 0, 0, 0]), 2) == 0  # each error makes up for another


def test_the_paired_test_rarely_finds_a_difference_where_there_is_none() -> None:
    """Two predictors of the same quality, documents of five labels: p < 0.05 in one of twenty worlds."""
    rng = np.random.default_rng(0)
    found, documents = [], [str(i // 5) for i in range(200)]
    for world in range(150):
        gold = rng.integers(0, 3, 200)
        ease = np.repeat(rng.random(40), 5)  # what makes a document hard is shared
        a, b = (np.where(rng.random(200) < ease, gold, rng.integers(0, 3, 200)) for _ in range(2))
        tested = paired_difference(
            lambda i, g=gold, p=a: macro_f1(g[i], p[i]),
            lambda i, g=gold, p=b: macro_f1(g[i], p[i]),
            documents,
            draws=200,
            seed=world,
        )
        assert (tested.p < 0.05) == (tested.low > 0 or tested.high < 0) or 0.03 < tested.p < 0.07
        found.append(tested.p)
    assert 0.01 <= np.mean(np.array(found) < 0.05) <= 0.10
    assert 0.4 < np.mean(found) < 0.65
