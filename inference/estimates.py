"""Means and shares of press groups, and the gap between two groups, with uncertainty over outlets.

Outlets, not articles, are what is sampled: articles of one newsroom resemble each other, so an interval
over articles would be far too narrow. Everything here works on sums per outlet, a few numbers for each
outlet however many articles it published, so cost doesn't grow with the corpus.

Standard errors come from a bootstrap that resamples whole outlets (Cameron, Gelbach and Miller 2008).
With few outlets its percentiles are too narrow, so the interval is `estimate -+ t * SE` with the SE scaled
by sqrt(k / (k - 1)) and k - 1 degrees of freedom (Hesterberg 2015, sections 3.4 and 4), Welch's (1947) for
a gap.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

FloatArray = npt.NDArray[np.float64]
Weight = Literal["outlet", "article"]

_MAX_CELLS = 4_000_000  # of a block of draws x outlets, so that memory stays flat (32 MB)


@dataclass(frozen=True)
class Clusters:
    """Sums per outlet of one group.

    Attributes:
        counts: Articles of each outlet, each at least 1. Shape (outlets,).
        totals: Sum over the outlet's articles of each quantity (a score, 0/1 for a label). Shape
            (outlets, quantities).
    """

    counts: FloatArray
    totals: FloatArray

    def __len__(self) -> int:
        return len(self.counts)

    def units(self, weight: Weight) -> Clusters:
        """What is averaged: with "outlet", each outlet's mean with weight 1; with "article", the sums."""
        if weight == "article":
            return self
        return Clusters(np.ones_like(self.counts), self.totals / self.counts[:, None])


@dataclass(frozen=True)
class Estimate:
    """Estimates of several quantities; `se` is NaN where outlets give no idea of it. Shapes (quantities,).

    `dof` are the degrees of freedom of the standard errors.
    """

    value: FloatArray
    se: FloatArray
    dof: FloatArray

    def interval(
        self, low: float = -math.inf, high: float = math.inf, confidence: float = 0.95
    ) -> tuple[FloatArray, FloatArray]:
        """Lower and upper ends, clipped to the range that the quantity can take; NaN where `se` is."""
        half = stats.t.ppf(0.5 + confidence / 2, np.maximum(self.dof, 1e-9)) * self.se
        return np.clip(self.value - half, low, high), np.clip(self.value + half, low, high)

    def __sub__(self, other: Estimate) -> Estimate:
        """The gap between two groups that share no outlet, with Welch-Satterthwaite degrees of freedom."""
        mine, theirs = self.se**2, other.se**2
        with np.errstate(invalid="ignore", divide="ignore"):
            dof = (mine + theirs) ** 2 / (mine**2 / self.dof + theirs**2 / other.dof)
        se = np.sqrt(mine + theirs)
        return Estimate(self.value - other.value, np.where(se > 0, se, np.nan), dof)


def generator(seed: int, *names: str) -> np.random.Generator:
    """Random numbers that depend on the seed and on what they are for.

    So the interval of one target stays the same whichever other targets are compared beside it.
    """
    return np.random.default_rng([seed, *(zlib.crc32(name.encode("utf-8", "replace")) for name in names)])


