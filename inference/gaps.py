"""Gaps between two groups of outlets per target: as the classifier has them, and corrected by hand labels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from polystance.inference.correction import (
    FEWEST_LABELS,
    Correction,
    HandLabels,
    adjusted_prevalence,
    correct,
    labels_to_halve,
)
from polystance.inference.estimates import (
    Estimate,
    FloatArray,
    Weight,
    estimate,
    false_discovery,
    generator,
    hedges_g,
    interval,
    permutation_p,
)
from polystance.inference.observations import STANCE_SHARES
from polystance.inference.settings import Settings
from polystance.inference.shares import clusters_of
from polystance.inference.wording import adjective
from polystance.models.labels import STANCES
from polystance.models.targets import target_name

UNCORRECTED: Final = "uncorrected"
CORRECTED: Final = "corrected"
FEW_OUTLETS: Final = 5
FEW_ARTICLES: Final = 10


def raw_gaps(stances: pd.DataFrame, shown: list[str], settings: Settings) -> pd.DataFrame:
    """The table of `Comparison.table`, a row for each target in `shown`."""
    rows: list[dict[str, Any]] = []
    for target in shown:
        parts = [
            stances[(stances["target"] == target) & (stances["group"] == group)] for group in settings.groups
        ]
        row: dict[str, Any] = {"target": target, "name": target_name(target, "en")}
        clusters = [clusters_of(part, ["score_sum", *STANCE_SHARES]) for part in parts]
        estimates = []
        for group, part, cluster in zip(settings.groups, parts, clusters, strict=True):
            rng = generator(settings.seed, "stance", target, group)
            found = estimate(cluster, settings.draws, rng, settings.weight)
            low, high = interval(found, -1, 1)
            estimates.append(found)
            row |= {f"articles_{group}": int(cluster.counts.sum()), f"outlets_{group}": len(part)}
            row |= {
                f"mean_{group}": found.value[0],
                f"mean_{group}_low": low[0],
                f"mean_{group}_high": high[0],
            }
            row |= {f"{label}_{group}": found.value[i] for i, label in enumerate(STANCE_SHARES, start=1)}
        gap = estimates[0] - estimates[1]
        low, high = interval(gap, -2, 2)
        rng = generator(settings.seed, "permutation", target)
        totals = [
            (part["articles"].sum(), part["score_sum"].sum(), part["square_sum"].sum()) for part in parts
        ]
        counts, sums, squares = zip(*totals, strict=True)
        row |= {
            "gap": gap.value[0],
            "gap_low": low[0],
            "gap_high": high[0],
            "effect_size": hedges_g(float(gap.value[0]), counts, sums, squares),
            "p": permutation_p(clusters[0], clusters[1], settings.draws, rng, settings.weight),
            "q": math.nan,
            "clear": bool(low[0] > 0 or high[0] < 0),
            "correction": UNCORRECTED,
            "caveats": "",
        }
        row["caveats"] = "; ".join(_warnings(row, settings.groups))
        rows.append(row)
    table = pd.DataFrame(rows, columns=_columns(settings.groups))
    table["clear"] = table["clear"].astype(bool)  # of no rows too, where pandas would guess text
    table["q"] = false_discovery(table["p"].to_numpy(dtype=np.float64))
    return table


def _columns(groups: tuple[str, str]) -> list[str]:
    per_group = ["articles_{}", "outlets_{}", "mean_{}", "mean_{}_low", "mean_{}_high"]
    per_group += [f"{label}_{{}}" for label in STANCE_SHARES]
    tests = ["gap", "gap_low", "gap_high", "effect_size", "p", "q", "clear", "correction", "caveats"]
    return ["target", "name", *(name.format(group) for group in groups for name in per_group), *tests]


def _warnings(row: Mapping[str, Any], groups: tuple[str, str]) -> list[str]:
    """What a reader has to know about one target's gap."""
    found = []
    for group in groups:
        for what, few in (("outlets", FEW_OUTLETS), ("articles", FEW_ARTICLES)):
            n = row[f"{what}_{group}"]
            if n < few:
                found.append(f"{n or 'no'} {adjective(group)} {what if n != 1 else what[:-1]} (under {few})")
    return found


@dataclass(frozen=True)
class _Corrected:
    """One target in one group. `adjusted`: share of each stance by adjusted counting."""

    estimate: Estimate
    correction: Correction
    adjusted: FloatArray
    labels: int


