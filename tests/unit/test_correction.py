"""Correction by hand labels: against hand-worked and independent values, and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from polystance.inference.correction import HandLabels, adjusted_prevalence, correct, labels_to_halve
from polystance.inference.estimates import Clusters, Estimate, FloatArray, estimate


def population(
    rng: np.random.Generator, outlets: int, mean: float, bias: float, noise: float = 0.5
) -> tuple[np.ndarray, FloatArray, FloatArray]:
    """Outlet of each article, its true label and what a classifier with a bias says of it."""
    sizes = np.maximum(2, rng.lognormal(3, 0.7, outlets)).astype(int)
    outlet = np.repeat(np.arange(outlets), sizes)
    level = rng.normal(mean, 0.15, outlets)[outlet]
    truth = np.clip(np.round(level + rng.normal(0, 0.6, len(outlet))), -1, 1)
    said = np.clip(0.6 * truth + bias + rng.normal(0, noise, len(outlet)), -1, 1)
    return outlet, truth, said


def sums(outlet: np.ndarray, values: FloatArray) -> tuple[Clusters, FloatArray]:
    counts = np.bincount(outlet).astype(np.float64)
    return Clusters(counts, np.bincount(outlet, values)[:, None]), np.bincount(outlet, values**2)[:, None]


def drawn(
    rng: np.random.Generator, outlet: np.ndarray, truth: FloatArray, said: FloatArray, n: int
) -> HandLabels:
    rows = rng.choice(len(outlet), n, replace=False)
    weights = np.full(n, len(outlet) / n)
    return HandLabels(outlet[rows], truth[rows, None], said[rows, None], weights)


def test_the_mean_is_the_prediction_powered_one() -> None:
    """Every article an outlet of its own: then the formulas of the paper can be written down."""
    rng = np.random.default_rng(3)
    truth = rng.choice([-1.0, 0.0, 1.0], 400)
    said = np.clip(0.5 * truth + rng.normal(0.1, 0.4, 400), -1, 1)
    labels = drawn(rng, np.arange(400), truth, said, 60)
    clusters, squares = sums(np.arange(400), said)
    found = correct(clusters, squares, labels, "article")
    y, f = labels.truths[:, 0], labels.predictions[:, 0]
    rest = np.setdiff1d(np.arange(400), labels.outlets)
    n, unlabelled = len(y), len(rest)
    covariance = np.mean((y - y.mean()) * (f - f.mean()))
    power = covariance / (
        (1 + n / unlabelled) * np.var(said, ddof=1)
    )  # PPI++ with labelled and unlabelled apart
    expected = power * said[rest].mean() + np.mean(y - power * f)
    assert found.clusters.totals.sum() / 400 == pytest.approx(expected, abs=1e-12)
    assert found.power[0] == pytest.approx(covariance / np.var(said, ddof=1), abs=1e-12)
    assert found.error[0] == pytest.approx(np.mean(y - f), abs=1e-12)


def test_labels_of_all_rows_give_their_own_mean() -> None:
    rng = np.random.default_rng(4)
    outlet, truth, said = population(rng, 9, 0.1, -0.4)
    everything = HandLabels(outlet, truth[:, None], said[:, None], np.ones(len(outlet)))
    clusters, squares = sums(outlet, said)
    true, _ = sums(outlet, truth)
    found = correct(clusters, squares, everything, "article")
    assert found.clusters.totals.sum() == pytest.approx(true.totals.sum())
    assert found.label_variance[0] == 0
    per_outlet = correct(clusters, squares, everything, "outlet").clusters
    assert (per_outlet.totals / per_outlet.counts[:, None]).mean() == pytest.approx(
        (true.totals / true.counts[:, None]).mean()
    )


def test_a_classifier_that_says_nothing_has_no_weight() -> None:
    rng = np.random.default_rng(5)
    outlet, truth, _ = population(rng, 6, 0.2, 0.0)
    said = np.full(len(outlet), 0.7)
    labels = drawn(rng, outlet, truth, said, 30)
    clusters, squares = sums(outlet, said)
    found = correct(clusters, squares, labels, "article")
    assert found.power[0] == 0
    assert found.clusters.totals.sum() / len(outlet) == pytest.approx(labels.truths.mean())


def test_weights_of_the_draw_count() -> None:
    clusters, squares = sums(np.array([0, 0, 0, 0]), np.zeros(4))
    labels = HandLabels(np.array([0, 0]), np.array([[1.0], [-1.0]]), np.zeros((2, 1)), np.array([3.0, 1.0]))
    found = correct(clusters, squares, labels, "article")
    assert found.clusters.totals[0, 0] / 4 == pytest.approx(0.5)


@pytest.mark.parametrize("weight", ["article", "outlet"])
def test_corrected_intervals_cover_where_raw_ones_do_not(weight: str) -> None:
    """Short form of `benchmarks/coverage.py`: unequal error in the two groups, 12 outlets each."""
    rng = np.random.default_rng(11)
    rounds, raw_hits, hits = 300, 0, 0
    gap = 0.0
    for _ in range(rounds):
        raw, mended = [], []
        for bias, noise in ((-0.25, 0.4), (0.1, 0.6)):
            outlet, truth, said = population(rng, 12, 0.1, bias, noise)
            clusters, squares = sums(outlet, said)
            labels = drawn(rng, outlet, truth, said, 120)
            found = correct(clusters, squares, labels, weight)  # type: ignore[arg-type]
            raw.append(estimate(clusters, 200, rng, weight))  # type: ignore[arg-type]
            mended.append(estimate(found.clusters, 200, rng, weight))  # type: ignore[arg-type]
        low, high = (raw[0] - raw[1]).interval()
        raw_hits += bool(low[0] <= gap <= high[0])
        low, high = (mended[0] - mended[1]).interval()
        hits += bool(low[0] <= gap <= high[0])
    assert raw_hits / rounds < 0.5
    assert 0.91 <= hits / rounds <= 0.985


def test_adjusted_counting_undoes_known_error_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = np.array([[0.8, 0.1, 0.1], [0.1, 0.7, 0.2], [0.1, 0.2, 0.7]])  # P(said i | true j)
    true = np.array([0.2, 0.5, 0.3])
    said, truths = (grid.ravel() for grid in np.meshgrid(range(3), range(3), indexing="ij"))
    found = adjusted_prevalence(rates @ true, truths, said, rates.ravel())
    assert found == pytest.approx(true, abs=1e-3)
    some = truths != 1  # no hand label of one class: nothing is known of its errors
    assert np.isnan(adjusted_prevalence(rates @ true, truths[some], said[some], rates.ravel()[some])).all()
    monkeypatch.setattr("polystance.inference.correction.find_spec", lambda name: None)
    assert np.isnan(adjusted_prevalence(rates @ true, truths, said, rates.ravel())).all()


def test_labels_to_halve() -> None:
    def one(se: float) -> Estimate:
        return Estimate(np.array([0.1]), np.array([se]), np.array([9.0]))

    # All of the variance is the labels': four times as many halve it.
    assert labels_to_halve(one(0.2), 0.04, 100) == 400
    # A fifth of it is the outlets', 0.008; 0.01 - 0.008 is left for the labels, a sixteenth of theirs now.
    assert labels_to_halve(one(0.2), 0.032, 100) == 1_600
    # Outlets alone are more than a quarter: no number of labels will do.
    assert labels_to_halve(one(0.2), 0.02, 100) is None
    assert labels_to_halve(one(math.nan), 0.02, 100) is None