def bootstrap_means(
    clusters: Clusters, draws: int, rng: np.random.Generator, weight: Weight = "outlet"
) -> FloatArray:
    """Means of the group when its outlets are drawn again with replacement. Shape (draws, quantities)."""
    units = clusters.units(weight)
    k = len(units)
    block = max(1, _MAX_CELLS // k)
    parts = []
    for start in range(0, draws, block):
        times = rng.multinomial(k, np.full(k, 1 / k), size=min(block, draws - start)).astype(np.float64)
        parts.append((times @ units.totals) / (times @ units.counts)[:, None])
    return np.concatenate(parts)


def estimate(clusters: Clusters, draws: int, rng: np.random.Generator, weight: Weight = "outlet") -> Estimate:
    """Mean of each quantity in a group, with a standard error from a bootstrap over its outlets.

    The error is 0 where the outlets there are do not differ, and NaN where there is only one outlet.
    """
    units = clusters.units(weight)
    k = len(units)
    size = clusters.totals.shape[1]
    if k == 0:
        return Estimate(np.full(size, np.nan), np.full(size, np.nan), np.full(size, np.nan))
    value = units.totals.sum(axis=0) / units.counts.sum()
    # A group whose articles come from one big outlet rests on hardly more than that outlet: the number of
    # outlets that counts is Kish's (1965) effective size, which is k when all weigh the same.
    effective = float(units.counts.sum() ** 2 / (units.counts**2).sum())
    if k == 1 or effective - 1 < 1e-9:
        return Estimate(value, np.full(size, np.nan), np.full(size, np.nan))
    means = bootstrap_means(clusters, draws, rng, weight)
    se = means.std(axis=0, ddof=1) * math.sqrt(effective / (effective - 1))
    se = np.where(se < 1e-12, 0.0, se)
    return Estimate(value, se, np.full(size, effective - 1))


def linearised(clusters: Clusters, weight: Weight = "outlet") -> Estimate:
    """As `estimate`, with the standard error of a ratio's linearisation in place of a bootstrap.

    Cochran (1977, section 6.4). For tables of many cells, where a bootstrap of each would take minutes.
    """
    units = clusters.units(weight)
    k, size = len(units), clusters.totals.shape[1]
    if k == 0:
        return Estimate(np.full(size, np.nan), np.full(size, np.nan), np.full(size, np.nan))
    whole = units.counts.sum()
    value = units.totals.sum(axis=0) / whole
    effective = float(whole**2 / (units.counts**2).sum())
    if k == 1 or effective - 1 < 1e-9:
        return Estimate(value, np.full(size, np.nan), np.full(size, np.nan))
    residuals = units.totals - units.counts[:, None] * value
    se = np.sqrt((residuals**2).sum(axis=0)) / whole * math.sqrt(effective / (effective - 1))
    return Estimate(value, np.where(se < 1e-12, 0.0, se), np.full(size, effective - 1))


def interval(
    found: Estimate, low: float, high: float, confidence: float = 0.95
) -> tuple[FloatArray, FloatArray]:
    """`Estimate.interval`, and NaN where outlets do not differ at all: that says nothing of certainty."""
    known = Estimate(found.value, np.where(found.se > 0, found.se, np.nan), found.dof)
    return known.interval(low, high, confidence)


def permutation_p(
    first: Clusters, second: Clusters, draws: int, rng: np.random.Generator, weight: Weight = "outlet"
) -> float:
    """Two-sided p of the gap in the first quantity when outlets are dealt to the two groups at random.

    All divisions are tried if there are no more than `draws`, else `draws` random ones. The statistic is
    the gap over its standard error, which keeps the test right if the groups vary unequally (Janssen 1997;
    Chung and Romano 2013). NaN if a group has no outlet.
    """
    if not len(first) or not len(second):
        return math.nan
    one, two = first.units(weight), second.units(weight)
    counts = np.concatenate([one.counts, two.counts])
    sums = np.concatenate([one.totals[:, 0], two.totals[:, 0]])
    columns = np.stack([counts, sums, counts**2, sums * counts, sums**2], axis=1)
    k, size = len(one), len(counts)
    observed = _studentised(np.arange(size)[None, :] < k, columns)[0]
    if math.comb(size, k) <= draws:
        chosen = np.array(list(combinations(range(size), k)))
        masks = np.zeros((len(chosen), size), dtype=bool)
        np.put_along_axis(masks, chosen, True, axis=1)
        return float(np.mean(_extreme(_studentised(masks, columns), observed)))
    hits, done, block = 0, 0, max(1, _MAX_CELLS // size)
    while done < draws:
        rows = min(block, draws - done)
        ranks = rng.random((rows, size)).argsort(axis=1).argsort(axis=1)
        hits += int(_extreme(_studentised(ranks < k, columns), observed).sum())
        done += rows
    return (hits + 1) / (draws + 1)


def _extreme(values: FloatArray, observed: float) -> npt.NDArray[np.bool_]:
    # The same division summed in another order differs in its last bits; it still has to count as equal.
    return np.abs(values) >= abs(observed) - 1e-9 * max(1.0, min(abs(observed), 1e12))


def _studentised(masks: npt.NDArray[np.bool_], columns: FloatArray) -> FloatArray:
    """Gap over its standard error for each division of outlets. (divisions, outlets) -> (divisions,)."""
    means, variances = [], []
    for mask in (masks, ~masks):
        chosen = mask.astype(np.float64)
        n, s, nn, sn, ss = (chosen @ columns).T
        k = chosen.sum(axis=1)
        mean = s / n
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = np.maximum(ss - 2 * mean * sn + mean**2 * nn, 0.0) / n**2 * k / (k - 1)
        means.append(mean)
        variances.append(spread)
    gap: FloatArray = means[0] - means[1]
    if masks[0].sum() < 2 or (~masks[0]).sum() < 2:
        return gap  # one outlet has no spread: compare the plain gaps
    # The small floor stands in for no spread at all, where any gap is infinitely many errors wide.
    errors: FloatArray = np.sqrt(np.maximum(variances[0] + variances[1], 1e-18))
    return gap / errors


def false_discovery(p_values: FloatArray) -> FloatArray:
    """Benjamini-Hochberg (1995) q of each p; NaN stays NaN and doesn't count as a test. Shape kept."""
    known = ~np.isnan(p_values)
    q_values = np.full_like(p_values, np.nan)
    if known.any():
        q_values[known] = stats.false_discovery_control(p_values[known])
    return q_values


def hedges_g(
    gap: float, counts: tuple[float, float], totals: tuple[float, float], squares: tuple[float, float]
) -> float:
    """The gap in pooled standard deviations of article scores, with the small-sample factor of Hedges (1981).

    Args:
        gap: Difference of the groups' means, however they were weighted.
        counts, totals, squares: Number, sum and sum of squares of the article scores in each group.

    Returns:
        NaN if a group is empty, both have one article, or scores do not vary.
    """
    if min(counts) < 1:
        return math.nan
    dof = sum(counts) - 2
    within = sum(max(q - t * t / n, 0.0) for n, t, q in zip(counts, totals, squares, strict=True))
    if dof < 1 or within <= 1e-12:
        return math.nan
    return gap / math.sqrt(within / dof) * (1 - 3 / (4 * dof - 1))
