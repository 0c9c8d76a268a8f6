"""The batch job: run folders, failures, resuming, refusing."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from polystance.errors import HubError, InputError, RunFolderError
from polystance.inference import job, tables
from polystance.inference.classifier import StanceClassifier
from polystance.inference.job import JobOptions, run_job
from polystance.inference.labelfile import LabelFormat

TEXTS = [
    "Beijing accused Washington of bullying and vowed to answer in kind.",
    "中方表示，美方的做法严重破坏国际经贸秩序。",
    "The weather in the valley stayed mild.",
    "Russia and China signed a memorandum on gas.",
    "美国商务部公布了新的许可规则。",
]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "news"
    folder.mkdir()
    lines = [
        json.dumps({"id": f"a{i}", "text": text, "title": f"t{i}"}, ensure_ascii=False)
        for i, text in enumerate(TEXTS)
    ]
    lines.insert(2, '{"id": "broken", "text": ')
    (folder / "news.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def rows(out: Path, name: str) -> list[dict[str, Any]]:
    table: list[dict[str, Any]] = pq.read_table(out / f"{name}.parquet").to_pylist()
    return table


def test_a_run_folder_has_every_article_in_order_and_every_failure(
    classifier: StanceClassifier, corpus: Path, tmp_path: Path
) -> None:
    result = run_job(classifier, [str(corpus)], tmp_path / "out", JobOptions())
    articles, stances = rows(tmp_path / "out", "articles"), rows(tmp_path / "out", "stances")
    assert [a["article_id"] for a in articles] == [f"a{i}" for i in range(len(TEXTS))]
    assert pq.read_schema(tmp_path / "out" / "articles.parquet").equals(tables.ARTICLES)
    assert pq.read_schema(tmp_path / "out" / "stances.parquet").equals(tables.STANCES)
    assert {(s["article_id"], s["target"]) for s in stances} == {
        ("a0", "CN"), ("a0", "US"), ("a1", "CN"), ("a1", "US"), ("a3", "RU"), ("a3", "CN"), ("a4", "US"),
    }  # fmt: skip
    for stance in stances:
        body = TEXTS[int(stance["article_id"][1:])]
        assert body[stance["evidence_start"] : stance["evidence_end"]] == stance["evidence"]
        assert stance["score"] == pytest.approx(stance["p_favor"] - stance["p_against"], abs=1e-6)
    failures = [json.loads(x) for x in (tmp_path / "out" / "failures.jsonl").read_text().splitlines()]
    assert [f["line"] for f in failures] == [3]
    assert (result.articles, result.stances, result.failures) == (5, 7, 1)
    manifest = json.loads((tmp_path / "out" / "run.json").read_text())
    assert manifest["counts"] == {"articles": 5, "stances": 7, "failures": 1}
    assert len(manifest["checkpoint"]["sha256"]) == 64
    assert not (tmp_path / "out" / ".shards").exists()


def test_explicit_targets_are_scored_in_every_article(
    classifier: StanceClassifier, corpus: Path, tmp_path: Path
) -> None:
    options = JobOptions(targets=("RU", "rare earth export controls"), min_confidence=1.0)
    run_job(classifier, [str(corpus)], tmp_path / "out", options)
    stances = rows(tmp_path / "out", "stances")
    assert len(stances) == 2 * len(TEXTS)
    assert {s["label"] for s in stances} == {"uncertain"}
    assert [s["mentions"] for s in stances if s["target"] == "RU"] == [0, 0, 0, 1, 0]


def test_a_finished_run_is_reused_and_another_is_refused_with_the_differences(
    classifier: StanceClassifier, corpus: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run_job(classifier, [str(corpus)], out, JobOptions())
    assert run_job(classifier, [str(corpus)], out, JobOptions()).reused
    with pytest.raises(RunFolderError, match=r"options\.min_confidence: 0\.0 then, 0\.5 now"):
        run_job(classifier, [str(corpus)], out, JobOptions(min_confidence=0.5))
    (corpus / "more.txt").write_text("Japan and the United States signed a pact.\n", encoding="utf-8")
    with pytest.raises(RunFolderError, match=r"(?s)files.*more\.txt.*--overwrite"):
        run_job(classifier, [str(corpus)], out, JobOptions())
    (out / "notes.txt").write_text("mine")
    assert not run_job(classifier, [str(corpus)], out, JobOptions(), overwrite=True).reused
    assert (out / "notes.txt").read_text() == "mine"


def test_nothing_readable_is_an_error_that_keeps_the_reasons(
    classifier: StanceClassifier, tmp_path: Path
) -> None:
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(InputError, match="No article could be read"):
        run_job(classifier, [str(tmp_path / "empty.jsonl")], tmp_path / "out", JobOptions())
    assert "empty" in (tmp_path / "out" / "failures.jsonl").read_text()


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_one_plain_file_beside_the_tables_is_the_same_after_a_stop(
    classifier: StanceClassifier,
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    form: LabelFormat,
) -> None:
    name, options = f"labels.{form}", JobOptions(format=form)
    run_job(classifier, [str(corpus)], tmp_path / "one", options)
    run_shards = partial(run_job, shard_items=2)
    run_shards(classifier, [str(corpus)], tmp_path / "whole", options)
    real, calls = job._write_shard, []

    def stop(*args: Any) -> None:
        if calls:
            raise KeyboardInterrupt
        calls.append(args)
        real(*args)

    monkeypatch.setattr(job, "_write_shard", stop)
    with pytest.raises(KeyboardInterrupt):
        run_shards(classifier, [str(corpus)], tmp_path / "out", options)
    assert not (tmp_path / "out" / name).exists()
    monkeypatch.setattr(job, "_write_shard", real)
    assert run_shards(classifier, [str(corpus)], tmp_path / "out", options).resumed == 1
    written = (tmp_path / "out" / name).read_bytes()
    assert written == (tmp_path / "whole" / name).read_bytes()
    pairs = [(s["article_id"], s["target"]) for s in rows(tmp_path / "one", "stances")]
    text = (tmp_path / "one" / name).read_text(encoding="utf-8-sig")
    if form == "csv":
        assert [(r["article_id"], r["target"]) for r in csv.DictReader(io.StringIO(text))] == pairs
    else:
        objects = [json.loads(line) for line in text.splitlines()]
        assert [o["article_id"] for o in objects] == [f"a{i}" for i in range(len(TEXTS))]
        assert [(o["article_id"], s["target"]) for o in objects for s in o["stances"]] == pairs
    with pytest.raises(RunFolderError, match=r"options\.format"):
        run_shards(classifier, [str(corpus)], tmp_path / "out", JobOptions())
    assert name in [path.name for path in job.run_files(tmp_path / "out")]


def test_a_network_that_fails_stops_the_job_and_the_same_command_goes_on(
    classifier: StanceClassifier, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_shards = partial(run_job, shard_items=2)
    run_shards(classifier, [str(corpus)], tmp_path / "whole", JobOptions())
    real = job.read_articles

    def failing(*args: Any, **options: Any) -> Iterator[Any]:
        yield from islice(real(*args, **options), 3)
        raise HubError("the hub can't be reached")

    monkeypatch.setattr(job, "read_articles", failing)
    with pytest.raises(HubError):
        run_shards(classifier, [str(corpus)], tmp_path / "out", JobOptions())
    monkeypatch.setattr(job, "read_articles", real)
    assert run_shards(classifier, [str(corpus)], tmp_path / "out", JobOptions()).resumed == 1
    for name in ("articles.parquet", "stances.parquet", "failures.jsonl"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
