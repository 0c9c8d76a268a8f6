"""Run folders after a stop at each change of the file system, and what keeps a job from going on."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

import polystance
from polystance.errors import RunFolderError
from polystance.inference import job
from polystance.inference.classifier import StanceClassifier
from polystance.inference.job import JobOptions, JobResult, run_files, run_job
from polystance.models.checkpoint import load_checkpoint
from tests.unit.tiny import CHINESE, ENGLISH, write_jsonl, write_tiny

_CHANGES = frozenset({"os.mkdir", "os.rename", "os.remove", "os.rmdir"})


class Stopped(BaseException):
    """As a kill: nothing catches it."""


class Stopper:
    """Raises `Stopped` just before a chosen change of the file system."""

    def __init__(self) -> None:
        self.left: int | None = None  # None: never
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.left is None:
            return
        if event in _CHANGES or (event == "open" and "w" in (arguments[1] or "")):
            self.left -= 1
            if self.left < 0:
                self.left = None
                raise Stopped

    def run(self, changes: int, work: Callable[[], object]) -> bool:
        """Do some work up to its first `changes` changes; False if it needs no more than these."""
        self.left = changes
        try:
            work()
        except Stopped:
            return True
        finally:
            self.left = None
        return False


@pytest.fixture(scope="module")
def stopper() -> Stopper:
    return Stopper()  # an audit hook can't be taken off again, so one for all


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    texts = (*ENGLISH, *CHINESE, *ENGLISH[:1])
    path = write_jsonl(tmp_path / "news" / "a.jsonl", [{"id": "same", "text": text} for text in texts])
    path.write_text(path.read_text(encoding="utf-8") + '{"text": \n', encoding="utf-8")
    return path.parent


def contents(out: Path) -> dict[str, bytes]:
    """Every file but the one that says when it was."""
    files = (path for path in out.rglob("*") if path.is_file())
    return {str(p.relative_to(out)): p.read_bytes() for p in files if p.name != "timing.json"}


Run = Callable[..., JobResult]


@pytest.fixture
def run(classifier: StanceClassifier, corpus: Path) -> Run:
    def start(out: Path, options: JobOptions | None = None, **others: Any) -> JobResult:
        return run_job(classifier, [str(corpus)], out, options or JobOptions(), shard_items=3, **others)

    return start


def stops(stopper: Stopper, work: Callable[[Path], object], folder: Path) -> Iterator[Path]:
    """A folder in which the work was stopped before its first change, before its second, and so on."""
    changes = 0
    while stopper.run(changes, lambda: work(folder / str(changes))):  # noqa: B023
        yield folder / str(changes)
        changes += 1
    assert changes > 40


def test_stopped_before_any_change_a_job_ends_as_if_it_had_not_been(
    stopper: Stopper, run: Run, tmp_path: Path
) -> None:
    run(tmp_path / "whole")
    whole = contents(tmp_path / "whole")
    assert set(whole) == {
        "articles.parquet",
        "stances.parquet",
        "texts.parquet",
        "failures.jsonl",
        "run.json",
    }
    resumed = set()
    for out in stops(stopper, run, tmp_path):
        result = run(out)
        assert contents(out) == whole, out.name
        assert (result.articles, result.failures) == (7, 1)
        resumed.add("all" if result.reused else result.resumed)
    assert resumed == {0, 1, 2, 3, "all"}
    ids = pq.read_table(tmp_path / "whole" / "articles.parquet")["article_id"].to_pylist()
    assert ids == ["same", *(f"same@a.jsonl:{line}" for line in range(2, 8))]


def test_a_stop_in_mid_shard_loses_that_shard_alone(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = job.tables.texts_table, []

    def stop(*given: Any) -> Any:  # the last table of a shard
        calls.append(given)
        if len(calls) == 2:
            raise Stopped
        return real(*given)

    monkeypatch.setattr(job.tables, "texts_table", stop)
    with pytest.raises(Stopped):
        run(tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out" / ".shards").iterdir()) == [
        "000000", "000001.part", "plan.json",
    ]  # fmt: skip
    assert run(tmp_path / "out").resumed == 1
    timing = json.loads((tmp_path / "out" / "timing.json").read_text(encoding="utf-8"))
    assert timing["shards"] == {"all": 3, "from_before": 1}


@pytest.fixture(params=["finished", "unfinished"])
def earlier(request: pytest.FixtureRequest, stopper: Stopper, run: Run, tmp_path: Path) -> Path:
    """A run folder, finished or stopped after two shards."""
    out = tmp_path / "out"
    if request.param == "finished":
        run(out)
    else:
        assert stopper.run(11, lambda: run(out))
        assert (out / ".shards" / "000001").is_dir()
    return out


def refused(work: Callable[[], object], out: Path, *said: str) -> None:
    before = contents(out)
    with pytest.raises(RunFolderError) as caught:
        work()
    message = str(caught.value)
    for words in (*said, "--overwrite"):
        assert words in message, message
    assert contents(out) == before


def test_a_stopped_overwriting_never_leaves_a_mixture(
    stopper: Stopper, run: Run, earlier: Path, tmp_path: Path
) -> None:
    run(tmp_path / "whole")
    whole = contents(tmp_path / "whole")

    def overwrite(out: Path) -> None:
        run(out, overwrite=True)

    for number in range(60):
        out = shutil.copytree(earlier, tmp_path / str(number))
        if not stopper.run(number, lambda: overwrite(out)):  # noqa: B023
            break
        if any((out / name).exists() for name in (".shards", "run.json")) or not any(out.glob("*.parquet")):
            run(out)
        else:
            refused(lambda: run(out), out, "but no run.json")  # noqa: B023
            overwrite(out)
        assert contents(out) == whole, number
    assert 40 < number < 59


CHANGED_OPTIONS = {
    "options.targets: 'auto' then, ['US'] now": JobOptions(targets=("US",)),
    "options.min_confidence: 0.0 then, 0.5 now": JobOptions(min_confidence=0.5),
    "options.columns: {} then, {'text': 'text'} now": JobOptions(columns={"text": "text"}),
    "options.encoding: None then, 'utf-8' now": JobOptions(encoding="utf-8"),
    "options.texts: True then, False now": JobOptions(texts=False),
}


def test_other_options_are_refused(run: Run, earlier: Path) -> None:
    state = "an unfinished run" if (earlier / ".shards").exists() else "a finished run"
    for said, options in CHANGED_OPTIONS.items():
        refused(lambda options=options: run(earlier, options), earlier, state, said)  # type: ignore[misc]
    both = JobOptions(("US",), 0.5)
    refused(lambda: run(earlier, both), earlier, "options.targets", "options.min_confidence")


def test_shards_of_another_size_are_refused(
    classifier: StanceClassifier, corpus: Path, earlier: Path
) -> None:
    refused(
        lambda: run_job(classifier, [str(corpus)], earlier, JobOptions(), shard_items=4),
        earlier,
        "shard_items: 3 then, 4 now",
    )


def test_another_checkpoint_is_refused(tiny_folder: Path, corpus: Path, earlier: Path) -> None:
    def with_model(folder: Path, dtype: torch.dtype | None = None) -> None:
        other = StanceClassifier(load_checkpoint(folder, dtype=dtype))
        run_job(other, [str(corpus)], earlier, JobOptions(), shard_items=3)

    another = write_tiny(earlier.parent / "another", num_hidden_layers=1)
    refused(lambda: with_model(another), earlier, "checkpoint.sha256: '")
    refused(
        lambda: with_model(tiny_folder, torch.bfloat16),
        earlier,
        "precision: 'fp32' then, 'bf16' now",
    )


def test_other_versions_are_refused(run: Run, earlier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = polystance.__version__
    monkeypatch.setattr(polystance, "__version__", "9.9")
    refused(lambda: run(earlier), earlier, f"polystance: '{version}' then, '9.9' now")


def test_other_input_is_refused(classifier: StanceClassifier, run: Run, corpus: Path, earlier: Path) -> None:
    file, more = corpus / "a.jsonl", corpus / "b.txt"
    before, name = file.read_bytes(), file.as_posix()
    more.write_text("Japan signed.\n", encoding="utf-8")
    refused(lambda: run(earlier), earlier, f"files.{more.as_posix()}: absent then, '14 bytes")
    file.rename(corpus / "c.jsonl")
    more.unlink()
    refused(lambda: run(earlier), earlier, f"files.{name}: '{len(before)} bytes", " then, absent now")
    (corpus / "c.jsonl").rename(file)
    file.write_bytes(before + b"\n")
    refused(lambda: run(earlier), earlier, f"files.{name}: '{len(before)} bytes", f"'{len(before) + 1} bytes")
    file.write_bytes(before)  # as long as before, but changed since
    refused(lambda: run(earlier), earlier, f"files.{name}: '{len(before)} bytes, changed ")
    refused(
        lambda: run_job(classifier, [str(file)], earlier, JobOptions(), shard_items=3),
        earlier,
        f"inputs: ['{corpus}'] then, ['{file}'] now",
    )


def test_files_of_one_name_in_two_folders_are_told_apart(
    classifier: StanceClassifier, tmp_path: Path
) -> None:
    folders = [tmp_path / "en", tmp_path / "zh"]
    for folder, text in zip(folders, (ENGLISH[0], CHINESE[0]), strict=True):
        write_jsonl(folder / "a.jsonl", [{"text": text}])
    inputs, out = [str(folder) for folder in folders], tmp_path / "out"
    run_job(classifier, inputs, out, JobOptions())
    assert run_job(classifier, inputs, out, JobOptions()).reused
    write_jsonl(folders[0] / "a.jsonl", [{"text": ENGLISH[1]}])
    refused(lambda: run_job(classifier, inputs, out, JobOptions()), out, f"files.{folders[0].as_posix()}")


def test_a_run_of_standard_input_never_goes_on(
    classifier: StanceClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def piped(text: str, **others: Any) -> JobResult:
        stream = io.BytesIO(json.dumps({"text": text}).encode())
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
        return run_job(classifier, ["-"], tmp_path / "out", JobOptions(), **others)

    piped(ENGLISH[0])
    refused(lambda: piped(ENGLISH[1]), tmp_path / "out", "standard input")
    assert piped(ENGLISH[1], overwrite=True).articles == 1


def test_what_overwrite_deletes_is_said_before(
    run: Run,
    corpus: Path,
    tiny_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from polystance import cli

    out = tmp_path / "out"
    run(out)
    (out / ".shards").mkdir()
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    names = [path.name for path in run_files(out)]
    assert set(names) == {path.name for path in out.iterdir()} - {"notes.txt"}

    def look(*given: Any, **named: Any) -> JobResult:
        said = capsys.readouterr().err
        assert f"--overwrite deletes from {out}: {', '.join(names)}" in said
        assert all((out / name).exists() for name in names)
        return run_job(*given, **named)

    monkeypatch.setattr(job, "run_job", look)
    command = ["classify", str(corpus), "-o", str(out), "--model", str(tiny_folder), "--device", "cpu"]
    cli.app([*command, "--overwrite"], standalone_mode=False)
    assert (out / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert not (out / ".shards").exists()
