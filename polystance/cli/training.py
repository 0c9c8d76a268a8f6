"""Commands for one's own checkpoint: train, evaluate, export."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from polystance.cli.app import app
from polystance.cli.options import Device, Model, parsed_columns, parsed_labels, say
from polystance.errors import UsageError

LabelColumn = Annotated[
    list[str] | None,
    typer.Option("--column", help="FIELD=NAME, where a column of your labels is not guessed: text=body."),
]
LabelWord = Annotated[
    list[str] | None,
    typer.Option("--label", help="WORD=LABEL, where your labels have other names: hostile=against."),
]


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
    column: LabelColumn = None,
    label: LabelWord = None,
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
    from transformers.utils.logging import disable_progress_bar

    from polystance.training.ownlabels import own_labels_recipe, with_labels
    from polystance.training.pipeline import run_recipe
    from polystance.training.processes import this_process
    from polystance.training.recipe import load_recipe

    main = this_process().is_main_process  # the only one, but for a launcher
    level = logging.INFO if main else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    disable_progress_bar()  # type: ignore[no-untyped-call]  # of reading and writing local files
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
    if main:
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
            help="seeds, the sample corpus; labels of your own, as of train; a file of a known set "
            "(docs/evaluation.md); or a folder of data sets."
        ),
    ] = "seeds",
    column: LabelColumn = None,
    label: LabelWord = None,
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

    table = {"columns": parsed_columns(column), "labels": parsed_labels(label)}
    found = load_split(data, name, split, controls=controls, **table)
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
