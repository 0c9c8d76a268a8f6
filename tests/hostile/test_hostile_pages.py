"""Hostile pages: tags without end, and lines on which a careless pattern takes for ever."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

from polystance.inference.sources.webpages import looks_html
from tests.hostile.accounting import accounted

MANY = 100_000
BODY = "A sentence of the sample article stands here. " * 30


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """Fails instead of hanging; the limit is many times what the block takes."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"not done after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("tag", ["div", "b", "table", "span", "article", "ul", "blockquote", "font"])
def test_tags_nested_without_end_neither_crash_nor_hang(tmp_path: Path, tag: str) -> None:
    (tmp_path / "a.html").write_text(f"<html><body>{f'<{tag}>' * MANY}{BODY}{f'</{tag}>' * MANY}")
    with at_most(60):
        articles, failures = accounted(tmp_path / "a.html")
    assert len(articles) + len(failures) == 1


@pytest.mark.slow
def test_open_paragraphs_without_end_neither_crash_nor_hang(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(f"<html><body>{'<p>' * MANY}{BODY}")
    with at_most(120):
        articles, failures = accounted(tmp_path / "a.html")
    assert len(articles) + len(failures) == 1


@pytest.mark.parametrize(
    "attributes",
    [" ".join(f"a{n}=1" for n in range(MANY)), " ".join(f"a{n}" for n in range(MANY)),
     "".join(f'a{n}=">"' for n in range(MANY)), "/".join(f"a{n}='x'" for n in range(MANY))],
    ids=["values", "names", "quoted", "slashes"],
)  # fmt: skip
def test_a_tag_of_endless_attributes_is_refused(tmp_path: Path, attributes: str) -> None:
    (tmp_path / "a.html").write_text(f"<html><body><p {attributes}>{BODY}</p>")
    with at_most(30):
        _, failures = accounted(tmp_path / "a.html")
    assert "1,000 attributes" in failures[0].reason


def test_a_page_with_long_embedded_images_is_read(tmp_path: Path) -> None:
    image = f'<img alt="a" src="data:image/png;base64,{"QUJD" * 300_000}">'
    (tmp_path / "a.html").write_text(f"<html><body><article>{image}<p>{BODY}</p></article>")
    assert BODY.strip() in accounted(tmp_path / "a.html")[0][0].text


def test_comments_before_a_page_take_no_time() -> None:
    with at_most(10):
        assert not looks_html("<!--x-->" * 240)
        assert looks_html("<!--x-->" * 240 + "<html>")


STARTS = (
    "# comments", "Quelle", "source: x", "来源：", "[1]", "# x", "Title: a", "2025-01-01", "a | 2025-01-01",
    "Infographic:", "disclaimer", "Group 1: x", "**a", "[", "---\n", "related articles",
)  # fmt: skip


@pytest.mark.parametrize("fill", [" ", "\u3000", "-", "(", "*", "a", "1", ". ", " #", "[1", "\n", "\n "])
def test_endless_runs_in_a_line_take_no_time(tmp_path: Path, fill: str) -> None:
    for suffix in (".txt", ".md"):
        for start in STARTS:
            (tmp_path / f"a{suffix}").write_text(f"{start}{fill * 30_000}x\n{BODY}\n", encoding="utf-8")
            with at_most(10):
                accounted(tmp_path / f"a{suffix}")
