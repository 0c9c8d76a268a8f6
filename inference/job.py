"""The batch job: sources in, a run folder out, in shards that survive a stop.

    articles.parquet  stances.parquet  texts.parquet  failures.jsonl  timing.json  run.json
    [labels.csv | labels.jsonl]

While the job runs, finished shards lie in `OUT/.shards/`, each put there by one rename. The same command
goes on after the last of them; when all are there, they are joined, `run.json` marks the run as finished, and
the folder of shards goes. Killed at any point and run again, a job leaves the bytes that it would have left
undisturbed; what can't be the same twice is in `timing.json` alone.
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
from itertools import count, islice
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from polystance.errors import HubError, InputError, RunFolderError
from polystance.inference import labelfile, tables
from polystance.inference.classifier import StanceClassifier
from polystance.inference.engines import Chunk, Engine, LocalEngine
from polystance.inference.labelfile import LabelFormat
from polystance.inference.output import writing
from polystance.inference.plan import differences, make_plan, refusal
from polystance.inference.sources import Failure, read_articles
from polystance.models.records import Article, ArticleLabels

SHARD_ITEMS: Final = 1_000
_SHARDS: Final = ".shards"
_DOOMED: Final = ".shards.old"
_PLAN: Final = "plan.json"
_JOINED: Final = (
    "articles.parquet", "stances.parquet", "texts.parquet", "labels.csv", "labels.jsonl", "failures.jsonl",
)  # fmt: skip
_MANIFEST: Final = "run.json"
# The manifest goes first: a folder that has it is taken for whole.
_OUTPUTS: Final = (_MANIFEST, "timing.json", *_JOINED)
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
        format: Also write the labels to one plain file, `labels.csv` or `labels.jsonl`.
    """

    targets: tuple[str, ...] | None = None
    min_confidence: float = 0.0
    columns: Mapping[str, str] = field(default_factory=dict)
    encoding: str | None = None
    texts: bool = True
    format: LabelFormat | None = None

    @property
    def outputs(self) -> tuple[str, ...]:
        """Files that are made from shards."""
        without = {"labels.csv", "labels.jsonl"} - {f"labels.{self.format}"}
        return tuple(n for n in _JOINED if n not in without and (self.texts or n != "texts.parquet"))


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


@dataclass
class _Done:
    """What lies in shards so far. `nothing`: the complaint of a reader that found no article at all."""

    shards: int = 0
    resumed: int = 0
    articles: int = 0
    failures: int = 0
    nothing: InputError | None = None

    def add(self, chunk: Chunk) -> None:
        self.shards += 1
        self.articles += len(chunk.articles)
        self.failures += len(chunk.failures)


def run_job(
    engine: Engine | StanceClassifier,
    inputs: Sequence[str],
    out: Path,
    options: JobOptions,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
    shard_items: int = SHARD_ITEMS,
) -> JobResult:
    """Label every article in `inputs` and write the run folder `out`.

    Args:
        engine: What labels; a classifier stands for the local engine around it. Which engine it is leaves
            the tables as they are, so a job may go on with another.
        inputs: Files, folders, globs, addresses on the hub, or "-" for standard input.
        overwrite: Delete an earlier run in `out` first: what `run_files` lists, nothing else.
        progress: Called after each shard with the articles and failures so far.
        shard_items: Articles and failures in a shard, the most that a kill can undo.

    Raises:
        InputError: An input doesn't exist, or nothing in them was an article.
        HubError: The hub can't be reached; the same command goes on where it was left.
        RunFolderError: `out` holds a run with another checkpoint, other options or other input, a run of
            standard input (which can't be told from another), or files that no run wrote.
        OutputError: `out` can't be written. Finished shards stay, and the same call goes on after them.
    """
    engine = LocalEngine(engine) if isinstance(engine, StanceClassifier) else engine
    with writing(out, "the same command goes on where this one stopped."):
        return _run(engine, inputs, out, options, overwrite, progress, shard_items)


def _run(
    engine: Engine,
    inputs: Sequence[str],
    out: Path,
    options: JobOptions,
    overwrite: bool,
    progress: Progress | None,
    shard_items: int,
) -> JobResult:
    # The readers keep the OSErrors of inputs to themselves, so those that come out of here are of `out`.
    started = time.monotonic()
    plan = make_plan(engine, inputs, options, shard_items)
    if overwrite:
        for path in run_files(out):
            if path.is_file():
                path.unlink()
        _delete_shards(out)
    if (counts := _finished(out, plan)) is not None:
        _delete_shards(out)  # where a kill left some of them
        seconds = time.monotonic() - started
        return JobResult(out, counts["articles"], counts["stances"], counts["failures"], seconds, reused=True)
    shards = out / _SHARDS
    _check_folder(out)
    shards.mkdir(parents=True, exist_ok=True)
    _check_plan(shards / _PLAN, plan, out)
    done = _Done()
    targets = "auto" if options.targets is None else options.targets
    missing = _missing(inputs, options, shards, shard_items, done)
    for chunk, labels in engine.label(missing, targets, min_confidence=options.min_confidence):
        _write_shard(chunk, labels, options, _folder(shards, chunk.number))
        done.add(chunk)
        if progress:
            progress(done.articles, done.failures)
    if not done.articles:
        _join(shards, out, done.shards, ("failures.jsonl",))
        _delete_shards(out)
        detail = (
            f"See {out / 'failures.jsonl'} for the reason of each of {done.failures}."
            if done.failures
            else str(done.nothing or "")
        )
        raise InputError(f"No article could be read from {', '.join(map(str, inputs))}. {detail}".strip())
    _join(shards, out, done.shards, options.outputs)
    seconds = time.monotonic() - started
    counts = {
        "articles": done.articles,
        "stances": pq.ParquetFile(out / "stances.parquet").metadata.num_rows,
        "failures": done.failures,
    }
    seconds = time.monotonic() - started
    timing = {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
        "shards": {"all": done.shards, "from_before": done.resumed},
        "python": platform.python_version(),
        "device": engine.device,
    }
    _write_json(shards, out / "timing.json", timing)
    _write_json(shards, out / _MANIFEST, {**plan, "counts": counts})
    _delete_shards(out)
    return JobResult(out, done.articles, counts["stances"], done.failures, seconds, done.resumed)