def corrected_gaps(
    stances: pd.DataFrame, labelled: pd.DataFrame | None, shown: list[str], settings: Settings
) -> pd.DataFrame:
    """Means, shares and gaps corrected by hand labels, a row for each target in `shown`.

    `labelled`: rows as `Observations.labelled` gives them; None makes an empty table. Columns as in
    `Comparison.corrected`. A group with fewer than `FEWEST_LABELS` hand labels of a target has NaN in all
    that rests on them.
    """
    rows = []
    if labelled is None:
        labelled, shown = pd.DataFrame(columns=["target", "group"]), []
    for target in shown:
        row: dict[str, Any] = {"target": target, "name": target_name(target, "en")}
        found: list[_Corrected | None] = []
        for group in settings.groups:
            part = stances[(stances["target"] == target) & (stances["group"] == group)]
            hand = labelled[(labelled["target"] == target) & (labelled["group"] == group)]
            row[f"labels_{group}"] = len(hand)
            found.append(_corrected(part, hand, target, group, settings))
            if (result := found[-1]) is not None:
                row |= _means(result, group)
        row |= dict.fromkeys(("gap", "gap_low", "gap_high"), math.nan)
        row |= {"clear": False, "labels_to_halve": None, "correction": UNCORRECTED}
        first, second = found
        if first is not None and second is not None:
            gap = first.estimate - second.estimate
            low, high = interval(gap, -2, 2)
            variance = sum(float(side.correction.label_variance[0]) for side in (first, second))
            row |= {"gap": gap.value[0], "gap_low": low[0], "gap_high": high[0], "correction": CORRECTED}
            row["clear"] = bool(low[0] > 0 or high[0] < 0)
            row["labels_to_halve"] = labels_to_halve(gap, variance, first.labels + second.labels)
        rows.append(row)
    table = pd.DataFrame(rows, columns=_corrected_columns(settings.groups))
    table["clear"] = table["clear"].astype(bool)
    table["labels_to_halve"] = table["labels_to_halve"].astype("Int64")
    return table


def _corrected(
    part: pd.DataFrame, hand: pd.DataFrame, target: str, group: str, settings: Settings
) -> _Corrected | None:
    if len(hand) < FEWEST_LABELS:
        return None
    clusters = clusters_of(part, ["score_sum", *STANCES])
    squares = part[["square_sum", *STANCES]].to_numpy(dtype=np.float64)  # a 0/1 is its own square
    outlets = {outlet: i for i, outlet in enumerate(part["outlet"])}
    value = {"favor": 1.0, "neutral": 0.0, "against": -1.0}
    truths = [[value[truth], *(float(truth == s) for s in STANCES)] for truth in hand["truth"]]
    said = [
        [score, *(float(label == s) for s in STANCES)]
        for score, label in zip(hand["score"], hand["label"], strict=True)
    ]
    labels = HandLabels(
        outlets=np.array([outlets[outlet] for outlet in hand["outlet"]]),
        truths=np.array(truths),
        predictions=np.array(said),
        weights=1 / hand["probability"].to_numpy(dtype=np.float64),
    )
    correction = correct(clusters, squares, labels, settings.weight)
    rng = generator(settings.seed, "corrected", target, group)
    found = estimate(correction.clusters, settings.draws, rng, settings.weight)
    return _Corrected(found, correction, _adjusted(part, hand, settings.weight), len(hand))


def _adjusted(part: pd.DataFrame, hand: pd.DataFrame, weight: Weight) -> FloatArray:
    """Share of each stance by adjusted counting; "uncertain" rows are left out, as a person never says so."""
    certain = hand[hand["label"].isin(STANCES)]
    shares = part[list(STANCES)].div(part["articles"] if weight == "outlet" else 1, axis=0).sum()
    return adjusted_prevalence(
        (shares / shares.sum()).to_numpy(dtype=np.float64),
        certain["truth"].map(STANCES.index).to_numpy(dtype=np.int64),
        certain["label"].map(STANCES.index).to_numpy(dtype=np.int64),
        1 / certain["probability"].to_numpy(dtype=np.float64),
    )


def _means(result: _Corrected, group: str) -> dict[str, float]:
    found, correction = result.estimate, result.correction
    low, high = interval(found, -1, 1)
    values = {f"mean_{group}": found.value[0], f"mean_{group}_low": low[0], f"mean_{group}_high": high[0]}
    values |= {
        f"{stance}_{group}": min(max(found.value[i], 0.0), 1.0) for i, stance in enumerate(STANCES, start=1)
    }
    values |= {f"adjusted_{s}_{group}": p for s, p in zip(STANCES, result.adjusted, strict=True)}
    return values | {f"power_{group}": correction.power[0], f"error_{group}": correction.error[0]}


def _corrected_columns(groups: tuple[str, str]) -> list[str]:
    per_group = ["labels_{}", "power_{}", "error_{}", "mean_{}", "mean_{}_low", "mean_{}_high"]
    per_group += [f"{kind}{stance}_{{}}" for kind in ("", "adjusted_") for stance in STANCES]
    gap = ["gap", "gap_low", "gap_high", "clear", "labels_to_halve", "correction"]
    return ["target", "name", *(name.format(group) for group in groups for name in per_group), *gap]
