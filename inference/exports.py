"""A comparison as JSON, CSV and Markdown: the numbers of the report for other programs and for notes."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

import polystance
from polystance.inference.comparison import Comparison
from polystance.inference.spreadsheet import inert
from polystance.inference.wording import (
    adjective,
    correction,
    findings,
    frame_name,
    headline,
    percent,
    probability,
    signed,
    signed_interval,
)

FORMAT_VERSION: Final = "1"
_PARTS: Final = (
    "corrected", "matched", "outlets", "tones", "frames", "target_frames", "trend", "words", "events",
    "evidence",
)  # fmt: skip


def write_json(comparison: Comparison, path: Path) -> None:
    """One object with every part; tables are lists of rows, NaN is null."""
    content = {
        "polystance_comparison": FORMAT_VERSION,
        "polystance": polystance.__version__,
        "correction": correction(comparison),
        "groups": list(comparison.groups),
        "headline": headline(comparison),
        "findings": findings(comparison),
        "caveats": list(comparison.caveats),
        "settings": asdict(comparison.settings),
        "coverage": asdict(comparison.coverage),
        "run": dict(comparison.run),
        "table": comparison.table.to_dict("records"),
        **{name: getattr(comparison, name).to_dict("records") for name in _PARTS},
    }
    text = json.dumps(_plain(content), ensure_ascii=False, indent=1, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def write_csv(comparison: Comparison, path: Path) -> list[Path]:
    """`table` at `path` and the other parts beside it, in UTF-8 with a mark that Excel reads it by."""
    written = []
    for name in ("table", *_PARTS):
        target = path if name == "table" else path.with_name(f"{path.stem}.{name}{path.suffix or '.csv'}")
        frame: pd.DataFrame = getattr(comparison, name)
        safe = frame.map(inert)
        safe.to_csv(target, index=False, encoding="utf-8-sig", quoting=csv.QUOTE_MINIMAL, lineterminator="\n")
        written.append(target)
    return written


def write_markdown(comparison: Comparison, path: Path) -> None:
    """Headline, findings, caveats, and the tables of gaps, frames and tones."""
    a, b = comparison.groups
    first, second = adjective(a), adjective(b)
    lines = [f"# {first} and {second} outlets compared", "", _text(headline(comparison)), ""]
    lines += [f"- {_text(finding)}" for finding in findings(comparison)]
    lines += ["", "## Gaps, as the classifier has them (uncorrected)", ""]
    head = ["Target", f"n {a}", f"n {b}", f"mean {a}", f"mean {b}", "gap", "95% interval", "g", "p", "q"]
    rows = [
        [
            row["name"], f"{row[f'articles_{a}']:,}", f"{row[f'articles_{b}']:,}",
            signed(row[f"mean_{a}"]), signed(row[f"mean_{b}"]),
            f"**{signed(row['gap'])}**" if row["clear"] else signed(row["gap"]),
            signed_interval(row["gap_low"], row["gap_high"]),
            signed(row["effect_size"]), probability(row["p"]), probability(row["q"]),
        ]
        for _, row in comparison.table.iterrows()
    ]  # fmt: skip
    lines += [*_markdown_table(head, rows), "", "Bold: the interval leaves out zero.", ""]
    lines += _other_gaps(comparison)
    for title, what, table in (("Frames", "frame", comparison.frames), ("Tone", "tone", comparison.tones)):
        rows = [
            [
                frame_name(row[what]), percent(row[f"share_{a}"]), percent(row[f"share_{b}"]),
                signed(row["difference"] * 100, 0),
                signed_interval(row["difference_low"] * 100, row["difference_high"] * 100, 0),
            ]
            for _, row in table.iterrows()
        ]  # fmt: skip
        lines += [f"## {title}", ""]
        lines += [*_markdown_table([title, first, second, "points", "95% interval"], rows), ""]
    lines += ["## Caveats", "", *(f"- {_text(caveat)}" for caveat in comparison.caveats), ""]
    path.write_text("\n".join(lines), encoding="utf-8")


def _other_gaps(comparison: Comparison) -> list[str]:
    """The corrected gaps and those within events, if there are any."""
    a, b = comparison.groups
    lines: list[str] = []
    if len(comparison.corrected):
        rows = [
            [
                row["name"], str(row[f"labels_{a}"]), str(row[f"labels_{b}"]),
                signed(row[f"mean_{a}"]), signed(row[f"mean_{b}"]),
                f"**{signed(row['gap'])}**" if row["clear"] else signed(row["gap"]),
                signed_interval(row["gap_low"], row["gap_high"]),
                "" if pd.isna(row["labels_to_halve"]) else f"{row['labels_to_halve']:,}",
            ]
            for _, row in comparison.corrected.iterrows()
        ]  # fmt: skip
        head = [
            "Target", f"hand labels {a}", f"hand labels {b}", f"mean {a}", f"mean {b}", "gap", "95% interval",
            "labels to halve it",
        ]  # fmt: skip
        lines += ["## Gaps, corrected by hand labels", "", *_markdown_table(head, rows), ""]
    if len(comparison.matched):
        rows = [
            [
                row["name"], f"{row['events']:,}", f"{row[f'articles_{a}']:,}", f"{row[f'articles_{b}']:,}",
                f"**{signed(row['gap'])}**" if row["clear"] else signed(row["gap"]),
                signed_interval(row["gap_low"], row["gap_high"]),
            ]
            for _, row in comparison.matched.iterrows()
        ]  # fmt: skip
        head = ["Target", "events", f"n {a}", f"n {b}", "gap", "95% interval"]
        lines += [
            "## Gaps within events that both report (uncorrected)",
            "",
            *_markdown_table(head, rows),
            "",
        ]
    return lines


def _markdown_table(head: list[str], rows: list[list[str]]) -> list[str]:
    found = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]
    return [*found, *(f"| {_text(row[0])} | {' | '.join(row[1:])} |" for row in rows)]


def _text(text: str) -> str:
    """Text of the corpus (a free-text target) as Markdown that shows it and does nothing else."""
    flat = " ".join(text.split())
    for mark in "\\`*_[]<>|":
        flat = flat.replace(mark, f"\\{mark}")
    return flat


def _plain(value: object) -> Any:
    """The value in JSON's own types."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value
