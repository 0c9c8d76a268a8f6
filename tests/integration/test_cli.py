"""The commands as users run them, and what they say about bad input."""

from __future__ import annotations

import csv
import gzip
import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ZH = "中方强烈谴责美方滥用国家安全概念，称其严重损害全球产业链。"


def polystance(*args: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "polystance", *map(str, args)],
        capture_output=True, text=True, input=stdin, timeout=240, check=False,
    )  # fmt: skip


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" + b"\xff\x00\x7f" * 8 * 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_version_and_help() -> None:
    assert polystance("--version").stdout.startswith("polystance 0.")
    for command in ("run", "classify", "compare", "sample", "explain", "train", "evaluate"):
        result = polystance(command, "--help")
        assert result.returncode == 0
        assert "Usage" in result.stdout


def test_bad_input_becomes_failures_that_say_what_to_do(tmp_path: Path) -> None:
    news = tmp_path / "news"
    news.mkdir()
    (news / "empty.txt").touch()
    (news / "broken.jsonl").write_text('{"text": "Japan signed."}\n{"text": \n', encoding="utf-8")
    (news / "columns.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    (news / "gb.txt").write_bytes(f"标题一则\n\n{ZH * 5}\n".encode("gb18030"))
    (news / "photo.txt").write_bytes(png())
    (news / "plain.txt").write_text("The weather stayed mild all week.\n", encoding="utf-8")
    long = "The United States praised the plan. " * 1400
    (news / "long.jsonl").write_text(json.dumps({"id": "long", "text": long}), encoding="utf-8")
    out = tmp_path / "out"
    result = polystance("classify", news, "-o", out)
    assert result.returncode == 0, result.stderr
    assert "4 inputs failed" in result.stderr
    failures = {
        (f["source"].rsplit("/", 1)[-1], f["line"]): f["reason"]
        for f in map(json.loads, (out / "failures.jsonl").read_text(encoding="utf-8").splitlines())
    }
    assert set(failures) == {
        ("empty.txt", None),
        ("broken.jsonl", 2),
        ("columns.csv", None),
        ("photo.txt", None),
    } or {name for name, _ in failures} == {"empty.txt", "broken.jsonl", "columns.csv", "photo.txt"}
    by_name = {name: reason for (name, _), reason in failures.items()}
    assert "empty" in by_name["empty.txt"]
    assert "--column text=" in by_name["columns.csv"]
    articles = {
        a["source_file"].rsplit("/", 1)[-1]: a for a in pq.read_table(out / "articles.parquet").to_pylist()
    }
    assert articles["gb.txt"]["text_language"] == "zh"
    assert articles["long.jsonl"]["tokens"] > 8_000  # every token is read
    assert articles["long.jsonl"]["windows"] > 30
    named = {s["article_id"] for s in pq.read_table(out / "stances.parquet").to_pylist()}
    assert articles["plain.txt"]["article_id"] not in named
    strict = polystance("classify", news, "-o", out, "--strict")
    assert strict.returncode == 3
    assert "failures.jsonl" in strict.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["classify", "{news}", "-o", "{out}", "-t", "XX"], 1, "Did you mean"),
        (["classify", "{news}/nothing.txt", "-o", "{out}"], 2, "does not exist"),
        (["classify", "{news}"], 1, "--out FOLDER is missing"),
        (["classify", "-", "{news}"], 1, "--out FOLDER is missing"),
        (["classify", "{news}", "-o", "{out}", "--format", "xlsx"], 1, "csv or jsonl"),
        (["classify", "{news}", "-o", "{out}", "--column", "body"], 1, "--column text=body"),
        (["classify", "{news}", "-o", "{out}", "--min-confidence", "2"], 1, "from 0 to 1"),
        (["classify", "{news}", "-o", "{out}", "--model", "/no/where"], 1, "Bundled: polystance-mini"),
        (["classify", "{news}", "-o", "{out}", "--device", "abacus"], 1, "auto, cpu"),
        (["compare", "{news}", "-o", "{out}"], 1, "polystance classify"),
        (["run", "{news}", "-o", "{out}"], 1, "The labels are in"),
        (["train", "no.toml", "--data", "{news}", "-o", "{out}"], 1, "training/recipes"),
    ],
)  # fmt: skip
def test_errors_name_the_next_step(arguments: list[str], code: int, said: str, tmp_path: Path) -> None:
    news = tmp_path / "news"
    news.mkdir()
    (news / "a.txt").write_text("Washington praised Tokyo, the White House said.\n", encoding="utf-8")
    result = polystance(*(a.format(news=news, out=tmp_path / "out") for a in arguments))
    assert result.returncode == code, result.stderr
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_explain_marks_the_evidence(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps({"title": "稀土", "text": ZH}, ensure_ascii=False).encode()))
    result = polystance("explain", path, "-t", "US", "-t", "俄罗斯")
    assert result.returncode == 0, result.stderr
    assert "United States" in result.stdout
    assert "Russia" in result.stdout
    assert ZH[:10] in result.stdout.replace("\n", "")


