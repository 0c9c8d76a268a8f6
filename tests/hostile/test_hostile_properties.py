"""Any bytes in, only articles and failures out, and every item of the input is one of them."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polystance.inference.sources.dates import find_date, to_iso
from polystance.inference.sources.encodings import decode, detect_encoding, known_encoding
from polystance.inference.sources.failures import UnreadableError
from polystance.inference.sources.feed import find_headers, parse_feed
from polystance.inference.sources.pages import read_page
from polystance.inference.sources.webpages import read_html
from tests.hostile.accounting import SUFFIXES, accounted

FEW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
CODECS: Final = ["hex", "rot13", "zip", "idna", "punycode", "undefined", "mbcs", "utf-8"]
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=200)
PIECES = st.sampled_from(
    [
        "text", "title", '{"text": "', '"}', "{", "}", "[", "]", ",", '"', "\n", "\r", "\x00", "\ufeff",
        "\u202e", "PAR1", "PK\x03\x04", "\x1f\x8b\x08", "(\xb5/\xfd", "<html>", "<p>", "<!--", "-->",
        '<meta charset="', "utf-16", "gbk", '">', "---\n", "# ", "2025-10-08 22:24", " | Sample Herald\n",
        "Title: ", "来源：", "稀土", "The minister spoke.", "中方表示，", "Related articles", "Disclaimer: ",
        "NaN", "1e999", "\\ud800", "\t", " ",
    ]
)  # fmt: skip
ENCODINGS = st.sampled_from(["utf-8", "utf-16", "gb18030", "big5", "latin-1"])
BYTES = st.binary(max_size=400) | st.builds(
    lambda pieces, encoding: "".join(pieces).encode(encoding, "replace"),
    st.lists(PIECES, max_size=25),
    ENCODINGS,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)
ROWS = st.dictionaries(
    st.sampled_from(["text", "title", "date", "outlet", "url", "id", "lang"]), JSON, max_size=7
)


def of(data: bytes, suffix: str, **options: str) -> tuple[int, int]:
    """How many articles and failures a file of these bytes gives."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{suffix}"
        path.write_bytes(data)
        articles, failures = accounted(path, **options)
    return len(articles), len(failures)


@pytest.mark.parametrize("suffix", SUFFIXES)
@FEW
@given(data=BYTES)
def test_any_bytes_under_any_name(suffix: str, data: bytes) -> None:
    of(data, suffix)


@FEW
@given(data=BYTES, encoding=st.sampled_from(["utf-8", "utf-16", "utf-32", "utf-7", "gb18030", "hz", "cp037"]))
def test_any_bytes_under_any_encoding(data: bytes, encoding: str) -> None:
    for suffix in (".jsonl", ".csv", ".txt"):
        of(data, suffix, encoding=encoding)


@FEW
@given(rows=st.lists(ROWS | JSON, min_size=1, max_size=8))
def test_every_row_of_json_is_one_of_the_two(rows: list[Any]) -> None:
    assert sum(of("\n".join(map(json.dumps, rows)).encode(), ".jsonl")) == len(rows)
    assert sum(of(json.dumps(rows).encode(), ".json")) == len(rows)


@FEW
@given(lines=st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=8))
def test_every_line_is_one_of_the_two(lines: list[bytes]) -> None:
    kept = [b'{"text": "The minister spoke."}', *(line.replace(b"\n", b"") for line in lines)]
    filled = sum(bool(line.strip(b"\x00 \t\r")) and line != "\ufeff".encode() for line in kept)
    try:
        detect_encoding(b"\n".join(kept), whole=True)
    except UnreadableError:
        return
    assert sum(of(b"\n".join(kept), ".jsonl", encoding="utf-8")) == filled


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=30)


@FEW
@given(rows=st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=8))
def test_every_row_of_csv_is_one_of_the_two(rows: list[tuple[str, str, str]]) -> None:
    stream = io.StringIO()
    csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(
        [("text", "title", "date"), *rows]
    )
    filled = sum(any(cell.strip() for cell in row) for row in rows)
    assert sum(of(stream.getvalue().encode(), ".csv", encoding="utf-8")) == max(filled, 1)


@FEW
@given(lines=st.lists(st.lists(PIECES, max_size=6).map("".join) | ANY_TEXT, max_size=20))
def test_every_header_of_a_feed_is_an_item(lines: list[str]) -> None:
    lines = "\n".join(lines).split("\n")
    headers = find_headers(lines)
    assert [item.position for item in parse_feed(lines, headers)] == list(range(1, len(headers) + 1))


@FEW
@given(text=st.lists(PIECES, max_size=30).map("".join) | ANY_TEXT, markdown=st.booleans())
def test_any_text_is_a_page_or_unreadable(text: str, markdown: bool) -> None:
    for read in (lambda: list(read_page(text, "a", markdown=markdown)), lambda: [read_html(text)]):
        try:
            assert read()
        except UnreadableError:
            continue


@FEW
@given(value=JSON | ANY_TEXT | st.dates() | st.datetimes() | st.lists(PIECES, max_size=6).map("".join))
def test_any_value_is_a_date_or_none(value: object) -> None:
    iso = to_iso(value)
    assert iso is None or datetime.fromisoformat(iso).year >= 1
    if isinstance(value, date):
        assert iso is not None
    if isinstance(value, str) and (found := find_date(value)):
        assert 0 <= found[1] < found[2] <= len(value)


@FEW
@given(data=BYTES, declared=st.sampled_from([None, "utf-8", "gb18030", "big5hkscs", "cp1252", "utf-7"]))
def test_any_bytes_decode_or_are_unreadable(data: bytes, declared: str | None) -> None:
    try:
        text = decode(data, declared=declared)
    except UnreadableError:
        return
    assert len(text) <= len(data)


@FEW
@given(name=ANY_TEXT | st.sampled_from(CODECS))
def test_any_name_is_an_encoding_of_files_or_none(name: str) -> None:
    known = known_encoding(name)
    if known is not None:
        b"\xff\xfe-\x80\\x-zz".decode(known, "replace")
