"""Hostile files and folders: bombs, archives, links in a ring, what can't be opened or is gone."""

from __future__ import annotations

import gzip
import io
import json
import os
import zipfile
from pathlib import Path

import pytest
import zstandard

from polystance.errors import InputError
from polystance.inference.classifier import StanceClassifier
from polystance.inference.job import JobOptions, run_job
from polystance.inference.sources import read_articles
from tests.hostile.accounting import accounted

TEXT = "The sample minister said that talks on rare earth exports would go on."
CHINESE = "样例部长周二表示，中国与美国将继续就稀土出口问题进行磋商，会谈的时间没有定。"


def good(folder: Path, name: str = "good.txt") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(TEXT, encoding="utf-8")
    return folder


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".txt", ".csv", ".html"])
@pytest.mark.parametrize("pack", ["gzip", "zstd"])
def test_bombs_are_stopped_long_before_they_are_unpacked(tmp_path: Path, suffix: str, pack: str) -> None:
    data = b"text\n" + b"a" * (32 << 20)
    packed = gzip.compress(data, 1) if pack == "gzip" else zstandard.compress(data)
    path = tmp_path / f"bomb{suffix}.{'gz' if pack == 'gzip' else 'zst'}"
    path.write_bytes(packed)
    assert len(data) > 200 * len(packed)
    articles, failures = accounted(path)
    assert not articles
    assert any("times its size" in failure.reason for failure in failures)


def archive(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["a.zip", "a.txt", "a.jsonl", "a.csv", "a.json", "a.html", "a.docx", "a"])
def test_a_zip_is_refused_and_nothing_of_it_is_unpacked(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / name).write_bytes(archive(**{"../evil.txt": TEXT, "/etc/evil": TEXT, "bomb": "0" * (8 << 20)}))
    articles, failures = accounted(folder)
    assert not articles
    assert [("zip archive" in f.reason, "unpack it" in f.reason) for f in failures] == [(True, True)]
    assert sorted(path.name for path in tmp_path.rglob("*")) == sorted(["in", name])


def test_gzip_in_gzip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(gzip.compress(TEXT.encode())))
    assert "gzip data in gzip" in accounted(tmp_path)[1][0].reason


def test_links_in_a_ring_end_as_failures(tmp_path: Path) -> None:
    folder = good(tmp_path / "in")
    (folder / "ring").symlink_to(folder)
    (folder / "a").symlink_to(folder / "b")
    (folder / "b").symlink_to(folder / "a")
    (folder / "gone.txt").symlink_to(tmp_path / "nowhere")
    articles, failures = accounted(folder)
    assert len(articles) == 1
    assert {Path(failure.source).name for failure in failures} == {"ring", "a", "b", "gone.txt"}
    with pytest.raises(InputError, match="does not exist"):
        read_articles(folder / "a")


def test_what_cannot_be_opened_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The tests may run as root, whom no permission stops.
    folder = good(tmp_path / "in")
    good(folder, "locked.txt")
    good(folder / "closed", "inside.txt")
    opened, listed = Path.open, os.scandir

    def open_or_refuse(self: Path, *args: object, **options: object) -> object:
        if self.name == "locked.txt":
            raise PermissionError(13, "Permission denied", str(self))
        return opened(self, *args, **options)  # type: ignore[call-overload]

    def list_or_refuse(path: object) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", open_or_refuse)
    monkeypatch.setattr(os, "scandir", list_or_refuse)
    articles, failures = accounted(folder)
    assert len(articles) == 1
    reasons = {Path(failure.source).name: failure.reason for failure in failures}
    assert reasons["locked.txt"] == "cannot be opened: Permission denied"
    assert "check its permissions" in reasons["closed"]


def test_a_file_that_goes_while_the_job_runs_is_a_failure(
    classifier: StanceClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from polystance.inference import plan

    folder = good(tmp_path / "in")
    real = plan.walk
    for when in ("before", "after"):
        good(folder, "gone.txt")

        def walk_and_delete(inputs: list[str]) -> object:
            found = real(inputs)
            (folder / "gone.txt").unlink()
            return found

        if when == "before":  # the folder was listed, the file not yet looked at
            monkeypatch.setattr(plan, "walk", walk_and_delete)
        else:
            monkeypatch.setattr(plan, "walk", real)
            (folder / "gone.txt").unlink()
            (folder / "gone.txt").symlink_to(tmp_path / "nowhere")
        run_job(classifier, [str(folder)], tmp_path / when, JobOptions())
    failures = [json.loads(x) for x in (tmp_path / "after" / "failures.jsonl").read_text().splitlines()]
    assert [failure["reason"] for failure in failures] == ["cannot be opened: No such file or directory"]


def test_names_that_are_no_unicode_are_read_and_written(classifier: StanceClassifier, tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.txt")
    Path(path).write_text(TEXT, encoding="utf-8")
    assert run_job(classifier, [path], tmp_path / "out", JobOptions()).articles == 1
    assert run_job(classifier, [path], tmp_path / "out", JobOptions()).reused
    json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("label", ["utf-8", "gb18030", "big5", "utf-16", "punycode", "unicode_escape", "x"])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_a_page_with_a_false_label_is_read_as_what_it_is(tmp_path: Path, encoding: str, label: str) -> None:
    page = f'<html><head><meta charset="{label}"></head><body><article><p>{CHINESE * 4}</p></article></body>'
    (tmp_path / "a.html").write_bytes(page.encode(encoding))
    articles, failures = accounted(tmp_path / "a.html")
    assert not failures
    assert CHINESE in articles[0].text


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv", "a.json", "a.html"])
def test_a_false_encoding_that_was_asked_for_is_a_failure(tmp_path: Path, name: str) -> None:
    content = {".jsonl": json.dumps({"text": CHINESE}, ensure_ascii=False), ".csv": f"text\n{CHINESE}"}
    text = content.get(Path(name).suffix, CHINESE)
    for encoding, asked in (
        ("gb18030", "utf-8"),
        ("utf-8", "gb18030"),
        ("utf-8", "big5"),
        ("utf-8", "cp1252"),
    ):
        (tmp_path / name).write_bytes(text.encode(encoding))
        articles, failures = accounted(tmp_path / name, encoding=asked)
        assert not articles
        assert "--encoding" in failures[0].reason
