"""Hostile text on its way out: into the report, into spreadsheets, and onto a disk that is full."""

from __future__ import annotations

import base64
import csv
import errno
import hashlib
import json
import re
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from polystance import cli
from polystance.errors import OutputError, PolystanceError, RunFolderError
from polystance.inference import job
from polystance.inference.classifier import StanceClassifier
from polystance.inference.comparison import compare
from polystance.inference.job import JobOptions, run_job
from polystance.inference.report import render_report
from polystance.inference.sampling import draw_sample, read_labels
from polystance.inference.spreadsheet import inert, original
from tests.unit.test_report import Page

TAGS = "</script></style></title><script>alert(1)</script><img src=x onerror=alert(2)><svg/onload=alert(3)>"
ATTACKS = (
    TAGS,
    "\"'><iframe src=javascript:alert(4)>{{7*7}}{% raw %}<!--",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|'/c calc'!A0",
    '＝HYPERLINK("http://evil.example")',
    "\u202etxt.exe\u0000\u001b]0;own\u0007[bold]x[/bold]",
)
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@pytest.fixture(scope="module")
def hostile_run(classifier: StanceClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on articles that carry an attack in every field, and a free-text target that is one."""
    folder = tmp_path_factory.mktemp("hostile")
    rows = [
        {
            "id": f"{attack}{n}", "title": f"{attack} {language}{n}", "outlet": f"{attack} {language}",
            "text": f"China and the United States spoke. {attack} 中方批评美方。{attack}",
            "date": f"2025-10-0{n}",
            "url": f"https://x.example/{attack}" if n % 2 else f"javascript:alert(5)//{attack}",
            "language": f'{language}" onload="alert(6)', "lang": attack, "outlet_language": attack,
        }
        for attack in ATTACKS for language in ("zh", "en") for n in (1, 2)
    ]  # fmt: skip
    for number, row in enumerate(rows):  # the registry knows no such outlets: names in both scripts decide
        row["outlet"] = f"{row['outlet']}{'日报' if number % 4 < 2 else ' Herald'}"
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    options = JobOptions(targets=("US", "CN", TAGS))
    run_job(classifier, [str(folder / "in.jsonl")], folder / "run", options)
    assert len(pq.read_table(folder / "run" / "articles.parquet")) == len(rows)
    return folder / "run"


def test_the_report_of_a_hostile_corpus_holds_no_markup_of_it(hostile_run: Path) -> None:
    html = render_report(compare(hostile_run, draws=100))
    page = Page(html)  # asserts that every tag closes in turn
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"img", "iframe", "object", "embed", "form", "link", "base"}
    assert len(page.named("script")) == len(page.named("style")) == 1
    assert "alert(1)" in page.text  # the attack was there, as text
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")], tag
        assert not {"src", "style", "srcdoc", "srcset"} & set(attributes), tag
        href = attributes.get("href")
        assert href is None or href.startswith("https://x.example/"), href
        assert re.fullmatch("[A-Za-z0-9-]*", attributes.get("lang") or "")
    assert "49" not in {text.strip() for text in page.texts}
    assert not re.search("[\x00\x07\x1b\u202e]", html)
    policy = next(str(item["content"]) for item in page.named("meta") if "http-equiv" in item)
    for tag in ("style", "script"):
        (source,) = re.findall(f"<{tag}>(.*?)</{tag}>", html, re.S)
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
        assert "alert(" not in source
    assert "unsafe" not in policy


def test_no_cell_of_any_csv_runs_in_a_spreadsheet(hostile_run: Path, tmp_path: Path) -> None:
    compare(hostile_run, draws=100).to_csv(tmp_path / "c.csv")
    sample = draw_sample(hostile_run, 40)
    sample.to_csv(tmp_path / "sample.csv")
    seen = 0
    for path in tmp_path.glob("*.csv"):
        with path.open(encoding="utf-8-sig", newline="") as stream:
            for row in csv.reader(stream):
                for cell in row:
                    number = re.fullmatch(r"-?[\d.]+(e-?\d+)?", cell)
                    assert number or not cell.startswith(FORMULAS), (path.name, cell)
                    seen += cell.startswith("'")
    assert seen > 10
    frame = pd.read_csv(tmp_path / "sample.csv", dtype=str).assign(label="favor")
    frame.to_csv(tmp_path / "labelled.csv", index=False)
    labels = read_labels(tmp_path / "labelled.csv").rows
    assert set(labels["target"] + "@" + labels["article_id"]) == set(sample.rows["id"])


@pytest.mark.parametrize("start", FORMULAS)
def test_formulas_are_made_inert_and_come_back(start: str) -> None:
    assert inert(f"{start}cmd") == f"'{start}cmd"
    assert original(str(inert(f"{start}cmd"))) == f"{start}cmd"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    rows = [{"id": f"a{n}", "text": f"China and Japan signed memorandum {n}."} for n in range(7)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return tmp_path / "in.jsonl"


def full(after: int, real: Callable[..., Any]) -> Callable[..., Any]:
    """`real`, until the disk is full."""
    calls = []

    def write(*args: Any, **options: Any) -> Any:
        calls.append(args)
        if len(calls) > after:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*args, **options)

    return write


@pytest.mark.parametrize("after", [0, 1, 4, 5, 7])
def test_a_full_disk_leaves_a_run_that_goes_on(
    classifier: StanceClassifier, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    run_job(classifier, [str(corpus)], tmp_path / "whole", JobOptions(), shard_items=3)
    with monkeypatch.context() as patch:
        patch.setattr(job.pq, "write_table", full(after, pq.write_table))
        with pytest.raises(OutputError, match=r"No space left on device.*the same command goes on"):
            run_job(classifier, [str(corpus)], tmp_path / "out", JobOptions(), shard_items=3)
    result = run_job(classifier, [str(corpus)], tmp_path / "out", JobOptions(), shard_items=3)
    assert (result.articles, result.resumed) == (7, after // 3)
    for name in ("articles.parquet", "stances.parquet", "texts.parquet", "failures.jsonl"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.parametrize("name", ["_join", "_write_json"])
def test_a_disk_that_fills_at_the_end_leaves_a_run_that_goes_on(
    classifier: StanceClassifier, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(job, name, full(1 if name == "_write_json" else 0, getattr(job, name)))
        with pytest.raises(OutputError, match="the same command"):
            run_job(classifier, [str(corpus)], tmp_path / "out", JobOptions())
    result = run_job(classifier, [str(corpus)], tmp_path / "out", JobOptions())
    assert (result.articles, result.resumed, result.reused) == (7, 1, False)


def test_a_limit_on_the_size_of_files_is_met_by_the_real_writer(
    classifier: StanceClassifier, corpus: Path, tmp_path: Path
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))  # the plan fits, the Parquet files don't
    try:
        with pytest.raises(OutputError, match="the same command"):
            run_job(classifier, [str(corpus)], tmp_path / "out", JobOptions())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert run_job(classifier, [str(corpus)], tmp_path / "out", JobOptions()).articles == 7


def test_a_folder_that_cannot_be_made_is_an_error_of_one_line(
    classifier: StanceClassifier, corpus: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PolystanceError, match="file"):
        run_job(classifier, [str(corpus)], tmp_path / "file" / "out", JobOptions())


@pytest.mark.parametrize("name", ["run.json", ".shards/plan.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe\x00", b"[" * 100_000])
def test_a_damaged_manifest_is_refused(
    classifier: StanceClassifier, corpus: Path, tmp_path: Path, name: str, content: bytes
) -> None:
    out = tmp_path / "out"
    (out / ".shards").mkdir(parents=True)
    (out / name).write_bytes(content)
    with pytest.raises(RunFolderError, match="--overwrite"):
        run_job(classifier, [str(corpus)], out, JobOptions())
    assert run_job(classifier, [str(corpus)], out, JobOptions(), overwrite=True).articles == 7


@pytest.mark.parametrize("name", ["articles", "stances", "texts"])
def test_comparing_damaged_tables_is_an_error(hostile_run: Path, tmp_path: Path, name: str) -> None:
    for file in hostile_run.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    path = tmp_path / f"{name}.parquet"
    whole = path.read_bytes()
    pages = whole[:8] + b"\xaa" * 600 + whole[608:]  # the footer is well, the columns aren't
    for damaged in (b"", b"PAR1", whole[: len(whole) // 2], b"PAR1" + b"\xff" * 400 + b"PAR1", pages):
        path.write_bytes(damaged)
        with pytest.raises(RunFolderError):
            compare(tmp_path, draws=100)


def test_the_command_ends_with_the_right_code(
    hostile_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ended(*args: str | Path) -> int:
        monkeypatch.setattr("sys.argv", ["polystance", *map(str, args)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        code = stop.value.code
        assert isinstance(code, int)
        return code

    (tmp_path / "file").touch()
    assert ended("compare", hostile_run, "-o", tmp_path / "file" / "x", "--draws", "100") == 1
    assert "Make room or mend permissions; then: polystance compare" in capsys.readouterr().err
    assert ended("sample", hostile_run, "-o", tmp_path / "file" / "x.csv") == 1
    assert ended("classify", tmp_path / "nowhere", "-o", tmp_path / "out") == 2
    assert ended("compare", tmp_path, "-o", tmp_path / "out") == 1
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    found = CliRunner().invoke(
        cli.app, ["compare", str(hostile_run), "-o", str(tmp_path / "ok"), "--draws", "100"]
    )
    assert found.exit_code == 0
    assert (tmp_path / "ok" / "report.html").is_file()
    assert not re.search("[\x1b\x07\u202e]", found.output)
