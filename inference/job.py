"""The batch job: sources in, a run folder out, in shards that survive a stop.

    articles.parquet  stances.parquet  failures.jsonl  run.json

While the job runs, finished shards lie in `OUT/.shards/`, each put there by one rename. The same command
goes on after the last of them; when all are there, they are joined and the folder of shards goes.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

import polystance
from polystance.errors import InputError, RunFolderError
from polystance.inference import tables
from polystance.inference.classifier import StanceClassifier
from polystance.inference.sources import Failure, read_articles
from polystance.inference.sources.files import walk
from polystance.models.records import Article

SHARD_ITEMS: Final = 1_000
_SHARDS: Final = ".shards"
_PLAN: Final = "plan.json"
_OUTPUTS: Final = ("articles.parquet", "stances.parquet", "texts.parquet", "failures.jsonl", "run.json")
_SCHEMAS: Final = {"articles": tables.ARTICLES, "stances": tables.STANCES, "texts": tables.TEXTS}
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class JobOptions:
    """What decides the labels of a run, beside checkpoint and input.

    Attributes:
        targets: Codes, names or free text; None labels whatever an article mentions.
        min_confidence: Below it a stance is "uncertain"; 0 to 1.
        columns: Column of each field, where the guess is wrong.
        encoding: Of all text files; detected when None.
        texts: Keep the articles' texts in the run folder, for the words and events of a comparison.
    """

    targets: tuple[str, ...] | None = None
    min_confidence: float = 0.0
    columns: Mapping[str, str] = field(default_factory=dict)
    encoding: str | None = None
    texts: bool = True

    @property
    def outputs(self) -> tuple[str, ...]:
        """Files that are made from shards."""
        return tuple(n for n in _OUTPUTS[:-1] if self.texts or n != "texts.parquet")


@dataclass(frozen=True)
class JobResult:
    """What a job did. `resumed`: shards that were there already; `reused`: the whole run was."""

    folder: Path
    articles: int
    stances: int
    failures: int
    seconds: float
    resumed: int = 0
    reused: bool = False


def run_job(
    classifier: StanceClassifier,
    inputs: Sequence[str],
    out: Path,
    options: JobOptions,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> JobResult:
    """Label every article in `inputs` and write the run folder `out`.

    Args:
        inputs: Files, folders, globs, or "-" for standard input.
        overwrite: Delete an earlier run in `out` first. Only files that a run writes are ever deleted.
        progress: Called after each shard with the articles and failures so far.

    Raises:
        InputError: An input doesn't exist, or nothing in them was an article.
        RunFolderError: `out` holds a run with another checkpoint, other options or other input, or files
            that no run wrote.
    """
    started = time.monotonic()
    plan = _plan(classifier, inputs, options)
    if overwrite:
        delete_run(out)
    if (done := _finished(out, plan)) is not None:
        return done
    shards = out / _SHARDS
    _check_folder(out)
    shards.mkdir(parents=True, exist_ok=True)
    _check_plan(shards / _PLAN, plan, out)
    resumed = articles = failures = 0
    items = iter(read_articles(inputs, columns=options.columns or None, encoding=options.encoding))
    number = 0
    nothing: InputError | None = None
    while True:
        chunk: list[Article | Failure] = []
        try:
            for item in islice(items, SHARD_ITEMS):
                chunk.append(item)
        except InputError as error:  # raised at the end, when nothing at all was an article
            nothing = error
        if not chunk:
            break
        failures += sum(isinstance(item, Failure) for item in chunk)
        articles += sum(isinstance(item, Article) for item in chunk)
        folder = shards / f"{number:06d}"
        if folder.is_dir():
            resumed += 1
        else:
            _write_shard(classifier, chunk, options, folder)
        if progress:
            progress(articles, failures)
        number += 1
    if not articles:
        _join(shards, out, number, ("failures.jsonl",))
        shutil.rmtree(shards)
        detail = (
            f"See {out / 'failures.jsonl'} for the reason of each of {failures}."
            if failures
            else str(nothing or "")
        )
        raise InputError(f"No article could be read from {', '.join(map(str, inputs))}. {detail}".strip())
    _join(shards, out, number, options.outputs)
    seconds = time.monotonic() - started
    stances = pq.ParquetFile(out / "stances.parquet").metadata.num_rows
    _write_json(
        out / "run.json",
        {
            **plan,
            "counts": {"articles": articles, "stances": stances, "failures": failures},
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(seconds, 3),
            "machine": {
                "python": platform.python_version(),
                "device": str(classifier.checkpoint.model.device),
            },
        },
    )
    shutil.rmtree(shards)
    return JobResult(out, articles, stances, failures, seconds, resumed)


def _plan(classifier: StanceClassifier, inputs: Sequence[str], options: JobOptions) -> dict[str, Any]:
    """Everything that has to be equal for a run to go on."""
    from importlib.metadata import version

    precision = classifier.checkpoint.precision
    packages = ("torch", "transformers", "tokenizers", *(("onnxruntime",) if precision == "int8" else ()))
    return {
        "polystance": polystance.__version__,
        "schema": tables.SCHEMA_VERSION,
        "checkpoint": {"name": classifier.checkpoint.settings.name, "sha256": classifier.checkpoint.digest()},
        "precision": precision,
        "versions": {name: version(name) for name in packages},
        "options": {
            **asdict(options),
            "targets": list(options.targets) if options.targets is not None else "auto",
            "columns": dict(options.columns),
        },
        "inputs": [str(given) for given in inputs],
        "files": _fingerprints(inputs),
    }


def _fingerprints(inputs: Sequence[str]) -> dict[str, list[int]]:
    """Size and time of change of every input file; standard input has none, and can't be resumed."""
    prints = {}
    for source in walk(inputs):
        if source.path is not None:
            stat = source.path.stat()
            prints[source.key] = [stat.st_size, stat.st_mtime_ns]
    return prints