def run_files(out: Path) -> list[Path]:
    """What a run, finished or not, has written into `out`, in the order in which it is to be deleted."""
    files = [path for name in _OUTPUTS if (path := out / name).is_file()]
    return files + [path for name in (_SHARDS, _DOOMED) if (path := out / name).is_dir()]


def _missing(
    inputs: Sequence[str], options: JobOptions, shards: Path, shard_items: int, done: _Done
) -> Iterator[Chunk]:
    """The chunks that no shard holds yet; those that one holds are added to `done`."""
    reader = iter(read_articles(inputs, columns=options.columns or None, encoding=options.encoding))
    for number in count():
        items: list[Article | Failure] = []
        try:
            for item in islice(reader, shard_items):
                items.append(item)
        except HubError:  # what was read of this shard is read again by the same command
            raise
        except InputError as error:  # raised at the end, when nothing at all was an article
            done.nothing = error
        if not items:
            return
        chunk = Chunk(number, items)
        if _folder(shards, number).is_dir():
            done.resumed += 1
            done.add(chunk)
        else:
            yield chunk


def _folder(shards: Path, number: int) -> Path:
    return shards / f"{number:06d}"


def _finished(out: Path, plan: Mapping[str, Any]) -> dict[str, int] | None:
    """Counts of an earlier, finished run of the same plan; RunFolderError if `out` holds another run."""
    manifest = out / _MANIFEST
    if not manifest.is_file():
        return None
    known = _read_json(manifest)
    different = differences(known, plan)
    if different:
        raise RunFolderError(refusal(out, different, "finished"))
    try:
        counts = {name: int(known["counts"][name]) for name in ("articles", "stances", "failures")}
    except (KeyError, TypeError, ValueError) as error:
        raise RunFolderError(
            f"{manifest} has no counts of a finished run. Use --overwrite to redo it."
        ) from error
    return counts


def _check_plan(path: Path, plan: Mapping[str, Any], out: Path) -> None:
    if path.is_file():
        different = differences(_read_json(path), plan)
        if different:
            raise RunFolderError(refusal(out, different, "unfinished"))
    else:
        _write_json(path.parent, path, plan)


def _check_folder(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise RunFolderError(f"{out} is a file. Give a folder for the results.")
    if (out / _SHARDS).is_dir() or not out.is_dir():
        return
    foreign = [name for name in _JOINED if (out / name).exists() and name != "failures.jsonl"]
    if foreign:
        raise RunFolderError(
            f"{out} has {', '.join(foreign)} but no run.json. Give another folder, or --overwrite."
        )


def _delete_shards(out: Path) -> None:
    """Delete the folder of shards, renamed first: a kill must not leave half a shard in its place."""
    shards, doomed = out / _SHARDS, out / _DOOMED
    if doomed.exists():
        shutil.rmtree(doomed)
    if shards.exists():
        os.replace(shards, doomed)
        shutil.rmtree(doomed)


def _write_shard(chunk: Chunk, labels: Sequence[ArticleLabels], options: JobOptions, folder: Path) -> None:
    half = folder.with_suffix(".part")
    if half.exists():
        shutil.rmtree(half)
    half.mkdir()
    pq.write_table(tables.articles_table(labels), half / "articles.parquet")
    pq.write_table(tables.stances_table(labels), half / "stances.parquet")
    if options.texts:
        pq.write_table(tables.texts_table(labels), half / "texts.parquet", compression="zstd")
    if options.format:
        (half / f"labels.{options.format}").write_text(
            labelfile.body(labels, options.format), encoding="utf-8", newline=""
        )
    rows = (asdict(failure) for failure in chunk.failures)
    (half / "failures.jsonl").write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8"
    )
    for file in half.iterdir():
        _sync(file)
    os.replace(half, folder)


def _join(shards: Path, out: Path, number_of_shards: int, names: Iterable[str]) -> None:
    """Shards to final files, each written beside its place and moved there when complete."""
    for name in names:
        parts = [_folder(shards, number) / name for number in range(number_of_shards)]
        temporary = shards / f"{name}.part"
        if name.endswith(".parquet"):
            schema = _SCHEMAS[name.removesuffix(".parquet")]
            with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
                for table in _row_groups(parts, schema):
                    writer.write_table(table)
        else:
            with temporary.open("wb") as target:
                if name == "labels.csv":
                    target.write(labelfile.head("csv").encode())
                for part in parts:
                    with part.open("rb") as source:
                        shutil.copyfileobj(source, target)
        _sync(temporary)
        os.replace(temporary, out / name)


def _row_groups(parts: Iterable[Path], schema: pa.Schema) -> Iterator[pa.Table]:
    for part in parts:
        yield pq.read_table(part, schema=schema)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise RunFolderError(
            f"{path} is damaged ({error}). Use --overwrite to start the run anew."
        ) from error
    if not isinstance(known, dict):
        raise RunFolderError(f"{path} is not what a run writes. Use --overwrite to start the run anew.")
    return known


def _write_json(shards: Path, path: Path, data: Mapping[str, Any]) -> None:
    temporary = shards / f"{path.name}.part"
    temporary.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    _sync(temporary)
    os.replace(temporary, path)


def _sync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
