"""WARC archives: which records are articles, and what a bad one costs."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from polystance.inference.sources import warc
from tests.unit.reading import read

SENTENCE = "The sample minister said on Tuesday that talks on rare earth exports would go on next month. "


def page(title: str, body: str = SENTENCE * 4, head: str = "") -> bytes:
    return (
        f"<!doctype html><html><head><title>{title}</title>{head}</head><body><article><p>{body}</p>"
        "</article></body></html>"
    ).encode()


def record(
    url: str, payload: bytes, *, kind: str = "response", status: str = "200 OK", protocol: str = "HTTP/1.1",
    **http: str,
) -> bytes:  # fmt: skip
    """One record as warcio writes it, not packed."""
    headers = [(name.replace("_", "-"), value) for name, value in http.items()]
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=False)
    writer.write_record(
        writer.create_warc_record(
            url, kind, payload=io.BytesIO(payload),
            http_headers=StatusAndHeaders(status, headers, protocol=protocol),
            warc_headers_dict={"WARC-Date": "2025-03-04T05:06:07Z"},
        )
    )  # fmt: skip
    return out.getvalue()


def html(number: int) -> bytes:
    return record(f"https://news.example/{number}", page(f"Page {number}"), Content_Type="text/html")


def test_pages_become_articles_and_other_records_are_skipped(tmp_path: Path) -> None:
    dated = '<meta property="article:published_time" content="2025-01-02T03:04:05Z">'
    records = [
        record("https://a.example/1", b"GET", kind="request", Content_Type="text/html"),
        record("https://a.example/1", page("One"), Content_Type="text/html; charset=utf-8"),
        record("https://a.example/i.png", b"\x89PNG", Content_Type="image/png"),
        record("https://a.example/2", page("Two", head=dated), Content_Type="application/xhtml+xml"),
        record("https://a.example/404", page("Gone"), status="404 Not Found", Content_Type="text/html"),
        record("https://a.example/3", page("Three"), protocol="HTTP/2"),
    ]
    (tmp_path / "a.warc").write_bytes(b"".join(records))
    articles, failures = read(tmp_path)
    assert not failures
    assert [(a.title, a.url, a.published, a.source_position) for a in articles] == [
        ("One", "https://a.example/1", "2025-03-04T05:06:07+00:00", 2),
        ("Two", "https://a.example/2", "2025-01-02T03:04:05+00:00", 4),
        ("Three", "https://a.example/3", "2025-03-04T05:06:07+00:00", 6),
    ]
    assert [a.id for a in articles] == ["a.warc:2", "a.warc:4", "a.warc:6"]


@pytest.mark.parametrize("name", ["a.warc", "a.warc.gz", "a.warc.zst", "whole.warc.gz", "unknown"])
def test_every_packing(tmp_path: Path, name: str) -> None:
    records = [html(n) for n in range(5)]
    packed = {
        "a.warc": b"".join(records),
        "a.warc.gz": b"".join(map(gzip.compress, records)),
        "a.warc.zst": b"".join(map(zstandard.compress, records)),
        "whole.warc.gz": gzip.compress(b"".join(records)),
        "unknown": b"".join(map(gzip.compress, records)),
    }
    (tmp_path / name).write_bytes(packed[name])
    articles, failures = read(tmp_path)
    assert [a.title for a in articles] == [f"Page {n}" for n in range(5)]
    assert not failures


def test_http_bodies_are_joined_unpacked_and_decoded(tmp_path: Path) -> None:
    chinese = page("稀土出口的会谈", "样例部长周二表示，中国与美国将继续就稀土出口问题进行磋商。" * 6)
    gbk = chinese.decode().encode("gb18030")
    data = page("Chunked")
    chunked = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (data[:50], data[50:])) + b"0\r\n\r\n"
    deflate = zlib.compressobj(wbits=-15)
    raw = deflate.compress(page("Raw")) + deflate.flush()
    kind = {"Content_Type": "text/html"}
    records = [
        record("http://a.example/1", gbk, Content_Type="text/html;charset=gbk"),
        record("http://a.example/2", chunked, Transfer_Encoding="chunked", **kind),
        record("http://a.example/3", gzip.compress(page("Gzip")), Content_Encoding="gzip", **kind),
        record("http://a.example/4", zlib.compress(page("Zlib")), Content_Encoding="deflate", **kind),
        record("http://a.example/5", raw, Content_Encoding="deflate", **kind),
        record("http://a.example/6", page("Plain"), Content_Encoding="br", **kind),
        record("http://a.example/7", b"\x0b\x02\x80", Content_Encoding="br", **kind),
    ]
    (tmp_path / "a.warc").write_bytes(b"".join(records))
    articles, failures = read(tmp_path)
    assert [a.title for a in articles] == ["稀土出口的会谈", "Chunked", "Gzip", "Zlib", "Raw", "Plain"]
    assert [(f.line, "'br'" in f.reason) for f in failures] == [(7, True)]


def test_a_page_that_unpacks_to_too_much_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warc, "MAX_PAGE_BYTES", 5000)
    bomb = gzip.compress(b"<p>" + b"a" * 1_000_000)
    (tmp_path / "a.warc").write_bytes(
        record("http://a.example/1", bomb, Content_Type="text/html", Content_Encoding="gzip") + html(2)
    )
    articles, failures = read(tmp_path)
    assert [a.title for a in articles] == ["Page 2"]
    assert "longer than" in failures[0].reason


BROKEN = {
    "length too great": lambda r: r.replace(b"Content-Length: ", b"Content-Length: 1", 1),
    "body cut": lambda r: r[:-30] + b"\r\n\r\n",
    "no number": lambda r: r.replace(b"Content-Length: ", b"Content-Length: x", 1),
    "garbage": lambda r: b"\x00\xff garbage\n" * 9,
    "header only": lambda r: r[:60] + b"\r\n",
    "version": lambda r: r.replace(b"WARC/1.0", b"WARC/9.9", 1),
    "no status": lambda r: r.replace(b"HTTP/1.1 200 OK", b"XXXX/1.1 200 OK", 1),
    "no article": lambda r: record("http://a.example/e", page("", ""), Content_Type="text/html"),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", BROKEN)
def test_one_bad_record_never_loses_the_others(tmp_path: Path, kind: str, packed: bool) -> None:
    records = [html(1), BROKEN[kind](html(2)), html(3), html(4)]
    data = b"".join(map(gzip.compress, records) if packed else records)
    (tmp_path / ("a.warc.gz" if packed else "a.warc")).write_bytes(data)
    articles, failures = read(tmp_path)
    assert [a.title for a in articles] == ["Page 1", "Page 3", "Page 4"]
    assert len(failures) == 1
    assert failures[0].line == 2


@pytest.mark.parametrize("where", [0.3, 0.6, 0.9])
def test_a_damaged_gzip_member_costs_its_own_record(tmp_path: Path, where: float) -> None:
    members = [gzip.compress(html(n)) for n in range(4)]
    at = int(len(members[1]) * where)
    members[1] = members[1][:at] + bytes(b ^ 0xFF for b in members[1][at : at + 8]) + members[1][at + 8 :]
    (tmp_path / "a.warc.gz").write_bytes(b"".join(members))
    articles, failures = read(tmp_path)
    assert [a.title for a in articles] == ["Page 0", "Page 2", "Page 3"]
    assert "damaged" in failures[0].reason


def test_an_archive_without_pages_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.warc").write_bytes(record("http://a.example/i.png", b"PNG", Content_Type="image/png"))
    _, (failure,) = read(tmp_path)
    assert failure.reason == "no HTML page in it"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=st.binary(max_size=300), at=st.integers(0, 2), packed=st.booleans(), cut=st.integers(0, 200))
def test_whatever_stands_between_records_they_are_found(
    tmp_path: Path, junk: bytes, at: int, packed: bool, cut: int
) -> None:
    """Junk between records, and a last record that is cut: the whole ones before it all come out."""
    pieces = [html(0), html(1)]
    pieces.insert(at, junk + b"\n")
    last = html(2)[: -cut - 5]
    whole = [*pieces, last]
    data = b"".join(map(gzip.compress, whole) if packed else whole)
    (tmp_path / "a.warc").write_bytes(data)
    articles, failures = read(tmp_path / "a.warc")
    assert [a.title for a in articles] == ["Page 0", "Page 1"]
    assert failures
    assert all(failure.line for failure in failures)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    damage=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6
    ),
    packed=st.booleans(),
)
def test_damage_anywhere_never_raises(tmp_path: Path, damage: list[tuple[float, int]], packed: bool) -> None:
    records = [html(n) for n in range(3)]
    whole = bytearray(b"".join(map(gzip.compress, records) if packed else records))
    for where, byte in damage:
        whole[int(where * len(whole))] = byte
    path = tmp_path / "b.warc.gz"
    path.write_bytes(bytes(whole))
    if not packed:
        path = path.rename(tmp_path / "b.warc")
    articles, failures = read(path)
    assert len(articles) <= 3
    assert articles or failures
