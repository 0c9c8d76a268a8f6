"""Options that several commands share, and what their values become."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from polystance.errors import UsageError

Inputs = Annotated[
    list[str],
    typer.Argument(help="Files, folders, globs in quotes, hf://datasets/USER/NAME, or - for standard input."),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="Checkpoint: a folder or a hub id (USER/NAME[@REVISION]); the bundled one if left out.",
    ),
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
Format = Annotated[
    str | None,
    typer.Option("--format", help="Also write one plain file: csv (labels.csv) or jsonl (labels.jsonl)."),
]

EngineOption = Annotated[
    str, typer.Option("--engine", help="local: label in this process; ray: on the workers of a Ray cluster.")
]
Address = Annotated[
    str | None,
    typer.Option(help="Ray cluster, HOST:PORT or auto; left out: one of this machine alone, for this job."),
]
Workers = Annotated[
    int | None, typer.Option(help="Of the Ray cluster; left out: one per GPU, or per core without one.")
]


def parsed_targets(target: list[str] | None) -> tuple[str, ...] | None:
    from polystance.models.targets import parse_targets

    return parse_targets(target) if target else None


def parsed_columns(given: list[str] | None) -> dict[str, str]:
    columns = _pairs(given, "--column", "FIELD=NAME, such as --column text=body")
    if "" in columns.values():
        raise UsageError("--column: write FIELD=NAME, such as --column text=body.")
    return columns


def parsed_labels(given: list[str] | None) -> dict[str, str]:
    return _pairs(given, "--label", "WORD=LABEL, such as --label hostile=against")


def _pairs(given: list[str] | None, option: str, form: str) -> dict[str, str]:
    pairs = {}
    for pair in given or []:
        key, equals, value = pair.partition("=")
        if not (equals and key):
            raise UsageError(f"{option} {pair!r}: write {form}.")
        pairs[key] = value
    return pairs


def say(message: str) -> None:
    print(message, file=sys.stderr)
