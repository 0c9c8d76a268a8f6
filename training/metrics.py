"""Scores of predictions: macro-F1, micro-F1, calibration error, bootstrap intervals."""

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


def expected_calibration_error(gold: IntArray, probabilities: FloatArray, bins: int = 10) -> float:
    """Mean gap between confidence and accuracy over equal-width confidence bins, weighted by rows.

    Naeini, Cooper and Hauskrecht (2015). `probabilities`: (rows, classes).
    """
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == gold
    slot = np.minimum((confidence * bins).astype(int), bins - 1)
    rows = np.bincount(slot, minlength=bins)
    gap = np.abs(np.bincount(slot, confidence, bins) - np.bincount(slot, right, bins))
    return float(gap.sum() / max(rows.sum(), 1))


def bootstrap_interval(
    score: Callable[[IntArray], float],
    documents: Sequence[str],
    *,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval of `score(row indices)`, documents drawn with replacement (their rows together)."""
    rng = np.random.default_rng(seed)
    _, code = np.unique(np.asarray(documents), return_inverse=True)
    order = np.argsort(code, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(code))[:-1])
    scores = []
    for _ in range(draws):
        chosen = rng.integers(0, len(rows), len(rows))
        scores.append(score(np.concatenate([rows[i] for i in chosen])))
    tail = (1 - level) / 2
    low, high = np.quantile(scores, [tail, 1 - tail])
    return float(low), float(high)


def scored(score: Callable[[IntArray], float], documents: Sequence[str], **options: int) -> Score:
    """`score` of all rows with its interval; `documents` and `options` as in `bootstrap_interval`."""
    low, high = bootstrap_interval(score, documents, **options)
    return Score(score(np.arange(len(documents))), low, high)
