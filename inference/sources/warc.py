"""WARC archives of the web: each saved HTML page is an item; headers and HTTP bodies by warcio.

The records are found here and not by warcio's iterator, which ends at the first bad one.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from polystance.inference.sources.dates import to_iso
from polystance.inference.sources.encodings import declared_encoding, decode, known_encoding
from polystance.inference.sources.failures import Failure, UnreadableError
from polystance.inference.sources.files import MAX_PAGE_BYTES, Source
from polystance.inference.sources.items import Item
from polystance.inference.sources.webpages import looks_html, read_html

if TYPE_CHECKING:
    from warcio.statusandheaders import StatusAndHeaders

_VERSION = re.compile(rb"WARC/\d\.\d+\s*$")
_LINE = 1 << 16
_MAX_HEADER = 1 << 20
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_HTML = ("text/html", "application/xhtml+xml")


def read_warc(
    parts: Iterable[io.BufferedReader], source: Source, encoding: str | None
) -> Iterator[Item | Failure]:
    """The pages of a WARC archive: of its `response` records those that are HTML and have status 200.

    Args:
        parts: Unpacked streams that hold whole records each: the members of a gzip file, or the one stream.

    The address is that of the record; the date is the page's own, or the record's where it declares none.
    Other records are skipped. A position is the number of the record.
    """
    number = 0
    for part in parts:
        records = _Records(part)
        while True:
            try:
                found = records.next()
            except UnreadableError as error:  # the stream itself, so nothing more comes from this part
                yield Failure(source.name, number + 1, error.reason)
                number += 1
                break
            if found is None:
                break
            number += 1
            try:
                item = None if isinstance(found, UnreadableError) else _page(*found, number, encoding)
            except UnreadableError as error:
                found = error
            if isinstance(found, UnreadableError):
                yield Failure(source.name, number, found.reason)
            elif item:
                yield item


class _Records:
    """Records of a stream, as their headers and bodies; after a bad one the next that can be found."""

    def __init__(self, stream: io.BufferedReader) -> None:
        from warcio.recordloader import ArcWarcRecordLoader
        from warcio.statusandheaders import StatusAndHeadersParser

        self._stream = stream
        self._back = io.BytesIO()
        self._parser = StatusAndHeadersParser(ArcWarcRecordLoader.WARC_TYPES)

    def next(self) -> tuple[StatusAndHeaders, bytes] | UnreadableError | None:
        """Headers and body, what is wrong with the record, or None at the end.

        Raises:
            UnreadableError: The stream is damaged.
        """
        from warcio.statusandheaders import StatusAndHeadersParserException

        while (line := self._readline()) and not line.strip():
            pass
        if not line:
            return None
        if not _VERSION.match(line):
            return self._bad("no WARC record begins here")
        block = self._header(line)
        if block is None:
            return self._bad("the record's header has no end")
        try:
            headers = self._parser.parse(io.BytesIO(block))
        except StatusAndHeadersParserException:
            return self._bad(f"not a WARC version we know: {line[:20].decode('ascii', 'replace').strip()}")
        length = headers.get_header("Content-Length") or ""
        if not re.fullmatch(r"[0-9]{1,15}", length):
            return self._bad(f"the record's Content-Length is {length[:40]!r}")
        if int(length) > MAX_PAGE_BYTES:
            error = self._bad(f"the record is longer than {MAX_PAGE_BYTES:,} bytes")
            return error if headers.get_header("WARC-Type") == "response" else self.next()
        body = self._read(int(length))
        after = self._read(4)
        if len(body) < int(length) or after.strip(b"\r\n")[:1] not in (b"", b"W"):
            self._unread(body + after)
            return self._bad("the record is not as long as its Content-Length says, or is cut off")
        self._unread(after)
        return headers, body

    def _bad(self, reason: str) -> UnreadableError:
        """The error, with the stream moved to the line that the next record begins with."""
        while (line := self._readline()) and not _VERSION.match(line):
            pass
        self._unread(line)
        return UnreadableError(reason)

    def _header(self, line: bytes) -> bytes | None:
        block = line
        while (line := self._readline()).strip():
            if _VERSION.match(line):
                self._unread(line)
                return None
            block += line
            if len(block) > _MAX_HEADER:
                return None
        return block + line

    def _read(self, size: int) -> bytes:
        data = self._back.read(size)
        return data + self._stream.read(size - len(data)) if len(data) < size else data

    def _readline(self) -> bytes:
        line = self._back.readline(_LINE)
        return line if line.endswith(b"\n") or len(line) == _LINE else line + self._stream.readline(_LINE)

    def _unread(self, data: bytes) -> None:
        self._back = io.BytesIO(data + self._back.read())


def _page(headers: StatusAndHeaders, body: bytes, number: int, encoding: str | None) -> Item | None:
    """The article of a record, None if it isn't a page.

    Raises:
        UnreadableError: It is one that can't be read, or holds no article.
    """
    from warcio.statusandheaders import StatusAndHeadersParser

    url = (headers.get_header("WARC-Target-URI") or "").strip().removeprefix("<").removesuffix(">")
    if headers.get_header("WARC-Type") != "response" or not url.startswith(("http:", "https:")):
        return None
    stream = io.BytesIO(body)
    try:
        # Not verified, since it knows no HTTP/2, which some crawlers write.
        http = StatusAndHeadersParser(["HTTP/"], verify=False).parse(stream)
    except EOFError as error:
        raise UnreadableError("the response is empty") from error
    status = re.match(r"HTTP/[\d.]+ +(\d{3})\b", body[:40].decode("ascii", "replace"))
    if not status:
        raise UnreadableError("the response does not begin with an HTTP status")
    kind = (http.get_header("Content-Type") or "").casefold()
    if status[1] != "200" or (kind and not kind.startswith(_HTML)):
        return None
    data = _content(http, stream)
    charset = _CHARSET.search(kind)
    declared = (known_encoding(charset[1]) if charset else None) or declared_encoding(data)
    text = decode(data, encoding=encoding, declared=declared)
    if not kind and not looks_html(text):
        return None
    item = read_html(text)
    published = item.published or to_iso(headers.get_header("WARC-Date"))
    return replace(item, position=number, url=url, published=published)


def _content(http: StatusAndHeaders, body: BinaryIO) -> bytes:
    """The body of a response, with its chunks joined and unpacked.

    Unpacked here, since warcio does that without a limit.
    """
    from warcio.bufferedreaders import ChunkedDataReader

    if (http.get_header("Transfer-Encoding") or "").strip().casefold() == "chunked":
        body = ChunkedDataReader(body)  # gives what isn't chunked as it is
    data: bytes = body.read()
    packing = (http.get_header("Content-Encoding") or "identity").strip().casefold()
    if packing == "identity" or looks_html(data[:2000].decode("latin-1")):  # crawlers unpack and don't say so
        return data
    if packing in ("gzip", "x-gzip"):
        return _inflate(data, 31)
    if packing == "deflate":  # with zlib's header by the standard, without it by some servers
        return _inflate(data, 15 if data[:1] == b"\x78" else -15)
    raise UnreadableError(f"the page is packed as {packing[:40]!r}; gzip and deflate are unpacked")


def _inflate(data: bytes, wbits: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=wbits)
    try:
        unpacked = unpacker.decompress(data, MAX_PAGE_BYTES)
    except zlib.error as error:
        raise UnreadableError(f"the page's compressed data is damaged ({error})") from error
    if unpacker.unconsumed_tail:
        raise UnreadableError(f"the page is longer than {MAX_PAGE_BYTES:,} bytes")
    return unpacked
