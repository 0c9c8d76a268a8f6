"""All that the report says about one target side by side: gaps, time, frames, words, events, quotes."""

from __future__ import annotations

import re
from typing import Any, Final

import pandas as pd

from polystance.inference import charts, wording
from polystance.inference.comparison import Comparison
from polystance.inference.pagetext import clean, web_address
from polystance.models.targets import target_name

_QUOTES: Final = 2  # of each group and label
_WORDS: Final = 10
_FRAMES: Final = 5
_EVENTS: Final = 3
_TIMELINE_HEIGHT: Final = 120.0
GAPS: Final = (("table", "as classified"), ("corrected", "corrected"), ("matched", "within events"))


def profiles(comparison: Comparison, targets: list[str]) -> list[dict[str, Any]]:
    """One profile per target, by the names that the template knows."""
    scale = charts.symmetric_scale(
        (
            float(value)
            for name, _ in GAPS
            for value in getattr(comparison, name)[["gap", "gap_low", "gap_high"]].to_numpy().ravel()
        ),
        most=2.0,
    )
    return [
        {
            "target": target,
            "name": target_name(target, "en"),
            "gaps": _gaps(comparison, target, scale),
            "ticks": scale.ticks(),
            "time": _time(comparison, target),
            "frames": _frames(comparison, target),
            "words": _words(comparison, target),
            "events": _events(comparison, target),
            "quotes": _quotes(comparison, target),
        }
        for target in targets
    ]


def _gaps(comparison: Comparison, target: str, scale: charts.Scale) -> list[dict[str, Any]]:
    """The gap as classified, corrected and within events, each with what it rests on."""
    rows = []
    for name, title in GAPS:
        table: pd.DataFrame = getattr(comparison, name)
        found = table[table["target"] == target]
        row = found.iloc[0] if len(found) else None
        item: dict[str, Any] = {"title": title, "basis": _basis(name, row, comparison)}
        if row is None or pd.isna(row["gap"]):
            item |= {
                "gap": None,
                "interval": "",
                "distinct": False,
                "mark": None,
                "said": f"{title}: not known",
            }
        else:
            low, high = row["gap_low"], row["gap_high"]
            item |= {
                "gap": float(row["gap"]),
                "interval": wording.signed_interval(low, high),
                "distinct": bool(row["clear"]),
                "mark": charts.mark(scale, row["gap"], low, high),
                "said": f"{title}: {wording.signed(float(row['gap']))}",
            }
        rows.append(item)
    return rows


def _basis(name: str, row: pd.Series | None, comparison: Comparison) -> str:
    a, b = comparison.groups
    if name == "table":
        return f"{row[f'articles_{a}']:,} + {row[f'articles_{b}']:,} articles" if row is not None else ""
    if name == "corrected":
        if row is None:
            return "no hand labels yet"
        return f"{row[f'labels_{a}']:,} + {row[f'labels_{b}']:,} hand labels"
    if row is None:
        return "events were not linked"
    if not row["events"]:
        return "no event that both report"
    events = f"{row['events']:,} event{'s' if row['events'] > 1 else ''}"
    return f"{events}, {row[f'articles_{a}']:,} + {row[f'articles_{b}']:,} articles"


def _time(comparison: Comparison, target: str) -> dict[str, Any] | None:
    trend = comparison.trend[comparison.trend["target"] == target]
    if trend["period"].nunique() < 2:
        return None
    scale = charts.symmetric_scale(trend["mean"])
    line = charts.timeline(trend, comparison.groups, scale, _TIMELINE_HEIGHT)
    return {"line": line, "height": _TIMELINE_HEIGHT}


def _frames(comparison: Comparison, target: str) -> list[dict[str, Any]]:
    """The frames with the widest differences among the articles about the target."""
    table = comparison.target_frames[comparison.target_frames["target"] == target]
    table = table.sort_values("difference", key=lambda column: -column.abs(), kind="stable")
    return [
        {
            "name": wording.frame_name(row["frame"]),
            "shares": [wording.percent(row[f"share_{group}"]) for group in comparison.groups],
            "points": wording.signed(row["difference"] * 100, 0),
            "interval": wording.signed_interval(row["difference_low"] * 100, row["difference_high"] * 100, 0),
            "distinct": bool(row["difference_low"] > 0 or row["difference_high"] < 0),
        }
        for _, row in table.head(_FRAMES).iterrows()
    ]


def _words(comparison: Comparison, target: str) -> list[list[dict[str, Any]]]:
    table = comparison.words[comparison.words["target"] == target]
    sides = [
        [
            {"word": row["word"], "count": row["count"], "z": row["z"]}
            for _, row in table[table["group"] == group].head(_WORDS).iterrows()
        ]
        for group in comparison.groups
    ]
    return sides if any(sides) else []


def _events(comparison: Comparison, target: str) -> list[dict[str, Any]]:
    """Events in which this target has the widest gap of all."""
    table = comparison.events[comparison.events["widest_target"] == target]
    table = table.sort_values("widest_gap", key=lambda column: -column.abs(), kind="stable")
    return [event_row(row, comparison.groups) for _, row in table.head(_EVENTS).iterrows()]


def event_row(row: pd.Series, groups: tuple[str, str]) -> dict[str, Any]:
    """An event as the template shows it: dates, and the first headline of each side."""
    days = list(dict.fromkeys((str(row["first"]), str(row["last"]))))
    widest = row["widest_target"]
    return {
        "days": " \N{EN DASH} ".join(days),
        "sides": [
            {
                "headline": row[f"headline_{group}"] or "(no headline)",
                "outlet": row[f"outlet_{group}"],
                "url": web_address(row[f"url_{group}"]),
                "articles": int(row[f"articles_{group}"]),
                "language": group,
            }
            for group in groups
        ],
        "target": target_name(widest, "en") if isinstance(widest, str) else "",
        "gap": float(row["widest_gap"]),
    }


def _quotes(comparison: Comparison, target: str) -> list[dict[str, Any]]:
    rows = []
    for label in ("against", "favor"):
        part = comparison.evidence
        part = part[(part["target"] == target) & (part["label"] == label)]
        if len(part):
            cells = [
                [_quote(row) for _, row in part[part["group"] == group].head(_QUOTES).iterrows()]
                for group in comparison.groups
            ]
            rows.append({"label": label, "cells": cells})
    return rows


def _quote(row: pd.Series) -> dict[str, Any]:
    language = clean(row["text_language"])
    return {
        "sentence": row["sentence"],
        "headline": row["headline"],
        "in_headline": bool(row["in_headline"]),
        "outlet": row["outlet"],
        "published": row["published"],
        "language": language if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", language) else "",
        "url": web_address(row["url"]),
        "score": float(row["score"]),
    }
