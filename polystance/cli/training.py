"""Commands for one's own checkpoint: train, evaluate, export."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from polystance.cli.app import app
from polystance.cli.options import Model, parsed_columns, parsed_labels
from polystance.errors import UsageError


@app.command()
def train(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the checkpoint.")],
    recipe: Annotated[
        Path | None,
        typer.Argument(
            help="A recipe, such as training/recipes/polystance-mini.toml; left out: labels of your own, "
            "in --data, on top of --model."
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            help="Labels of your own: a .csv, .tsv, .jsonl, .json or .parquet file, or "
            "hf://datasets/USER/NAME (docs/training.md). For a recipe of known sets, the folder with data/ "
            "and corpora/ (CONTRIBUTING.md).",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="Checkpoint that your labels are trained on top of: a folder or a hub id; "
            "the bundled one if left out.",
        ),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option("--column", help="FIELD=NAME, where a column of your labels is not guessed: text=body."),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", help="WORD=LABEL, where your labels have other names: hostile=against."),
    ] = None,
    work: Annotated[
        Path | None,
        typer.Option(
            help="Folder for intermediate states; keep it to go on after a stop. Left out: runs/ and the "
            "name of --out."
        ),
    ] = None,
) -> None:
    """Train a checkpoint from labels of your own or a recipe; a stopped training goes on when repeated."""
    import logging

    # Checked before torch is loaded: a typing error should be answered at once.
    columns, labels = parsed_columns(column), parsed_labels(label)
    if recipe is None and data is None:
        raise UsageError("Give labels of your own with --data, such as --data labels.csv, or a recipe.")
    from rich.console import Console

    from polystance.training.ownlabels import own_labels_recipe, with_labels
    from polystance.training.pipeline import run_recipe
    from polystance.training.recipe import load_recipe

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    if recipe is None:
        plan = own_labels_recipe(out.name, model)
    elif model is None:
        plan = load_recipe(recipe)
    else:
        raise UsageError("--model goes with labels of your own; a recipe names its `encoder` itself.")
    folder = Path(data) if data else Path()
    if data and (recipe is None or data.startswith("hf://") or not folder.is_dir()):
        plan, folder = with_labels(plan, data, columns, labels), Path()
    elif columns or labels:
        raise UsageError("--column and --label go with a file in --data; a recipe has them itself.")
    run_recipe(
        plan, folder, out, work or Path("runs") / out.name, lambda found: Console().print(found.table())
    )
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
