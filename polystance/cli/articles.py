"""Commands that label articles: run, classify, explain."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polystance.cli.app import app
from polystance.cli.options import (
    Address,
    Column,
    Confidence,
    Device,
    Draws,
    Encoding,
    EngineOption,
    Events,
    Format,
    Groups,
    Inputs,
    Model,
    Overwrite,
    PeriodOption,
    Precision,
    Strict,
    Target,
    Texts,
    Weight,
    Workers,
    parsed_columns,
    parsed_targets,
    say,
)
from polystance.cli.reporting import write_report
from polystance.errors import FailuresError, UsageError

if TYPE_CHECKING:
    from polystance.inference.job import JobResult
    from polystance.inference.sources import Failure
    from polystance.models.records import ArticleLabels


@app.command()
def run(
    inputs: Inputs,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for tables and report.")],
    target: Target = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    min_confidence: Confidence = 0.0,
    column: Column = None,
    encoding: Encoding = None,
    groups: Groups = "zh,en",
    weight: Weight = "outlet",
    draws: Draws = 2000,
    period: PeriodOption = "month",
    events: Events = None,
    texts: Texts = True,
    format_: Format = None,
    engine: EngineOption = "local",
    address: Address = None,
    workers: Workers = None,
    overwrite: Overwrite = False,
    strict: Strict = False,
) -> None:
    """Classify articles, compare the two groups of outlets, and write report.html."""
    options = (target, min_confidence, column, encoding, texts, format_, overwrite)
    result = _classify(inputs, out, *options, (engine, model, device, precision, address, workers))
    try:
        write_report(out, out, groups, None, weight, draws, None, period, events)
    except UsageError as error:
        raise UsageError(f"The labels are in {out}, but can't be compared: {error}") from error
    _finish(result, strict)


@app.command()
def classify(
    inputs: Inputs,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Run folder: articles.parquet, stances.parquet, ... Only for - alone it may be left out: "
            "the labels then go to standard output, as JSON Lines or as --format says.",
        ),
    ] = None,
    target: Target = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    min_confidence: Confidence = 0.0,
    column: Column = None,
    encoding: Encoding = None,
    texts: Texts = True,
    format_: Format = None,
    engine: EngineOption = "local",
    address: Address = None,
    workers: Workers = None,
    overwrite: Overwrite = False,
    strict: Strict = False,
) -> None:
    """Label articles in batch; a stopped job goes on with the same command. Without --out: a filter."""
    if out is None:
        of_a_job = overwrite or not texts or engine != "local" or address is not None or workers is not None
        if inputs != ["-"] or of_a_job:
            raise UsageError(
                "--out FOLDER is missing: labels of files and folders go to a run folder. Only what comes "
                "on standard input can go to standard output: cat x.jsonl | polystance classify - > y.jsonl "
                "(--overwrite, --no-texts, --engine, --address and --workers are for run folders)"
            )
        _filter(target, model, device, precision, min_confidence, column, encoding, format_, strict)
        return
    options = (target, min_confidence, column, encoding, texts, format_, overwrite)
    result = _classify(inputs, out, *options, (engine, model, device, precision, address, workers))
    _finish(result, strict)


@app.command()
def explain(
    inputs: Inputs,
    target: Target = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    column: Column = None,
    encoding: Encoding = None,
) -> None:
    """Show the labels of articles in the terminal, with the evidence marked in the text."""
    from rich.console import Console

    from polystance.inference.classifier import StanceClassifier
    from polystance.inference.explanation import explanation
    from polystance.inference.sources import Failure, read_articles

    targets = parsed_targets(target)
    items = read_articles(inputs, columns=parsed_columns(column), encoding=encoding)
    classifier = StanceClassifier.from_pretrained(model, device, precision=precision)
    console = Console()
    for item in items:
        if isinstance(item, Failure):
            _say_failure(item)
            continue
        labels: ArticleLabels = classifier.classify([item], targets or "auto")[0]
        console.print(explanation(labels))


def _classify(
    inputs: list[str],
    out: Path,
    target: list[str] | None,
    min_confidence: float,
    column: list[str] | None,
    encoding: str | None,
    texts: bool,
    form: str | None,
    overwrite: bool,
    engine: tuple[str, str | None, str, str, str | None, int | None],
) -> JobResult:
    # Checked before torch is loaded: a typing error should be answered at once.
    targets, columns = parsed_targets(target), parsed_columns(column)
    from polystance.inference.labelfile import check_format
    from polystance.inference.sources.files import walk

    label_format = check_format(form)
    walk(inputs)
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from polystance.inference.engines import open_engine
    from polystance.inference.job import JobOptions, run_files, run_job
    from polystance.inference.summary import labels_text

    labeller = open_engine(*engine)
    options = JobOptions(targets, min_confidence, columns, encoding, texts, label_format)
    if overwrite and (deleted := run_files(out)):
        say(f"--overwrite deletes from {out}: {', '.join(path.name for path in deleted)}")
    talk = Console(stderr=True)
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(20),
        TimeElapsedColumn(),
        console=talk,
        transient=True,
    ) as bar:
        task = bar.add_task("reading and labelling", total=None)

        def progress(articles: int, failures: int) -> None:
            bar.update(task, description=f"{articles:,} articles, {failures:,} failures")

        result = run_job(labeller, inputs, out, options, overwrite=overwrite, progress=progress)
    if result.reused:
        say(f"{out} already holds this run; nothing to label. (--overwrite labels anew.)")
    else:
        resumed = f", {result.resumed} shards from before" if result.resumed else ""
        counted = f"{result.articles:,} articles, {result.stances:,} stances"
        say(f"{counted} in {result.seconds:.1f} s{resumed} -> {out}")
    Console().print(labels_text(out))
    return result


def _filter(
    target: list[str] | None,
    model: str | None,
    device: str,
    precision: str,
    min_confidence: float,
    column: list[str] | None,
    encoding: str | None,
    form: str | None,
    strict: bool,
) -> None:
    targets, columns = parsed_targets(target), parsed_columns(column)
    from polystance.inference.labelfile import check_format

    label_format = check_format(form) or "jsonl"
    from polystance.inference.classifier import StanceClassifier
    from polystance.inference.filter import filter_articles
    from polystance.inference.sources import read_articles

    items = read_articles("-", columns=columns, encoding=encoding)
    sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]
    done = filter_articles(
        StanceClassifier.from_pretrained(model, device, precision=precision),
        items,
        sys.stdout,
        targets or "auto",
        min_confidence=min_confidence,
        form=label_format,
        failed=_say_failure,
    )
    if done.failures:
        message = f"{done.articles:,} articles labelled, {done.failures:,} inputs failed."
        if strict:
            raise FailuresError(message)
        say(message)


def _finish(result: JobResult, strict: bool) -> None:
    if result.failures:
        message = f"{result.failures:,} inputs failed: {result.folder / 'failures.jsonl'} says which and why."
        if strict:
            raise FailuresError(message)
        say(message)


def _say_failure(failure: Failure) -> None:
    say(f"{failure.source}{f':{failure.line}' if failure.line else ''}: {failure.reason}")
