"""Estimates from many labels of a classifier and a few of a person.

The classifier's labels say where the mean lies but for its errors; a random sample of rows that a person has
labelled says how large the errors are. The estimate is prediction-powered (Angelopoulos et al. 2023) with
the weight that makes best use of the predictions (Angelopoulos, Duchi and Zrnic 2023, "PPI++"), which for
one mean is the regression estimator of survey sampling (Cassel, Särndal and Wretman 1976; Egami et al.
2023 for text). It is right however wrong the classifier is: a bad classifier only makes the interval wider.

The corrected sum of an outlet stands in the place of the sum of its predictions, so that everything in
`estimates` (bootstrap over outlets, intervals for few outlets, gaps) holds for it unchanged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from polystance.inference.estimates import Clusters, Estimate, FloatArray, Weight

IntArray = npt.NDArray[np.int64]
FEWEST_LABELS = 10  # of one target in one group: with fewer, neither bias nor spread can be told


@dataclass(frozen=True)
class HandLabels:
    """Rows of one target and one group that a person has labelled.

    Attributes:
        outlets: Index of each row's outlet among the clusters. Shape (rows,).
        truths: Each quantity by the person's label. Shape (rows, quantities).
        predictions: The same by the classifier's. Shape (rows, quantities).
        weights: 1 over the probability with which the row was drawn; their sum doesn't matter. (rows,).
    """

    outlets: IntArray
    truths: FloatArray
    predictions: FloatArray
    weights: FloatArray

    def __len__(self) -> int:
        return len(self.outlets)


@dataclass(frozen=True)
class Correction:
    """Corrected sums, and how they came about. Shapes (quantities,) but for `clusters`.

    Attributes:
        clusters: Counts as before, sums corrected.
        power: Weight of the predictions, from 0 (only the hand labels count) to 1.
        error: Mean of truth less prediction, the predictions at their full weight.
        label_variance: Part of the estimate's variance that further hand labels would shrink.
    """

    clusters: Clusters
    power: FloatArray
    error: FloatArray
    label_variance: FloatArray


def correct(clusters: Clusters, squares: FloatArray, labels: HandLabels, weight: Weight) -> Correction:
    """Correct the sums of a group's outlets by hand labels.

    Args:
        clusters: Sums of the predictions per outlet.
        squares: Sums of the squared predictions per outlet, (outlets, quantities).
        labels: At least one row.
        weight: What the mean is over, as in `Clusters.units`.
    """
    units = clusters.units(weight)
    size = float(units.counts.sum())
    share = units.counts / clusters.counts  # what one article of each outlet weighs in the mean
    weights = labels.weights * share[labels.outlets]
    weights = weights * (size / weights.sum())

    def mean(values: FloatArray) -> FloatArray:
        return np.asarray(weights @ values / size)

    truths, predictions = labels.truths, labels.predictions
    articles = clusters.counts.sum()
    spread = share @ squares / size - (share @ clusters.totals / size) ** 2
    spread = np.maximum(spread * articles / max(articles - 1, 1), 0.0)
    together = mean((truths - mean(truths)) * (predictions - mean(predictions)))
    with np.errstate(invalid="ignore", divide="ignore"):
        power = np.clip(np.where(spread > 1e-12, together / spread, 0.0), 0.0, 1.0)
    residuals = truths - power * predictions
    missing = mean(residuals)
    # Mean and power were fitted on the same rows. The factor, for two fitted numbers and the rows that the
    # weights leave (Kish 1965), widens the error and leaves the mean, as deviations sum to 0.
    effective = size**2 / float(weights @ weights)
    fitted = math.sqrt(effective / max(effective - 2, 1))
    deviations = weights[:, None] * (residuals - missing) * fitted
    sums = units.counts[:, None] * missing + power * units.totals
    np.add.at(sums, labels.outlets, deviations)
    unread = max(1 - len(labels) / articles, 0.0)
    variance = (deviations**2).sum(axis=0) / size**2 * unread
    corrected = Clusters(clusters.counts, sums / share[:, None])
    return Correction(corrected, power, mean(truths - predictions), variance)


def adjusted_prevalence(
    counted: FloatArray, truths: IntArray, said: IntArray, weights: FloatArray
) -> FloatArray:
    """Share of each class by adjusted counting (Forman 2008), with QuaPy's solver; (classes,), sums to 1.

    Unlike `correct` it takes P(said | true) for the same everywhere and lets the shares differ, so it serves
    labels that were drawn from another corpus of the same kind. NaN if QuaPy is not installed (the extra
    `polystance[stats]`), or if a class has no hand label.

    Args:
        counted: Share of each class among the classifier's labels, (classes,).
        truths, said: Class of each hand-labelled row by the person and by the classifier. Shape (rows,).
        weights: 1 over the probability with which each row was drawn. Shape (rows,).
    """
    classes = len(counted)
    rates = np.zeros((classes, classes))  # P(said i | true j)
    np.add.at(rates, (said, truths), weights)
    per_class = rates.sum(axis=0)
    if find_spec("quapy") is None or not (per_class > 0).all():
        return np.full(classes, np.nan)
    from quapy.method.aggregative import ACC

    found = ACC.solve_adjustment(rates / per_class, counted, method="inversion", solver="minimize")
    return np.asarray(found, dtype=np.float64)


def labels_to_halve(estimate: Estimate, label_variance: float, labels: int, quantity: int = 0) -> int | None:
    """Hand labels in all that would halve the interval of one quantity.

    None where no number would: the outlets differ so much that more of them are needed, or the interval isn't
    known. `labels`: how many `label_variance` rests on; of a gap, give the sums over both groups.
    """
    variance = float(estimate.se[quantity]) ** 2
    if math.isnan(variance) or not labels:
        return None
    left = variance / 4 - max(variance - label_variance, 0.0)
    if left <= 0:
        return None
    return math.ceil(labels * label_variance / left - 1e-9)
