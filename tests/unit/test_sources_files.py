"""Finding, opening, unpacking and decoding files."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from polystance.errors import InputError, UsageError
from polystance.inference.sources import Failure, read_articles
from polystance.inference.sources import files as files_module
from polystance.inference.sources import rows as rows_module
from polystance.inference.sources.failures import UnreadableError
from polystance.models.records import Article
from tests.unit.reading import read

CHINESE = (
    "样例部长周二表示，中国与美国将继续就稀土出口问题进行磋商，"
    "这是两国在一个月内的第三次会谈。\n会谈的时间没有定。"
)
TRADITIONAL = "樣例部長週二表示，中國與美國將繼續就稀土出口問題進行磋商，這是兩國在一個月內的第三次會談。"
ENGLISH = "The sample minister said on Tuesday that talks on rare earth exports would go on next month."


@pytest.mark.parametrize(
    ("text", "encoding", "prefix"),
    [
        (ENGLISH, "utf-8", b""),
        (CHINESE, "utf-8", b""),
        (CHINESE, "utf-8-sig", b""),
        (CHINESE, "utf-16", b""),
        (CHINESE, "utf-16-le", b"\xff\xfe"),
        (CHINESE, "utf-16-be", b"\xfe\xff"),
        (ENGLISH, "utf-16-le", b""),
        (CHINESE, "utf-16-be", b""),
        (CHINESE, "gb18030", b""),
        (CHINESE, "gbk", b""),
        (TRADITIONAL, "big5", b""),
        (
            "Der Präsident sagte am Dienstag, die Gespräche über Zölle würden fortgeführt. Für " * 5,
            "cp1252",
            b"",
        ),
    ],
)
def test_encodings_are_recognised(tmp_path: Path, text: str, encoding: str, prefix: bytes) -> None:
    (tmp_path / "a.txt").write_bytes(prefix + text.encode(encoding))
    articles, failures = read(tmp_path)
    assert not failures
    assert articles[0].text.replace("\n", "") == text.strip().replace("\n", "")


def test_given_encoding_wins_and_unknown_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("稀土".encode("gb18030"))
    assert read(tmp_path, encoding="gbk")[0][0].text == "稀土"
    with pytest.raises(UsageError, match="gb18030"):
        read_articles([str(tmp_path)], encoding="klingon")
    with pytest.raises(UsageError):
        read_articles([str(tmp_path)], encoding="hex")
    assert "not utf-8" in read(tmp_path, encoding="utf-8")[1][0].reason


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("image.txt", b"\x89PNG\r\n\x1a\n" + bytes(200), "PNG"),
        ("photo.html", b"\xff\xd8\xff\xe0" + bytes(range(256)), "JPEG"),
        ("doc.txt", b"%PDF-1.7\n%\xe2\xe3", "PDF"),
        ("archive.zip", b"PK\x03\x04" + bytes(40), "zip archive"),
        ("noise", bytes(range(256)) * 8, "not text"),
        ("zeros.dat", bytes(4000), "zero bytes"),
        ("page.warc", b"WARC/1.1\r\n", "Content-Length"),
        ("empty.txt", b"", "empty"),
        ("blank.txt", b" \n\r\n\t", "empty"),
        ("empty.jsonl", b"", "empty"),
        ("empty.json", b"", "empty"),
        ("empty.csv", b"\n\n", "empty"),
        ("empty.parquet", b"", "empty"),
        ("empty.html", b"", "empty"),
        ("bad.parquet", b"PAR1 but not really", "Parquet"),
        ("image.jsonl", b"GIF89a" + bytes(300), "GIF"),
        ("fake.txt.gz", b"no gzip at all", "gzip"),
        ("packed.parquet.gz", gzip.compress(b"PAR1"), "Parquet"),
    ],
)
def test_what_is_no_text_is_a_failure_that_says_so(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    articles, failures = read(tmp_path)
    assert not articles
    assert [failure.source for failure in failures] == [(tmp_path / name).as_posix()]
    assert reason in failures[0].reason


def test_nothing_readable_at_all_raises_after_the_failures(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"")
    reader = read_articles([str(tmp_path)])
    assert isinstance(next(reader), Failure)
    with pytest.raises(InputError, match="empty"):
        next(reader)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nowhere/at/all.txt", "does not exist"),
        ("nowhere/*.jsonl", "No file matches"),
        ("https://example.org/a.txt", "Download it"),
        ("hf://datasets/mine", "hf://datasets/USER/NAME"),
        ("hf://models/me/mine", "hf://datasets/USER/NAME"),
        ("bad\0name", "does not exist"),
    ],
)
def test_missing_paths_raise_at_once(given: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_articles([given])
    with pytest.raises(InputError):
        read_articles([])


def test_folders_are_walked_sorted_without_hidden_files(tmp_path: Path) -> None:
    for name in ("b/2.txt", "a/1.txt", "a/.hidden.txt", ".git/x.txt", "c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(ENGLISH, encoding="utf-8")
    articles, _ = read(tmp_path, tmp_path / "c.txt", f"{tmp_path}/*/1.txt")
    assert [article.id for article in articles] == ["c.txt:1", "a/1.txt:1", "b/2.txt:1"]
    assert articles[1].source_file == (tmp_path / "a/1.txt").as_posix()
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="holds no files"):
        read_articles([str(tmp_path / "none")])


def test_relative_paths_stay_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "news").mkdir()
    (tmp_path / "news/a.txt").write_text(ENGLISH, encoding="utf-8")
    assert [article.source_file for article in read("news")[0]] == ["news/a.txt"]
    assert [article.source_file for article in read("news/*.txt")[0]] == ["news/a.txt"]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
@pytest.mark.parametrize("named", [True, False])
def test_compressed_files(tmp_path: Path, pack: Callable[[bytes], bytes], named: bool) -> None:
    suffix = ".gz" if pack is gzip.compress else ".zst"
    rows = "".join(json.dumps({"id": str(n), "text": ENGLISH}) + "\n" for n in range(50)).encode()
    (tmp_path / ("rows.jsonl" + suffix * named)).write_bytes(pack(rows) + pack(rows))
    articles, failures = read(tmp_path)
    assert len(articles) == 100
    assert not failures


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_cut_archives_keep_what_could_be_read(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    rows = "".join(json.dumps({"text": f"{n} {os.urandom(400).hex()}"}) + "\n" for n in range(2500)).encode()
    packed = pack(rows)
    (tmp_path / "a.jsonl.gz").write_bytes(packed[: len(packed) * 4 // 5])
    if pack is zstandard.compress:
        (tmp_path / "a.jsonl.gz").rename(tmp_path / "a.jsonl.zst")
    _, failures = read(tmp_path)
    assert failures
    assert all("JSON" in failure.reason or "damaged" in failure.reason for failure in failures)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_bombs_are_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setattr(files_module, "RATIO_FREE_BYTES", 1 << 16)
    (tmp_path / "a.txt.gz").write_bytes(pack(b"a" * (1 << 22)))
    _, failures = read(tmp_path)
    assert "times its size" in failures[0].reason


def test_long_pages_and_long_lines_are_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "MAX_LINE_BYTES", 200)
    long_line = json.dumps({"text": "a" * 1000})
    good = json.dumps({"text": ENGLISH})
    (tmp_path / "a.jsonl").write_text(f"{good}\n{long_line}\n{good}\n", encoding="utf-8")
    articles, failures = read(tmp_path)
    assert [article.source_position for article in articles] == [1, 3]
    assert [(failure.line, "longer than 200" in failure.reason) for failure in failures] == [(2, True)]
    with pytest.raises(UnreadableError, match="longer than"):
        files_module.read_whole(io.BufferedReader(io.BytesIO(b"x" * 11)), limit=10)


@pytest.mark.parametrize(
    ("content", "titles"),
    [
        (b'{"text": "One.", "title": "A"}\n{"text": "Two.", "title": "B"}\n', ["A", "B"]),
        (b'[{"text": "One.", "title": "A"}]', ["A"]),
        (b"title,text\nA,One.\nB,Two.\n", ["A", "B"]),
        (gzip.compress(b"title\ttext\nA\tOne.\n"), ["A"]),
        (
            b"<html><head><title>A</title></head><body><article><p>"
            + ENGLISH.encode() * 5
            + b"</p></article>",
            ["A"],
        ),
        (b"A headline\n2025-10-08 22:24 | Sample Herald\n" + ENGLISH.encode(), ["A headline"]),
    ],
)
def test_standard_input_and_unknown_suffixes_are_read_as_what_they_look_like(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, titles: list[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    articles, failures = read("-")
    assert [article.title for article in articles] == titles
    assert not failures
    assert articles[0].source_file == "-"
    (tmp_path / "thing.dat").write_bytes(content)
    assert [article.title for article in read(tmp_path)[0]] == titles


def test_a_link_that_leads_nowhere_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(ENGLISH, encoding="utf-8")
    (tmp_path / "b.txt").symlink_to(tmp_path / "gone.txt")
    articles, failures = read(tmp_path)
    assert len(articles) == 1
    assert [failure.reason for failure in failures] == ["cannot be opened: No such file or directory"]


def test_ids_are_unique_and_none_is_dropped(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text(
            '{"id": "x", "text": "One."}\n{"id": "x", "text": "Two."}\n', encoding="utf-8"
        )
    first, _ = read(tmp_path)
    again, _ = read(tmp_path)
    assert [article.id for article in first] == ["x", "x@a.jsonl:2", "x@b.jsonl:1", "x@b.jsonl:2"]
    assert first == again


def test_long_text_is_untouched(tmp_path: Path) -> None:
    text = "\n".join(f"Paragraph {n}: {ENGLISH}" for n in range(460))
    assert len(text) > 45_000
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": text}), encoding="utf-8")
    (tmp_path / "b.txt").write_text(
        f"A headline of the sample\n2025-01-02 10:00 | Sample Herald\n{text}", encoding="utf-8"
    )
    assert [article.text for article in read(tmp_path)[0]] == [text, text]


@pytest.mark.parametrize(
    "suffix", [".jsonl.zst", ".csv.zst", ".tsv.zst", ".json.zst", ".html.zst", ".txt.zst"]
)
def test_zstandard_of_every_kind(tmp_path: Path, suffix: str) -> None:
    content = {
        ".jsonl.zst": json.dumps({"title": "A", "text": ENGLISH}) + "\n",
        ".csv.zst": f"title,text\nA,{ENGLISH}\n",
        ".tsv.zst": f"title\ttext\nA\t{ENGLISH}\n",
        ".json.zst": json.dumps([{"title": "A", "text": ENGLISH}]),
        ".html.zst": f"<html><title>A</title><article><p>{ENGLISH * 4}</p></article></html>",
        ".txt.zst": f"A\n2025-10-08 22:24 | Sample Herald\n{ENGLISH}",
    }[suffix]
    (tmp_path / f"a{suffix}").write_bytes(zstandard.compress(content.encode()))
    articles, failures = read(tmp_path)
    assert [article.title for article in articles] == ["A"]
    assert not failures
    (tmp_path / f"a{suffix}").write_bytes(b"\x5d\x2a\x4d\x18" + zstandard.compress(content.encode()))
    assert "dictionary" in read(tmp_path)[1][0].reason


@pytest.mark.parametrize("pause", [1, 7, 40, 1 << 16])
def test_rows_of_a_slow_pipe_come_before_its_end(monkeypatch: pytest.MonkeyPatch, pause: int) -> None:
    """Standard input comes in pieces; the first row is read when two lines are there, whatever follows."""
    rows = "".join(json.dumps({"title": str(n), "text": ENGLISH}) + "\n" for n in range(4)).encode()
    taken = []

    class Pipe(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            start = sum(taken)
            piece = rows[start : start + min(pause, len(buffer))]
            taken.append(len(piece))
            buffer[: len(piece)] = piece
            return len(piece)

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Pipe())))
    reader = read_articles("-")
    first = next(reader)
    assert isinstance(first, Article)
    assert sum(taken) <= 3 * len(rows) // 4 or pause == 1 << 16
    assert [first.title, *(found.title for found in reader if isinstance(found, Article))] == list("0123")
