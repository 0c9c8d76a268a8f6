"""Gaps within events: how the two groups present a target when they write about the same thing."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import pandas as pd
from scipy import stats

from polystance.inference.estimates import FloatArray
from polystance.inference.settings import Settings
from polystance.models.targets import target_name

EVENT_COLUMNS: Final = ("event", "first", "last", "targets")


def matched_gaps(linked: pd.DataFrame, shown: list[str], settings: Settings) -> pd.DataFrame:
    """The table of `Comparison.matched`.

    The gap is the coefficient of the group in a regression of scores on group and event (fixed effects): only
    events with articles of both groups bear on it. Its error is clustered by outlet and by event at once
    (Cameron, Gelbach and Miller 2011), with the degrees of freedom of the scarcer of the two.

    `linked`: one row per article and target: target, group, outlet, event (-1: none), score.
    """
    first = settings.groups[0]
    rows = []
    for target in shown:
        part = linked[(linked["target"] == target) & (linked["event"] >= 0)]
        both = part.groupby("event")["group"].transform("nunique") == 2
        part = part[both]
        row: dict[str, object] = {"target": target, "name": target_name(target, "en")}
        row["events"] = part["event"].nunique()
        for group in settings.groups:
            side = part[part["group"] == group]
            row |= {f"articles_{group}": len(side), f"outlets_{group}": side["outlet"].nunique()}
        gap, low, high = math.nan, math.nan, math.nan
        if len(part):
            outlets = pd.factorize(part["group"] + "\x1f" + part["outlet"])[0]
            gap, se, dof = within_events(
                part["score"].to_numpy(dtype=np.float64),
                part["group"].eq(first).to_numpy().astype(np.float64),
                pd.factorize(part["event"])[0],
                outlets,
            )
            if dof >= 1 and se > 0:
                half = float(stats.t.ppf(0.975, dof)) * se
                low, high = max(gap - half, -2.0), min(gap + half, 2.0)
        row |= {"gap": gap, "gap_low": low, "gap_high": high, "clear": bool(low > 0 or high < 0)}
        rows.append(row)
    counts = [f"{what}_{group}" for group in settings.groups for what in ("articles", "outlets")]
    columns = ["target", "name", "events", *counts, "gap", "gap_low", "gap_high", "clear"]
    table = pd.DataFrame(rows, columns=columns)
    table["clear"] = table["clear"].astype(bool)
    return table


def within_events(
    scores: FloatArray, in_first: FloatArray, events: np.ndarray, outlets: np.ndarray
) -> tuple[float, float, int]:
    """Gap, its standard error (NaN if not known) and degrees of freedom. All arguments: (articles,).

    `events`, `outlets`: codes from 0. Every event has articles of both groups.
    """
    x, y = _within(in_first, events), _within(scores, events)
    size = float(x @ x)
    gap = float(x @ y) / size
    moments = x * (y - gap * x)
    pairs = np.unique(np.stack([events, outlets]), axis=1, return_inverse=True)[1]
    dof = min(len(np.unique(outlets)), len(np.unique(events))) - 1
    if dof < 1:
        return gap, math.nan, dof
    one, two = _clustered(moments, outlets), _clustered(moments, events)
    both = one + two - _clustered(moments, pairs)
    # The difference can fall below either part, even below 0, in small samples: then the larger part counts.
    return gap, math.sqrt(max(both, one, two)) / size, dof


def _within(values: FloatArray, codes: np.ndarray) -> FloatArray:
    """Values less the mean of their event."""
    return np.asarray(values - (np.bincount(codes, values) / np.bincount(codes))[codes])


def _clustered(moments: FloatArray, codes: np.ndarray) -> float:
    """Sum of squared sums by cluster, with the usual correction for few clusters."""
    sums = np.bincount(np.unique(codes, return_inverse=True)[1], moments)
    return float(sums @ sums) * len(sums) / max(len(sums) - 1, 1)


def event_table(articles: pd.DataFrame, linked: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """The table of `Comparison.events`: events with articles of both groups, most articles first.

    `articles`: article_id, group, outlet, published, title, url, event. `linked`: as for `matched_gaps`.
    """
    first, second = settings.groups
    means = (
        linked[linked["event"] >= 0].groupby(["event", "target", "group"])["score"].mean().unstack("group")
    )
    means = means.reindex(columns=[first, second]).dropna()
    gaps = (means[first] - means[second]).rename("gap").reset_index()
    widest = gaps.loc[gaps.groupby("event")["gap"].apply(lambda g: g.abs().idxmax())] if len(gaps) else gaps
    widest = widest.set_index("event")
    rows = []
    for event, part in articles[articles["event"] >= 0].groupby("event", sort=True):
        if part["group"].nunique() < 2:
            continue
        days = part["published"].str[:10]
        named = gaps.loc[gaps["event"] == event, "target"]
        row: dict[str, object] = {
            "event": event, "first": days.min(), "last": days.max(), "targets": ", ".join(named),
        }  # fmt: skip
        for group in settings.groups:
            side = part[part["group"] == group].sort_values(["published", "article_id"])
            shown = side[side["title"] != ""]
            lead = (shown if len(shown) else side).iloc[0]
            row |= {f"articles_{group}": len(side), f"outlets_{group}": side["outlet"].nunique()}
            row |= {f"{what}_{group}": lead[name] for what, name in _LEAD.items()}
        known = event in widest.index
        row |= {"widest_target": widest.at[event, "target"] if known else None}
        row |= {"widest_gap": widest.at[event, "gap"] if known else math.nan}
        rows.append(row)
    per_group = ["articles_{}", "outlets_{}", *(f"{what}_{{}}" for what in _LEAD)]
    sides = [name.format(group) for group in settings.groups for name in per_group]
    table = pd.DataFrame(rows, columns=[*EVENT_COLUMNS, *sides, "widest_target", "widest_gap"])
    size = table[[f"articles_{group}" for group in settings.groups]].sum(axis=1)
    table = table.assign(size=size).sort_values(["size", "first"], ascending=[False, True], kind="stable")
    return table.drop(columns="size").reset_index(drop=True)


_LEAD: Final = {"headline": "title", "outlet": "outlet", "url": "url", "article_id": "article_id"}