def test_standard_input_is_read(tmp_path: Path) -> None:
    result = polystance("classify", "-", "-o", tmp_path / "out", stdin=json.dumps({"text": ZH}) + "\n")
    assert result.returncode == 0, result.stderr
    assert pq.read_table(tmp_path / "out" / "stances.parquet").num_rows == 2


def test_a_sample_is_drawn_labelled_and_corrects_the_gaps(tmp_path: Path) -> None:
    news = tmp_path / "news.jsonl"
    texts = {"zh": ZH, "en": "Washington praised Beijing. China kept its word."}
    rows = [
        {"id": f"{language}{outlet}{i}", "text": text, "outlet": f"{language} {outlet}",
         "outlet_language": language, "date": "2025-06-01"}
        for language, text in texts.items() for outlet in ("one", "two") for i in range(8)
    ]  # fmt: skip
    news.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    out, sample = tmp_path / "out", tmp_path / "sample.csv"
    assert polystance("classify", news, "-o", out).returncode == 0
    drawn = polystance("sample", out, "-n", "48", "-o", sample)
    assert drawn.returncode == 0, drawn.stderr
    assert "24 of" in drawn.stderr
    again = polystance("sample", out, "-o", sample)
    assert again.returncode == 1
    assert "--overwrite" in again.stderr
    empty = polystance("compare", out, "-o", tmp_path / "r", "--labels", sample)
    assert empty.returncode == 1
    assert "no label yet" in empty.stderr
    with sample.open(encoding="utf-8-sig", newline="") as lines:
        table = list(csv.DictReader(lines))
    with sample.open("w", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, list(table[0]))
        writer.writeheader()
        writer.writerows({**row, "label": "neutral"} for row in table)
    compared = polystance("compare", out, "-o", tmp_path / "r", "--labels", sample, "--draws", "200")
    assert compared.returncode == 0, compared.stderr
    assert "corrected" in compared.stdout
    written = {path.name for path in (tmp_path / "r").iterdir()}
    assert {"report.html", "comparison.corrected.csv", "comparison.matched.csv"} <= written
    wrong = polystance("sample", out, "-o", tmp_path / "x.xlsx")
    assert wrong.returncode == 1
    assert ".csv or .json" in wrong.stderr


def test_without_out_standard_input_goes_to_standard_output(tmp_path: Path) -> None:
    given = json.dumps({"id": "a", "text": ZH}) + '\n{"text": \n' + json.dumps({"id": "b", "text": ZH}) + "\n"
    result = polystance("classify", "-", "-t", "US", stdin=given)
    assert result.returncode == 0, result.stderr
    objects = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(o["article_id"], [s["target"] for s in o["stances"]]) for o in objects] == [
        ("a", ["US"]),
        ("b", ["US"]),
    ]
    said = result.stderr.splitlines()
    assert said[0].startswith("-:2: broken JSON")
    assert said[-1] == "2 articles labelled, 1 inputs failed."
    table = polystance("classify", "-", "-t", "US", "--format", "csv", "--strict", stdin=given)
    assert table.returncode == 3
    assert [row["article_id"] for row in csv.DictReader(table.stdout.splitlines())] == ["a", "b"]
    nothing = polystance("classify", "-", stdin="")
    assert (nothing.returncode, nothing.stdout) == (2, "")


def test_a_reader_that_leaves_ends_the_filter_quietly(tmp_path: Path) -> None:
    rows = tmp_path / "x.jsonl"
    rows.write_text("".join(json.dumps({"text": ZH}) + "\n" for _ in range(400)), encoding="utf-8")
    with rows.open("rb") as source:
        running = subprocess.Popen(
            [sys.executable, "-m", "polystance", "classify", "-"],
            stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert running.stdout is not None
        assert running.stderr is not None
        assert json.loads(running.stdout.readline())["article_id"]
        running.stdout.close()
        said = running.stderr.read()
        running.stderr.close()
    assert (running.wait(timeout=120), said) == (1, b"")


def test_format_writes_one_plain_file(tmp_path: Path) -> None:
    result = polystance(
        "classify", "-", "-o", tmp_path / "out", "--format", "csv", stdin=json.dumps({"text": ZH})
    )
    assert result.returncode == 0, result.stderr
    with (tmp_path / "out" / "labels.csv").open(encoding="utf-8-sig", newline="") as lines:
        assert {row["target"] for row in csv.DictReader(lines)} == {"US", "CN"}
