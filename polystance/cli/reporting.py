"""The report of a run, as `run` and `compare` write it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from polystance.cli.options import parsed_targets, say

if TYPE_CHECKING:
    from polystance.inference.comparison import Comparison


def write_report(
    run_folder: Path,
    out: Path,
    groups: str,
    target: list[str] | None,
    weight: str,
    draws: int,
    labels: Path | None,
    period: str,
    events: bool | None,
) -> Comparison:
    from rich.console import Console

    from polystance.inference.comparison import compare as compare_groups
    from polystance.inference.output import writing
    from polystance.inference.summary import summary_text

    pair: Any = tuple(g.strip() for g in groups.split(","))
    # Checked by `compare`, whose messages say what is allowed.
    checked: Any = {"weight": weight, "period": period}
    comparison = compare_groups(
        run_folder, pair, targets=parsed_targets(target), draws=draws, labels=labels, events=events, **checked
    )
    with writing(out, f"then: polystance compare {run_folder} -o {out}"):
        out.mkdir(parents=True, exist_ok=True)
        comparison.to_html(out / "report.html")
        comparison.to_json(out / "comparison.json")
        comparison.to_csv(out / "comparison.csv")
        comparison.to_markdown(out / "comparison.md")
    Console().print(summary_text(comparison))
    say(f"Report: {out / 'report.html'}")
    return comparison
