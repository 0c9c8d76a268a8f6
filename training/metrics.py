"""Scores of predictions: F1, calibration and prevalence error, bootstrap intervals and tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """A figure from 0 to 1 and its 95% interval (bootstrap over documents)."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} ({100 * self.low:.1f}-{100 * self.high:.1f})"


@dataclass(frozen=True)
class GroupScore(Score):
    """The same of one group (a target, an outlet, a frame); `rows`: labels it rests on."""

    rows: int


@dataclass(frozen=True)
class ReliabilityBin:
    """Predictions whose confidence lies from `low` to `high`; with a good calibration the last two agree.

    Attributes:
        rows: Predictions, at least one.
        confidence: Their mean probability, from 0 to 1.
        accuracy: Share of them that are right.
    """

    low: float
    high: float
    rows: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Difference:
    """A score of A minus that of B on the same rows.

    Attributes:
        a, b: The scores, from 0 to 1.
        value: a - b, from -1 to 1.
        low, high: Its 95% interval.
        p: Two-sided: how easily a difference like this comes about where there is none.
    """

    a: float
    b: float
    value: float
    low: float
    high: float
    p: float


def class_f1(gold: IntArray, predicted: IntArray, classes: int) -> FloatArray:
    """F1 of each class, (classes,), from 0 to 1; 0 for a class neither present nor predicted."""
    matrix = np.bincount(gold * classes + predicted, minlength=classes * classes).reshape(classes, classes)
    right = matrix.diagonal().astype(float)
    total = matrix.sum(0) + matrix.sum(1)
    f1: FloatArray = np.divide(2 * right, total, out=np.zeros(classes), where=total > 0)
    return f1


def macro_f1(gold: IntArray, predicted: IntArray, classes: int = 3) -> float:
    """Mean F1 over all classes of the scheme, from 0 to 1."""
    return float(class_f1(gold, predicted, classes).mean())


def micro_f1(gold: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> float:
    """F1 over all cells of two (rows, labels) tables of yes and no."""
    total = gold.sum() + predicted.sum()
    return float(2 * (gold & predicted).sum() / total) if total else 0.0


def reliability(gold: IntArray, probabilities: FloatArray, bins: int = 10) -> tuple[ReliabilityBin, ...]:
    """A reliability diagram: confidence and accuracy over equal-width bins, those without rows left out.

    DeGroot and Fienberg (1983). `gold`: (rows,) classes; `probabilities`: (rows, classes).
    """
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == gold
    slot = np.minimum((confidence * bins).astype(int), bins - 1)
    return tuple(
        ReliabilityBin(
            low=i / bins,
            high=(i + 1) / bins,
            rows=int(inside.sum()),
            confidence=float(confidence[inside].mean()),
            accuracy=float(right[inside].mean()),
        )
        for i in range(bins)
        if (inside := slot == i).any()
    )


def expected_calibration_error(gold: IntArray, probabilities: FloatArray, bins: int = 10) -> float:
    """Mean gap between confidence and accuracy over the bins of `reliability`, weighted by rows; 0 to 1.

    Naeini, Cooper and Hauskrecht (2015).
    """
    gaps = (b.rows * abs(b.confidence - b.accuracy) for b in reliability(gold, probabilities, bins))
    return float(sum(gaps) / max(len(gold), 1))


def prevalence_error(gold: IntArray, predicted: IntArray, classes: int = 3) -> float:
    """Mean absolute difference between the classes' predicted and true shares, from 0 to 1.

    It is what a comparison of shares suffers from, and can be small where single labels are often wrong.
    """
    shares = [np.bincount(x, minlength=classes) / max(len(x), 1) for x in (gold, predicted)]
    return float(np.abs(shares[0] - shares[1]).mean())


def bootstrap(
    score: Callable[[IntArray], float], documents: Sequence[str], *, draws: int = 1000, seed: int = 0
) -> FloatArray:
    """`score(row indices)` of each draw, (draws,): documents with replacement, their rows together."""
    rng = np.random.default_rng(seed)
    _, code = np.unique(np.asarray(documents), return_inverse=True)
    order = np.argsort(code, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(code))[:-1])
    scores = np.empty(draws)
    for draw in range(draws):
        chosen = rng.integers(0, len(rows), len(rows))
        scores[draw] = score(np.concatenate([rows[i] for i in chosen]))
    return scores


def bootstrap_interval(
    score: Callable[[IntArray], float],
    documents: Sequence[str],
    *,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval of `score(row indices)`, documents drawn with replacement (their rows together)."""
    tail = (1 - level) / 2
    low, high = np.quantile(bootstrap(score, documents, draws=draws, seed=seed), [tail, 1 - tail])
    return float(low), float(high)


def scored(score: Callable[[IntArray], float], documents: Sequence[str], **options: int) -> Score:
    """`score` of all rows with its interval; `documents` and `options` as in `bootstrap_interval`."""
    low, high = bootstrap_interval(score, documents, **options)
    return Score(score(np.arange(len(documents))), low, high)


def group_scored(score: Callable[[IntArray], float], documents: Sequence[str], **options: int) -> GroupScore:
    """As `scored`, with the number of rows."""
    found = scored(score, documents, **options)
    return GroupScore(found.value, found.low, found.high, len(documents))


def paired_difference(
    a: Callable[[IntArray], float], b: Callable[[IntArray], float], documents: Sequence[str], **options: int
) -> Difference:
    """Score `a` minus score `b` of the same rows, by a paired bootstrap over documents.

    Both are computed on the same draws (Koehn 2004; Berg-Kirkpatrick, Burkett and Klein 2012), so what makes
    a draw easy or hard for both cancels out. `p` is twice the share of the draws in which the difference
    is zero or has the other sign. `options` as in `bootstrap`.
    """
    draws = bootstrap(lambda rows: a(rows) - b(rows), documents, **options)
    low, high = np.quantile(draws, [0.025, 0.975])
    tail = min((draws <= 0).sum(), (draws >= 0).sum())
    every = np.arange(len(documents))
    whole = a(every), b(every)
    p = min(1.0, 2 * (1 + tail) / (1 + len(draws)))
    return Difference(*whole, whole[0] - whole[1], float(low), float(high), float(p))
