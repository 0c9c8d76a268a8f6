"""Commands for one's own checkpoint: train, evaluate, export."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from polystance.cli.app import app
from polystance.cli.options import Model


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe, such as training/recipes/polystance-mini.toml.")],
    data: Annotated[
        Path, typer.Option("--data", help="Folder with data/ and corpora/ (CONTRIBUTING.md has its form).")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the checkpoint.")],
    work: Annotated[
        Path, typer.Option(help="Folder for intermediate states; keep it to go on after a stop.")
    ] = Path("runs/train"),
) -> None:
    """Train a checkpoint from a recipe; a stopped training goes on with the same command."""
    import logging

    from polystance.training.pipeline import run_recipe
    from polystance.training.processes import this_process
    from polystance.training.recipe import load_recipe

    main = this_process().is_main_process  # the only one, but for a launcher
    level = logging.INFO if main else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    run_recipe(load_recipe(recipe), data, out, work)
    if main:
        print(out)


@app.command()
def evaluate(
    data: Annotated[Path, typer.Argument(help="Folder that holds the data sets, such as country-news/.")],
    name: Annotated[str, typer.Option(help="Data set.")] = "country-news",
    split: Annotated[str, typer.Option(help="Split to report on.")] = "test",
    model: Model = None,
    controls: Annotated[
        bool, typer.Option(help="Also fit TF-IDF and target-only controls on the train split.")
    ] = True,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Also write the figures to this JSON file.")
    ] = None,
) -> None:
    """Scores on labelled data with intervals, per language, with the controls beside them."""
    from rich.console import Console

    from polystance.training.evaluation import evaluate_dataset
    from polystance.training.results import write

    result = evaluate_dataset(data, name, split, model, controls=controls)
    Console().print(result.table())
    if out:
        write(out, result)


@app.command()
def export(
    out: Annotated[Path, typer.Option("--out", "-o", help="The file, such as model.onnx.")],
    model: Model = None,
) -> None:
    """Write a checkpoint as an int8 ONNX file, for use outside of polystance."""
    from polystance.models.checkpoint import load_checkpoint
    from polystance.models.onnx import write_onnx

    write_onnx(load_checkpoint(model), out)