def _finished(out: Path, plan: Mapping[str, Any]) -> JobResult | None:
    """The result of an earlier, finished run of the same plan; RunFolderError if `out` holds another run."""
    manifest = out / "run.json"
    if not manifest.is_file():
        return None
    known = json.loads(manifest.read_text(encoding="utf-8"))
    different = _differences(known, plan)
    if different:
        raise RunFolderError(_refusal(out, different, "finished"))
    counts = known["counts"]
    return JobResult(
        out, counts["articles"], counts["stances"], counts["failures"], known["seconds"], reused=True
    )


def _check_plan(path: Path, plan: Mapping[str, Any], out: Path) -> None:
    if path.is_file():
        different = _differences(json.loads(path.read_text(encoding="utf-8")), plan)
        if different:
            raise RunFolderError(_refusal(out, different, "unfinished"))
    else:
        _write_json(path, plan)


def _differences(known: Mapping[str, Any], plan: Mapping[str, Any]) -> list[str]:
    lines = []
    for key, value in plan.items():
        before = known.get(key)
        if before == value:
            continue
        if isinstance(value, dict) and isinstance(before, dict):
            names = [n for n in sorted({*before, *value}) if before.get(n) != value.get(n)]
            shown = [f"{key}.{n}: {before.get(n)!r} then, {value.get(n)!r} now" for n in names[:5]]
            lines += shown + ([f"{key}: and {len(names) - 5} more"] if len(names) > 5 else [])
        else:
            lines.append(f"{key}: {before!r} then, {value!r} now")
    return lines


def _refusal(out: Path, different: Sequence[str], state: str) -> str:
    return (
        f"{out} holds a{'n' if state[0] == 'u' else ''} {state} run that differs from this one:\n  "
        + "\n  ".join(different)
        + "\nGive another folder, or --overwrite to delete that run and start anew."
    )


def _check_folder(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise RunFolderError(f"{out} is a file. Give a folder for the results.")
    if (out / _SHARDS).is_dir() or not out.is_dir():
        return
    foreign = [name for name in _OUTPUTS if (out / name).exists() and name != "failures.jsonl"]
    if foreign:
        raise RunFolderError(
            f"{out} has {', '.join(foreign)} but no run.json. Give another folder, or --overwrite."
        )


def delete_run(out: Path) -> list[str]:
    """Delete what a run wrote into `out`, nothing else; returns the names."""
    deleted = []
    for name in _OUTPUTS:
        if (out / name).is_file():
            (out / name).unlink()
            deleted.append(name)
    if (out / _SHARDS).is_dir():
        shutil.rmtree(out / _SHARDS)
        deleted.append(_SHARDS)
    return deleted


def _write_shard(
    classifier: StanceClassifier, chunk: Sequence[Article | Failure], options: JobOptions, folder: Path
) -> None:
    labels = classifier.classify(
        [item for item in chunk if isinstance(item, Article)],
        "auto" if options.targets is None else options.targets,
        min_confidence=options.min_confidence,
    )
    half = folder.with_suffix(".part")
    if half.exists():
        shutil.rmtree(half)
    half.mkdir()
    pq.write_table(tables.articles_table(labels), half / "articles.parquet")
    pq.write_table(tables.stances_table(labels), half / "stances.parquet")
    if options.texts:
        pq.write_table(tables.texts_table(labels), half / "texts.parquet", compression="zstd")
    rows = (asdict(item) for item in chunk if isinstance(item, Failure))
    (half / "failures.jsonl").write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8"
    )
    for file in half.iterdir():
        _sync(file)
    os.replace(half, folder)


def _join(shards: Path, out: Path, count: int, names: Iterable[str]) -> None:
    """Shards to final files, each written beside its place and moved there when complete."""
    for name in names:
        parts = [shards / f"{number:06d}" / name for number in range(count)]
        temporary = shards / f"{name}.part"
        if name.endswith(".parquet"):
            schema = _SCHEMAS[name.removesuffix(".parquet")]
            with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
                for table in _row_groups(parts, schema):
                    writer.write_table(table)
        else:
            with temporary.open("wb") as target:
                for part in parts:
                    with part.open("rb") as source:
                        shutil.copyfileobj(source, target)
        _sync(temporary)
        os.replace(temporary, out / name)


def _row_groups(parts: Iterable[Path], schema: pa.Schema) -> Iterator[pa.Table]:
    for part in parts:
        yield pq.read_table(part, schema=schema)


def _write_json(path: Path, data: Mapping[str, Any]) -> None:
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    _sync(temporary)
    os.replace(temporary, path)


def _sync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
