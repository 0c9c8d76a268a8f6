"""Commands on a finished run: compare, sample."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from polystance.cli.app import app
from polystance.cli.options import Draws, Events, Groups, PeriodOption, Target, Weight, parsed_targets, say
from polystance.cli.reporting import write_report
from polystance.errors import UsageError


@app.command()
def compare(
    run_folder: Annotated[Path, typer.Argument(help="A folder that `polystance classify` or `run` wrote.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the report.")],
    target: Target = None,
    groups: Groups = "zh,en",
    weight: Weight = "outlet",
    draws: Draws = 2000,
    labels: Annotated[
        Path | None,
        typer.Option(help="A sample of `polystance sample`, labelled by hand: gaps are corrected by it."),
    ] = None,
    period: PeriodOption = "month",
    events: Events = None,
) -> None:
    """Compare two groups of outlets in a finished run, and write report.html."""
    write_report(run_folder, out, groups, target, weight, draws, labels, period, events)


@app.command()
def sample(
    run_folder: Annotated[Path, typer.Argument(help="A folder that `polystance classify` or `run` wrote.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="A .csv for a spreadsheet, or a .json for Label Studio.")
    ],
    n: Annotated[int, typer.Option("-n", help="Rows to label, of an article and a target each.")] = 400,
    target: Target = None,
    by_target: Annotated[
        bool, typer.Option("--by-target", help="As many rows of every target as of any other.")
    ] = False,
    groups: Groups = "zh,en",
    seed: Annotated[int, typer.Option(help="The same seed draws the same rows.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
) -> None:
    """Draw a random sample of a run for a person to label, so that gaps can be corrected by it."""
    from polystance.inference.output import writing
    from polystance.inference.sampling import draw_sample

    if out.suffix.lower() not in (".csv", ".json"):
        raise UsageError(f"--out {out}: give a name that ends in .csv or .json (for Label Studio).")
    if out.exists() and not overwrite:
        raise UsageError(f"{out} is there already, perhaps with labels. Give another name, or --overwrite.")
    pair: Any = tuple(g.strip() for g in groups.split(","))
    drawn = draw_sample(run_folder, n, pair, targets=parsed_targets(target), by_target=by_target, seed=seed)
    with writing(out, "then give the same command again."):
        out.parent.mkdir(parents=True, exist_ok=True)
        interface = None
        if out.suffix.lower() == ".json":
            interface = drawn.to_label_studio(out)
        else:
            drawn.to_csv(out)
    if interface:
        say(f"Import {out} into Label Studio with the labelling interface in {interface}.")
    else:
        say(f"Fill in the column `label` of {out}: favor, neutral or against.")
    for row in drawn.strata.to_dict("records"):
        stratum = ", ".join(filter(None, (row["group"], row["target"])))
        say(f"{stratum}: {row['drawn']:,} of {row['rows']:,} rows drawn")
    say(f"Then: polystance compare {run_folder} --labels {out} -o report/")
