"""Rows of .jsonl, .json, .csv, .tsv and .parquet files, streamed; a bad row is a Failure and not the end."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import IO, Any, AnyStr

from polystance.inference.sources.columns import ColumnMap
from polystance.inference.sources.encodings import SAMPLE_BYTES, check_given, decode, detect_encoding
from polystance.inference.sources.failures import Failure, UnreadableError
from polystance.inference.sources.files import Source, read_whole
from polystance.inference.sources.items import Item
from polystance.models.hub import open_hub_file

MAX_LINE_BYTES = 100_000_000
_CONTAINERS = ("articles", "data", "items", "results", "docs", "documents", "rows", "news", "records", "hits")
_BATCH = 256


class Rows:
    """Rows of one source turned to items; column maps are kept, as most rows of a file have the same keys."""

    def __init__(self, source: Source, given: Mapping[str, str]) -> None:
        self.source = source
        self.given = given
        self._maps: dict[tuple[str, ...], ColumnMap | str] = {}

    def item(self, row: object, line: int) -> Item | Failure:
        if not isinstance(row, dict):
            return self.failure(
                line, f"a row must be an object with named fields, this is {type(row).__name__}"
            )
        keys = tuple(row)
        columns = self._maps.get(keys)
        if columns is None:
            try:
                columns = ColumnMap.guess(keys, self.given)
            except UnreadableError as error:
                columns = error.reason
            if len(self._maps) < 1000:
                self._maps[keys] = columns
        if isinstance(columns, str):
            return self.failure(line, columns)
        try:
            return columns.item(row, line)
        except UnreadableError as error:
            return self.failure(line, error.reason)

    def failure(self, line: int | None, reason: str) -> Failure:
        return Failure(self.source.name, line, reason)


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    row: dict[str, object] = {}
    for key, value in pairs:
        if key in row and row[key] != value:
            raise UnreadableError(f"the key {key[:60]!r} is there twice with different values")
        row[key] = value
    return row


def _parse(text: str) -> object:
    """Parsed JSON.

    Raises:
        UnreadableError: It is not JSON, nests too deep, or a key is there twice with different values.
    """
    try:
        return json.loads(text, object_pairs_hook=_pairs)
    except json.JSONDecodeError as error:
        raise UnreadableError(f"broken JSON: {error.msg} at character {error.pos + 1}") from error
    except RecursionError as error:
        raise UnreadableError("JSON nested too deep") from error
    except ValueError as error:  # a number of more than 4,300 digits
        raise UnreadableError(f"broken JSON: {error}") from error


def _sample(stream: io.BufferedReader, encoding: str | None, piped: bool) -> tuple[bytes, str]:
    """The first bytes, for looking at only, and the encoding of the file."""
    head = stream.read1(SAMPLE_BYTES) if piped else stream.read(SAMPLE_BYTES)
    if not head.strip():
        raise UnreadableError("empty")
    if encoding:
        check_given(head, encoding)
    return head, encoding or detect_encoding(head, whole=not piped and len(head) < SAMPLE_BYTES)


class _Joined(io.RawIOBase):
    """A stream with the bytes that were read ahead put back in front."""

    def __init__(self, head: bytes, rest: io.BufferedReader) -> None:
        self._head = memoryview(head)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        chunk = self._head[: len(view)] if self._head else self._rest.read1(len(view))
        self._head = self._head[len(chunk) :] if self._head else self._head
        view[: len(chunk)] = chunk
        return len(chunk)


def lines(
    stream: io.BufferedReader, encoding: str | None, *, piped: bool = False
) -> Iterator[tuple[int, str | UnreadableError]]:
    """Numbered lines of a text stream, each the text with its line end, or why it could not be read.

    `piped`: the encoding is told from what is there, without waiting for more.

    Raises:
        UnreadableError: The file is empty or not text, or damaged from here on.
    """
    head, name = _sample(stream, encoding, piped)
    joined = io.BufferedReader(_Joined(head, stream), 1 << 16)
    if name.startswith(("utf-16", "utf-32")):  # a newline is two or four bytes, so decode before splitting
        wide = io.TextIOWrapper(joined, encoding=name, errors="replace", newline="\n")
        try:
            yield from _limited(wide)
        except UnicodeError as error:
            raise UnreadableError(f"not {name}: {error}; try another --encoding") from error
        return
    plain = "utf-8" if name == "utf-8-sig" else name
    for number, raw in _limited(joined):
        if isinstance(raw, UnreadableError):
            yield number, raw
            continue
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")  # noqa: PLW2901
        try:
            yield number, raw.decode(plain)
        except UnicodeDecodeError as error:
            yield (
                number,
                UnreadableError(f"not {plain} at byte {error.start + 1} of the line; see --encoding"),
            )


def _limited(stream: IO[AnyStr]) -> Iterator[tuple[int, AnyStr | UnreadableError]]:
    """Numbered lines, each at most `MAX_LINE_BYTES` long; a longer one is skipped without being held."""
    number = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) <= MAX_LINE_BYTES:
            yield number, line
            continue
        newline = "\n" if isinstance(line, str) else b"\n"
        while line and not line.endswith(newline):
            line = stream.readline(MAX_LINE_BYTES)
        yield number, UnreadableError(f"the line is longer than {MAX_LINE_BYTES:,} bytes")


def read_jsonl(
    stream: io.BufferedReader, source: Source, given: Mapping[str, str], encoding: str | None
) -> Iterator[Item | Failure]:
    """One object a line; blank lines are skipped. Raises UnreadableError as `lines` does."""
    rows = Rows(source, given)
    for number, line in lines(stream, encoding, piped=source.piped):
        if isinstance(line, UnreadableError):
            yield rows.failure(number, line.reason)
        elif line.strip("\ufeff\x00 \t\r\n"):
            try:
                row = _parse(line.replace("\x00", ""))
            except UnreadableError as error:
                yield rows.failure(number, error.reason)
            else:
                yield rows.item(row, number)


def read_json(
    stream: io.BufferedReader, source: Source, given: Mapping[str, str], encoding: str | None
) -> Iterator[Item | Failure]:
    """A list of objects, alone or under a name such as "articles", or one object; read whole.

    Many files called .json hold one object a line: these are read as such, and streamed.

    Raises:
        UnreadableError: The file is empty, too long, not JSON, or of another shape.
    """
    first = stream.readline(MAX_LINE_BYTES)
    joined: io.BufferedReader = io.BufferedReader(_Joined(first, stream), 1 << 16)
    if first.endswith(b"\n") and _is_row(first):
        yield from read_jsonl(joined, source, given, encoding)
        return
    value = _parse(decode(_not_blank(read_whole(joined)), encoding=encoding).lstrip("\ufeff").rstrip("\x00"))
    rows = Rows(source, given)
    if isinstance(value, dict):
        inner = next((value[key] for key in _CONTAINERS if isinstance(value.get(key), list)), None)
        if inner and all(isinstance(row, dict) for row in inner):
            value = inner
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        raise UnreadableError("the JSON must be a list of objects, or one object per line in a .jsonl file")
    if not value:
        raise UnreadableError("empty: the JSON list has no rows")
    for number, row in enumerate(value, start=1):
        yield rows.item(row, number)


def _is_row(line: bytes) -> bool:
    """True for an object on one line, unless it holds all rows under a name."""
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and not any(isinstance(row.get(key), list) for key in _CONTAINERS)


def _not_blank(data: bytes) -> bytes:
    if not data.strip():
        raise UnreadableError("empty")
    return data


class _CsvLines:
    """Lines for csv.reader. A class and not a generator, since a generator ends when it raises."""

    def __init__(self, numbered: Iterator[tuple[int, str | UnreadableError]]) -> None:
        self._numbered = numbered
        self.number = 0

    def __iter__(self) -> _CsvLines:
        return self

    def __next__(self) -> str:
        self.number, line = next(self._numbered)
        if isinstance(line, UnreadableError):
            raise UnreadableError(line.reason, self.number)
        return line


def _delimiter(header: str) -> str:
    """The commonest of the usual delimiters outside of quotes in the first line."""
    bare = "".join(header.split('"')[::2])
    return max(",\t;|", key=bare.count)


def read_csv(
    stream: io.BufferedReader, source: Source, given: Mapping[str, str], encoding: str | None
) -> Iterator[Item | Failure]:
    """Rows under a header line; quoted cells may hold line breaks. The position of a row is its first line.

    Raises:
        UnreadableError: The file is empty or not text, or has no text column.
    """
    # A process-wide setting; 131,072 characters is less than a long article with its comments.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE_BYTES))
    source_lines = _CsvLines(lines(stream, encoding, piped=source.piped))
    first = next(source_lines, "")
    while first and not first.strip():
        first = next(source_lines, "")
    start = source_lines.number
    rows = Rows(source, given)
    reader = csv.reader(_Chain(first, source_lines), delimiter=_delimiter(first), strict=True)
    header: list[str] | None = None
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            last = source_lines.number
            spread = f" (the quote opened here runs to line {last})" if last > start else ""
            yield rows.failure(start, f"broken CSV row: {error}{spread}")
            if header is None:
                raise UnreadableError("the header line is broken", start) from error
            start = last + 1
            continue
        except UnreadableError as error:
            if error.line is None:
                raise
            yield rows.failure(error.line, error.reason)
            start = source_lines.number + 1
            continue
        if cells is None:
            return
        line, start = start, source_lines.number + 1
        if header is None:
            header = [cell.strip() for cell in cells]
            _check_header(header, given)
        elif any(cell.strip() for cell in cells):
            if len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
                yield rows.failure(
                    line, f"{len(cells)} cells under {len(header)} columns; quote cells with commas"
                )
            else:
                yield rows.item(dict(zip(header, cells, strict=False)), line)


class _Chain:
    """The first line again, then the others; keeps going after an error, which itertools.chain does too."""

    def __init__(self, first: str, rest: _CsvLines) -> None:
        self._first: str | None = first
        self._rest = rest

    def __iter__(self) -> _Chain:
        return self

    def __next__(self) -> str:
        if self._first is not None:
            line, self._first = self._first, None
            return line
        return next(self._rest)


def _check_header(header: list[str], given: Mapping[str, str]) -> None:
    named = [name for name in header if name]
    if len(set(named)) < len(named):
        twice = next(name for name in named if named.count(name) > 1)
        raise UnreadableError(f"the column {twice!r} is there twice; rename one", 1)
    ColumnMap.guess(header, given)  # raised once for the file and not for every row


def read_parquet(
    source: Source, given: Mapping[str, str], stream: io.BufferedReader
) -> Iterator[Item | Failure]:
    """Rows of a Parquet file, in batches, only the columns that are used.

    Raises:
        UnreadableError: It is packed, is not Parquet, is damaged, or has no text column.
    """
    import pyarrow
    import pyarrow.parquet

    if source.piped or source.packing:
        raise UnreadableError(
            "Parquet is not read from standard input or a packed file; give the .parquet file"
        )
    stream.close()
    place = open_hub_file(source.address) if source.address else source.path
    try:
        with pyarrow.parquet.ParquetFile(place) as table:
            columns = ColumnMap.guess(table.schema_arrow.names, given)
            wanted = sorted(set(columns.fields.values()))
            number = 0
            for batch in table.iter_batches(batch_size=_BATCH, columns=wanted):
                for row in _batch_rows(batch):
                    number += 1
                    if isinstance(row, str):
                        yield Failure(source.name, number, row)
                        continue
                    try:
                        yield columns.item(row, number)
                    except UnreadableError as error:
                        yield Failure(source.name, number, error.reason)
            if not number:
                raise UnreadableError("empty: the table has no rows")
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:  # the last: a name in the schema
        raise UnreadableError(f"not a readable Parquet file: {str(error)[:200]}") from error


def _batch_rows(batch: Any) -> Iterator[dict[str, object] | str]:
    """Rows of a record batch as Python values; a reason where Arrow holds what Python can't.

    Strings that are not UTF-8 and the years before 1 and after 9999 are ValueErrors or OverflowErrors, a time
    zone that doesn't exist is a KeyError.
    """
    try:
        rows = batch.to_pylist()
    except (ValueError, OverflowError, KeyError):
        pass
    else:
        yield from rows
        return
    for index in range(batch.num_rows):
        try:
            row = batch.slice(index, 1).to_pylist()[0]
        except UnicodeDecodeError as error:
            yield f"a string of this row is not valid UTF-8: {error.reason}"
        except (ValueError, OverflowError, KeyError) as error:
            yield f"a value of this row can't be read: {error}"
        else:
            yield row
