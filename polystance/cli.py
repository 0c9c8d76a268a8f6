"""The command line: thin commands over the library. Data goes to stdout, talk to stderr."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polystance import __version__
from polystance.errors import FailuresError, PolystanceError, UsageError

if TYPE_CHECKING:
    from polystance.inference.comparison import Comparison
    from polystance.inference.job import JobResult
    from polystance.models.records import ArticleLabels

app = typer.Typer(
    name="polystance",
    help="How news in Chinese and English presents countries, and how the two press worlds differ.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Inputs = Annotated[
    list[str], typer.Argument(help="Files, folders, globs in quotes, or - for standard input.")
]
Model = Annotated[
    str | None,
    typer.Option("--model", "-m", help="Checkpoint: a folder or a hub id; the bundled one if left out."),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]
Precision = Annotated[str, typer.Option(help="auto, fp32, bf16, or int8 (of CPUs, by ONNX Runtime).")]
Target = Annotated[
    list[str] | None,
    typer.Option(
        "--target", "-t", help="Code, name or free text; repeat for several. Left out: whatever is mentioned."
    ),
]
Confidence = Annotated[
    float, typer.Option(help="Stances less probable than this become 'uncertain' (0 to 1).")
]
Column = Annotated[
    list[str] | None,
    typer.Option("--column", help="FIELD=NAME, where a table's column is not guessed: text=body."),
]
Encoding = Annotated[str | None, typer.Option(help="Encoding of the text files; detected if left out.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Delete an earlier run in the folder first.")]
Strict = Annotated[bool, typer.Option("--strict", help="End with exit code 3 if anything could not be read.")]
Groups = Annotated[str, typer.Option(help="The two outlet languages to compare, first minus second.")]
Weight = Annotated[str, typer.Option(help="outlet: every outlet counts the same; article: every article.")]
Draws = Annotated[int, typer.Option(help="Bootstrap samples.")]
PeriodOption = Annotated[str, typer.Option("--period", help="Steps of the trend: week or month.")]
Events = Annotated[
    bool | None,
    typer.Option(
        "--events/--no-events",
        help="Link articles about the same event. Left out: only up to 100,000 articles.",
    ),
]
Texts = Annotated[
    bool,
    typer.Option(
        "--texts/--no-texts", help="Keep the articles' texts in the run folder; words and events need them."
    ),
]


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if version:
        print(f"polystance {__version__}")
        raise typer.Exit


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
    overwrite: Overwrite = False,
    strict: Strict = False,
) -> None:
    """Classify articles, compare the two groups of outlets, and write report.html."""
    options = (target, model, device, precision, min_confidence, column, encoding, texts, overwrite)
    result = _classify(inputs, out, *options)
    try:
        _report(out, out, groups, None, weight, draws, None, period, events)
    except UsageError as error:
        raise UsageError(f"The labels are in {out}, but can't be compared: {error}") from error
    _finish(result, strict)


@app.command()
def classify(
    inputs: Inputs,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Run folder: articles.parquet, stances.parquet, ...")
    ],
    target: Target = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    min_confidence: Confidence = 0.0,
    column: Column = None,
    encoding: Encoding = None,
    texts: Texts = True,
    overwrite: Overwrite = False,
    strict: Strict = False,
) -> None:
    """Label articles in batch; a stopped job goes on with the same command."""
    options = (target, model, device, precision, min_confidence, column, encoding, texts, overwrite)
    result = _classify(inputs, out, *options)
    _finish(result, strict)


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
    _report(run_folder, out, groups, target, weight, draws, labels, period, events)


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
    from polystance.inference.sampling import draw_sample

    if out.suffix.lower() not in (".csv", ".json"):
        raise UsageError(f"--out {out}: give a name that ends in .csv or .json (for Label Studio).")
    if out.exists() and not overwrite:
        raise UsageError(f"{out} is there already, perhaps with labels. Give another name, or --overwrite.")
    pair: Any = tuple(g.strip() for g in groups.split(","))
    drawn = draw_sample(run_folder, n, pair, targets=_targets(target), by_target=by_target, seed=seed)
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix.lower() == ".json":
        interface = drawn.to_label_studio(out)
        _say(f"Import {out} into Label Studio with the labelling interface in {interface}.")
    else:
        drawn.to_csv(out)
        _say(f"Fill in the column `label` of {out}: favor, neutral or against.")
    for row in drawn.strata.to_dict("records"):
        stratum = ", ".join(filter(None, (row["group"], row["target"])))
        _say(f"{stratum}: {row['drawn']:,} of {row['rows']:,} rows drawn")
    _say(f"Then: polystance compare {run_folder} --labels {out} -o report/")


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

    targets = _targets(target)
    items = read_articles(inputs, columns=_columns(column), encoding=encoding)
    classifier = StanceClassifier.from_pretrained(model, device, precision=precision)
    console = Console()
    for item in items:
        if isinstance(item, Failure):
            _say(f"{item.source}{f':{item.line}' if item.line else ''}: {item.reason}")
            continue
        labels: ArticleLabels = classifier.classify([item], targets or "auto")[0]
        console.print(explanation(labels))


@app.command()
def export(
    out: Annotated[Path, typer.Option("--out", "-o", help="The file, such as model.onnx.")],
    model: Model = None,
) -> None:
    """Write a checkpoint as an int8 ONNX file, for use outside of polystance."""
    from polystance.models.checkpoint import load_checkpoint
    from polystance.models.onnx import write_onnx

    write_onnx(load_checkpoint(model), out)


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


def _targets(target: list[str] | None) -> tuple[str, ...] | None:
    from polystance.models.targets import parse_targets

    return parse_targets(target) if target else None


def _columns(given: list[str] | None) -> dict[str, str]:
    columns = {}
    for pair in given or []:
        field, equals, name = pair.partition("=")
        if not (equals and field and name):
            raise UsageError(f"--column {pair!r}: write FIELD=NAME, such as --column text=body.")
        columns[field] = name
    return columns


def _classify(
    inputs: list[str],
    out: Path,
    target: list[str] | None,
    model: str | None,
    device: str,
    precision: str,
    min_confidence: float,
    column: list[str] | None,
    encoding: str | None,
    texts: bool,
    overwrite: bool,
) -> JobResult:
    # Checked before torch is loaded: a typing error should be answered at once.
    targets, columns = _targets(target), _columns(column)
    from polystance.inference.sources.files import walk

    walk(inputs)
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from polystance.inference.classifier import StanceClassifier
    from polystance.inference.job import JobOptions, run_job
    from polystance.inference.summary import labels_text

    classifier = StanceClassifier.from_pretrained(model, device, precision=precision)
    options = JobOptions(targets, min_confidence, columns, encoding, texts)
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

        result = run_job(classifier, inputs, out, options, overwrite=overwrite, progress=progress)
    if result.reused:
        _say(f"{out} already holds this run; nothing to label. (--overwrite labels anew.)")
    else:
        resumed = f", {result.resumed} shards from before" if result.resumed else ""
        counted = f"{result.articles:,} articles, {result.stances:,} stances"
        _say(f"{counted} in {result.seconds:.1f} s{resumed} -> {out}")
    Console().print(labels_text(out))
    return result


def _finish(result: JobResult, strict: bool) -> None:
    if result.failures:
        message = f"{result.failures:,} inputs failed: {result.folder / 'failures.jsonl'} says which and why."
        if strict:
            raise FailuresError(message)
        _say(message)


def _report(
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
    from polystance.inference.summary import summary_text

    pair: Any = tuple(g.strip() for g in groups.split(","))
    # Checked by `compare`, whose messages say what is allowed.
    checked: Any = {"weight": weight, "period": period}
    comparison = compare_groups(
        run_folder, pair, targets=_targets(target), draws=draws, labels=labels, events=events, **checked
    )
    out.mkdir(parents=True, exist_ok=True)
    comparison.to_html(out / "report.html")
    comparison.to_json(out / "comparison.json")
    comparison.to_csv(out / "comparison.csv")
    comparison.to_markdown(out / "comparison.md")
    Console().print(summary_text(comparison))
    _say(f"Report: {out / 'report.html'}")
    return comparison


def _say(message: str) -> None:
    print(message, file=sys.stderr)


def main() -> None:
    """Entry point: runs a command, and turns our errors into a message and an exit code."""
    try:
        app()
    except PolystanceError as error:
        _say(f"polystance: {error}")
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of a pipe has gone, as in `polystance ... | head`
        sys.stderr.close()
        sys.exit(1)
