"""The report of a comparison: one HTML file, readable offline, that loads nothing."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from datetime import date
from importlib.resources import files
from typing import Any, Final

import jinja2
import pandas as pd

import polystance
from polystance.inference import charts, wording
from polystance.inference.comparison import Comparison
from polystance.inference.observations import STANCE_SHARES
from polystance.inference.pagetext import clean
from polystance.inference.profiles import GAPS, event_row, profiles
from polystance.models.labels import TONES
from polystance.models.targets import target_name

MOST_TARGETS: Final = 16  # charts; the tables have all
MOST_PROFILED: Final = 10
MOST_EVENTS: Final = 15
MOST_OUTLETS: Final = 25  # of each group
MOST_COLUMNS: Final = 8
_STACKED: Final = ("against", "neutral", "uncertain", "favor")  # against left and favor right, as on the axes
_STACKED_TONES: Final = ("negative", "neutral", "positive")


def render_report(comparison: Comparison) -> str:
    """The report as HTML text.

    Everything that comes from the corpus is escaped; addresses of articles become links only if they are
    http or https; the page's content-security policy allows its one style sheet and its one script, which
    sorts tables, and nothing else.
    """
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "signed": wording.signed,
        "percent": wording.percent,
        "probability": wording.probability,
        "clean": clean,
        "whole": lambda text: text.replace("-", "-\N{WORD JOINER}"),  # no line ends within "English-language"
    }
    templates = files("polystance.inference") / "templates"
    template = environment.from_string((templates / "report.html.j2").read_text(encoding="utf-8"))
    parts = (templates / name for name in ("report.css", "report.js"))
    css, script = ("\n" + part.read_text(encoding="utf-8") for part in parts)
    hashes = {"style_hash": _digest(css), "script_hash": _digest(script)}
    return template.render(css=css, script=script, **hashes, **view(comparison))


def _digest(source: str) -> str:
    """As a content-security policy names what may run."""
    return f"sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}"


def view(comparison: Comparison) -> dict[str, Any]:
    """Everything that the template shows, by the name it has there."""
    groups = comparison.groups
    adjectives = tuple(wording.adjective(group) for group in groups)
    # Targets with enough articles and outlets first: a wide gap between a few texts would mislead.
    table = comparison.table.assign(thin=comparison.table["caveats"] != "")
    table = table.sort_values(["thin", "gap"], na_position="last", kind="stable")
    # The busiest targets, from the widest gap downwards to the widest upwards, in every chart.
    charted = table[table["target"].isin(comparison.table["target"].head(MOST_TARGETS))]
    shown = charted["target"].tolist()
    coverage = comparison.coverage
    outlets = [
        int(comparison.outlets.loc[comparison.outlets["group"] == g, "outlet"].nunique()) for g in groups
    ]
    return {
        "title": f"How {adjectives[0]} and {adjectives[1]} outlets present {_subject(comparison.table)}",
        "headline": wording.headline(comparison),
        "findings": wording.findings(comparison),
        "groups": [
            {"key": key, "language": group, "name": name, "articles": coverage.compared[group], "outlets": n}
            for key, group, name, n in zip("ab", groups, adjectives, outlets, strict=True)
        ],
        "dates": _dates(coverage.first, coverage.last),
        "gaps": _gaps(charted, groups),
        "bars": _bars(charted, groups),
        "correction": wording.correction(comparison),
        "gap_kinds": _gap_kinds(comparison, shown),
        "profiles": profiles(comparison, shown[:MOST_PROFILED]),
        "events": _events(comparison),
        "heat": _heat(comparison, shown[:MOST_COLUMNS]),
        "frames": _frames(comparison),
        "tones": _tones(comparison),
        "rows": _rows(comparison.table, groups),
        "unshown": max(len(table) - len(charted), 0),
        "coverage": coverage,
        "left_out": _left_out(coverage.left_out),
        "caveats": comparison.caveats,
        "settings": comparison.settings,
        "versions": _versions(comparison),
        "version": polystance.__version__,
        "stance_labels": STANCE_SHARES,
        "tone_labels": TONES,
    }


def _subject(table: pd.DataFrame) -> str:
    names = [wording.running_name(target) for target in table["target"]]
    if 0 < len(names) <= 3:
        return wording.listed(names)
    targets = set(table["target"])
    if not all(re.fullmatch("[A-Z]{2}", target) for target in targets):
        return f"{len(names)} targets"
    if "EU" in targets:
        return f"{_spelled(len(names) - 1)} countries and the European Union"
    return f"{_spelled(len(names))} countries"


def _spelled(number: int) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    return words[number] if number < len(words) else str(number)


def _dates(first: str | None, last: str | None) -> str:
    if first is None or last is None:
        return "no dates"
    ends = list(dict.fromkeys(_day(end) for end in (first, last)))
    return " \N{EN DASH} ".join(ends)


def _day(text: str) -> str:
    try:
        day = date.fromisoformat(text)
    except ValueError:  # a month, or a date that the source got wrong
        return text
    return f"{day.day} {day:%b %Y}"


def _gaps(table: pd.DataFrame, groups: tuple[str, str]) -> dict[str, Any]:
    """Both means on one scale, and the gap on another, a row per target."""
    ends = [f"mean_{group}{end}" for group in groups for end in ("", "_low", "_high")]
    scale = charts.symmetric_scale(table[ends].to_numpy(dtype=float).ravel())
    gap_scale = charts.symmetric_scale(
        table[["gap", "gap_low", "gap_high"]].to_numpy(dtype=float).ravel(), most=2.0
    )
    rows = []
    for _, row in table.iterrows():
        marks = [
            charts.mark(scale, row[f"mean_{g}"], row[f"mean_{g}_low"], row[f"mean_{g}_high"]) for g in groups
        ]
        a, b = marks
        said = "; ".join(
            f"{wording.adjective(g)} {wording.signed(row[f'mean_{g}'])}, 95% interval "
            f"{wording.signed_interval(row[f'mean_{g}_low'], row[f'mean_{g}_high'])}"
            for g in groups
        )
        rows.append(
            {
                "name": row["name"],
                "articles": [row[f"articles_{g}"] for g in groups],
                "outlets": [row[f"outlets_{g}"] for g in groups],
                "marks": marks,
                "between": (min(a.x, b.x), round(abs(a.x - b.x), 2)) if a and b else None,
                "gap_mark": charts.mark(gap_scale, row["gap"], row["gap_low"], row["gap_high"]),
                "gap": row["gap"],
                "interval": wording.signed_interval(row["gap_low"], row["gap_high"]),
                "distinct": row["clear"],
                "thin": bool(row["caveats"]),
                "caveats": row["caveats"],
                "said": f"Mean score for {row['name']}: {said}",
                "said_gap": f"Gap for {row['name']}: {wording.signed(row['gap'])}",
            }
        )
    return {"rows": rows, "ticks": scale.ticks(), "gap_ticks": gap_scale.ticks()}


def _gap_kinds(comparison: Comparison, shown: list[str]) -> list[dict[str, Any]]:
    """Gaps as classified, corrected and within events, a row per target."""
    rows = []
    for target in shown:
        cells = []
        for name, _ in GAPS:
            table: pd.DataFrame = getattr(comparison, name)
            found = table[table["target"] == target]
            row = found.iloc[0] if len(found) and not pd.isna(found.iloc[0]["gap"]) else None
            cells.append(
                None
                if row is None
                else {
                    "gap": float(row["gap"]),
                    "interval": wording.signed_interval(row["gap_low"], row["gap_high"]),
                    "distinct": bool(row["clear"]),
                }
            )
        rows.append({"name": target_name(target, "en"), "cells": cells})
    return rows


def _events(comparison: Comparison) -> dict[str, Any]:
    rows = [event_row(row, comparison.groups) for _, row in comparison.events.head(MOST_EVENTS).iterrows()]
    return {"rows": rows, "more": max(len(comparison.events) - MOST_EVENTS, 0)}


def _bars(table: pd.DataFrame, groups: tuple[str, str]) -> list[dict[str, Any]]:
    found = []
    for _, row in table.iterrows():
        bars = [charts.stack((label, row[f"{label}_{group}"]) for label in _STACKED) for group in groups]
        found.append({"name": row["name"], "bars": bars, "said": [_said(bar) for bar in bars]})
    return found


def _said(bar: list[charts.Segment]) -> str:
    return ", ".join(f"{part.label} {part.width:.0f}%" for part in bar) or "no articles"


def _heat(comparison: Comparison, targets: list[str]) -> dict[str, Any]:
    """Mean score of each outlet and target, the busiest outlets of each group first."""
    sides = []
    for key, group in zip("ab", comparison.groups, strict=True):
        part = comparison.outlets[comparison.outlets["group"] == group]
        cells = {(row["outlet"], row["target"]): row for _, row in part.iterrows()}
        busiest = part.groupby("outlet")["articles"].sum().sort_values(ascending=False, kind="stable")
        rows = [
            {"outlet": outlet, "cells": [_cell(cells.get((outlet, target))) for target in targets]}
            for outlet in busiest.index[:MOST_OUTLETS]
        ]
        sides.append(
            {
                "key": key,
                "name": wording.adjective(group),
                "language": group,
                "rows": rows,
                "more": max(len(busiest) - MOST_OUTLETS, 0),
            }
        )
    return {"targets": [target_name(target, "en") for target in targets], "sides": sides}


def _cell(row: pd.Series | None) -> dict[str, Any] | None:
    if row is None:
        return None
    mean = float(row["mean"])
    step = min(math.ceil(abs(mean) / 0.12 - 0.5), 5)
    return {
        "mean": mean,
        "articles": int(row["articles"]),
        "shade": f"{'f' if mean > 0 else 'g'}{step}" if step > 0 else "n",
    }


def _frames(comparison: Comparison) -> dict[str, Any]:
    groups = comparison.groups
    table = comparison.frames
    table = table[(table[[f"share_{group}" for group in groups]] > 0).any(axis=1)]
    table = table.sort_values("difference", key=lambda column: -column.abs(), kind="stable")
    ends = [f"share_{group}{end}" for group in groups for end in ("", "_high")]
    scale = charts.share_scale(table[ends].to_numpy(dtype=float).ravel())
    rows = []
    for _, row in table.iterrows():
        low, high = row["difference_low"], row["difference_high"]
        marks = [
            charts.mark(scale, row[f"share_{g}"], row[f"share_{g}_low"], row[f"share_{g}_high"])
            for g in groups
        ]
        a, b = marks
        shares = ", ".join(f"{wording.adjective(g)} {wording.percent(row[f'share_{g}'])}" for g in groups)
        rows.append(
            {
                "name": wording.frame_name(row["frame"]),
                "marks": marks,
                "between": (min(a.x, b.x), round(abs(a.x - b.x), 2)) if a and b else None,
                "points": wording.signed(row["difference"] * 100, 0),
                "interval": wording.signed_interval(low * 100, high * 100, 0),
                "distinct": bool(low > 0 or high < 0),
                "said": f"{wording.frame_name(row['frame'])}: {shares}",
            }
        )
    return {"rows": rows, "ticks": scale.ticks(percent=True)}


def _tones(comparison: Comparison) -> dict[str, Any]:
    table = comparison.tones.set_index("tone")
    sides = []
    for key, group in zip("ab", comparison.groups, strict=True):
        shares = dict(table[f"share_{group}"].items())
        bar = charts.stack((tone, float(shares[tone])) for tone in _STACKED_TONES)
        sides.append({"key": key, "name": wording.adjective(group), "bar": bar, "said": _said(bar)})
    differences = [
        {
            "tone": tone,
            "points": wording.signed(row["difference"] * 100, 0),
            "interval": wording.signed_interval(row["difference_low"] * 100, row["difference_high"] * 100, 0),
            "distinct": bool(row["difference_low"] > 0 or row["difference_high"] < 0),
        }
        for tone, row in table.loc[list(_STACKED_TONES)].iterrows()
    ]
    return {"sides": sides, "differences": differences}


def _rows(table: pd.DataFrame, groups: tuple[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "name": row["name"],
            "sides": [
                {
                    "articles": row[f"articles_{g}"],
                    "outlets": row[f"outlets_{g}"],
                    "mean": row[f"mean_{g}"],
                    "interval": wording.signed_interval(row[f"mean_{g}_low"], row[f"mean_{g}_high"]),
                }
                for g in groups
            ],
            "gap": row["gap"],
            "interval": wording.signed_interval(row["gap_low"], row["gap_high"]),
            "distinct": row["clear"],
            "effect_size": row["effect_size"],
            "p": row["p"],
            "q": row["q"],
        }
        for _, row in table.iterrows()
    ]


def _left_out(targets: Iterable[tuple[str, int, int]], most: int = 30) -> str:
    items = [f"{target_name(target, 'en')} ({first}, {second})" for target, first, second in targets]
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more


def _versions(comparison: Comparison, most: int = 60) -> list[tuple[str, str]]:
    """Version, options of the comparison and everything in run.json, flat."""
    settings = comparison.settings
    found = [
        ("polystance (comparison)", polystance.__version__),
        ("groups", " and ".join(settings.groups)),
        ("targets", ", ".join(settings.targets) if settings.targets else "all with enough articles"),
        ("weight", settings.weight),
        ("draws", f"{settings.draws:,}"),
        ("seed", str(settings.seed)),
        ("min_articles", str(settings.min_articles)),
        ("period", settings.period),
    ]
    found += [(f"run: {name}", value) for name, value in _flat(comparison.run)]
    return found[:most]


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    found = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{prefix}{name}.")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            found.append((f"{prefix}{name}", text if len(text) <= 200 else f"{text[:199]}…"))
    return found
