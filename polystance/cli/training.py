"""Commands for one's own checkpoint: train, evaluate, export."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from polystance.cli.app import app
from polystance.cli.options import Device, Model, say
from polystance.errors import UsageError


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
    from polystance.training.recipe import load_recipe

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    run_recipe(load_recipe(recipe), data, out, work)
    print(out)


@app.command()
def evaluate(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            help="A checkpoint: a folder or a hub id; the bundled one if left out. Two are compared.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        str,
        typer.Option(
            help="seeds, the sample corpus; a labelled .jsonl or .csv (docs/evaluation.md has the forms); or "
            "a folder of data sets."
        ),
    ] = "seeds",
    name: Annotated[str | None, typer.Option(help="In a folder: data set [default: country-news].")] = None,
    split: Annotated[str, typer.Option(help="In a folder: split to report on.")] = "test",
    controls: Annotated[
        bool, typer.Option(help="In a folder: also fit TF-IDF and target-only controls on the train split.")
    ] = True,
    device: Device = "auto",
    detail: Annotated[
        bool, typer.Option("--detail", help="Also show scores by target and outlet, and reliability.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Also write the figures to this JSON file.")
    ] = None,
) -> None:
    """Scores on labelled data with intervals, the controls beside them; of two checkpoints the difference."""
    given: list[str | None] = [*models] if models else [None]
    if len(given) > 2:
        raise UsageError(f"{len(given)} checkpoints were given; give one to score, or two to compare.")
    from rich.console import Console

    from polystance.inference.classifier import pick_device
    from polystance.models.checkpoint import load_checkpoint
    from polystance.training.datafiles import SEEDS, load_split
    from polystance.training.evaluation import DatasetEvaluation, evaluate_examples, unseen
    from polystance.training.predictors import CheckpointPredictor
    from polystance.training.results import write
    from polystance.training.significance import compare_predictors

    found = load_split(data, name, split, controls=controls)
    if data == SEEDS:
        say(
            "The sample corpus is invented, and how windows are pooled was fitted on it: it shows that "
            "things work, not how good a checkpoint is. --data names other data."
        )
    place = pick_device(device)
    predictors = [CheckpointPredictor(load_checkpoint(model, device=place)) for model in given]
    console = Console()
    results: list[DatasetEvaluation] = []
    for predictor in predictors:
        result = evaluate_examples(
            predictor,
            found.examples,
            found.train,
            found.dev,
            dataset=found.dataset,
            split=found.name,
            controls=controls and not results,  # the same for the second
        )
        results.append(result)
        console.print(result.table())
        own = next(iter(result.stance.values()), None)
        if detail and own:
            console.print(own.group_table())
            console.print(own.reliability_table())
    if len(predictors) == 1:
        if out:
            write(out, results[0])
        return
    names = (str(given[0]), str(given[1]))
    kept = unseen(found.examples, found.train)
    comparison = compare_predictors(predictors[0], predictors[1], kept, names=names)
    console.print(comparison.table())
    if out:
        write(out, {"evaluations": results, "comparison": comparison})


@app.command()
def export(
    out: Annotated[Path, typer.Option("--out", "-o", help="The file, such as model.onnx.")],
    model: Model = None,
) -> None:
    """Write a checkpoint as an int8 ONNX file, for use outside of polystance."""
    from polystance.models.checkpoint import load_checkpoint
    from polystance.models.onnx import write_onnx

    write_onnx(load_checkpoint(model), out)
