"""Scores as tables for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from rich.box import SIMPLE_HEAD
from rich.table import Table

from polystance.models.labels import STANCES
from polystance.training.metrics import Difference, GroupScore, ReliabilityBin, Score

if TYPE_CHECKING:
    from polystance.training.evaluation import Evaluation

_BAR: Final = 20  # characters of a bar of 100%
_MOST: Final = 30  # groups in a table


def stance_table(title: str, results: Mapping[str, Evaluation]) -> Table:
    """A row per predictor, figures times 100: macro-F1 by slice, F1 by stance, calibration error (ECE) and
    prevalence error (PE)."""
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("", min_width=15)  # wraps, so that the figures fit into 80 columns
    slices = list(dict.fromkeys(part for result in results.values() for part in result.macro_f1))
    for name in (*slices, *STANCES, "ECE", "PE"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, result in results.items():
        calibration = result.calibration_error.get("all")
        prevalence = result.prevalence_error.get("all")
        table.add_row(
            name,
            *(_interval(result.macro_f1.get(part)) for part in slices),
            *(f"{100 * result.class_f1[s]:.0f}" for s in STANCES),
            "" if calibration is None else f"{100 * calibration:.1f}",
            "" if prevalence is None else f"{100 * prevalence:.1f}",
        )
    return table


def group_table(kinds: Mapping[str, Mapping[str, GroupScore]]) -> Table:
    """A row per group, those with most labels first, at most 30 of each kind ("target", "outlet")."""
    table = Table(title="stance macro-F1 (95% interval)", box=SIMPLE_HEAD)
    for name in ("", "", "labels", "macro-F1"):
        table.add_column(name, justify="left" if not name else "right")
    for kind, groups in kinds.items():
        for name, score in sorted(groups.items(), key=lambda item: -item[1].rows)[:_MOST]:
            table.add_row(kind, name, str(score.rows), _interval(score, " (", ")"))
    return table


def reliability_table(bins: Sequence[ReliabilityBin], part: str) -> Table:
    """A row per bin of confidence, with a bar as long as the share that is right."""
    title = f"Reliability, {part}: of labels given with a confidence, how many are right?"
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("confidence", "labels", "mean confidence", "right"):
        table.add_column(name, justify="right")
    table.add_column(f"{'right, with | where it should be':<{_BAR + 2}}", no_wrap=True)
    for b in bins:
        bar = list("█" * round(_BAR * b.accuracy) + " " * (_BAR + 1 - round(_BAR * b.accuracy)))
        bar[round(_BAR * b.confidence)] = "|"
        table.add_row(
            f"{b.low:.1f} to {b.high:.1f}",
            str(b.rows),
            f"{100 * b.confidence:.0f}%",
            f"{100 * b.accuracy:.0f}%",
            "".join(bar),
        )
    return table


def difference_table(names: tuple[str, str], differences: Mapping[str, Difference]) -> Table:
    """A row per slice: both scores, their difference with its interval and p; figures but p times 100."""
    table = Table(title=f"stance macro-F1, {names[0]} minus {names[1]}", box=SIMPLE_HEAD)
    for name in ("", *names, "difference (95% interval)", "p"):
        table.add_column(name, justify="right")
    for part, d in differences.items():
        table.add_row(
            part,
            f"{100 * d.a:.1f}",
            f"{100 * d.b:.1f}",
            f"{100 * d.value:+.1f} ({100 * d.low:+.1f} to {100 * d.high:+.1f})",
            "<0.001" if d.p < 0.001 else f"{d.p:.3f}",
        )
    return table


def _interval(score: Score | None, before: str = "\n", after: str = "") -> str:
    if score is None:
        return ""
    return f"{100 * score.value:.1f}{before}{100 * score.low:.0f}–{100 * score.high:.0f}{after}"
