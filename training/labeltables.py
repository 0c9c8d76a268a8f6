"""Tables of labelled texts: files, and data sets on the hub, as rows with named cells."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import zstandard

from polystance.errors import DataError, HubError, UsageError
from polystance.models.hub import HubAddress, commit, hub_errors, parse_address

SPLITS: Final = ("train", "dev", "test")
SPLIT_WORDS: Final[Mapping[str, str]] = {
    "train": "train training 训练 训练集",
    "dev": "dev development validation valid val 验证 验证集 开发集",
    "test": "test testing eval evaluation 测试 测试集",
}
HUB: Final = "hf://"
_MAX_CELL: Final = 100_000_000  # characters; the default is less than a long article


@dataclass(frozen=True)
class Table:
    """Rows of one file or split; `first` is the number of the first row where rows are told of."""

    place: str
    first: int
    columns: list[str]
    rows: list[dict[str, Any]]


def read_tables(place: str, split: str) -> Iterator[tuple[str, Table]]:
    """Tables of a file or of the splits of a data set on the hub, with the split that each is of.

    Args:
        place: A file, or `hf://datasets/USER/NAME[@REVISION]`.
        split: Split that all of it is of; "" where the data says so itself, or not at all.

    Raises:
        DataError: The file is missing, of another kind, or can't be read.
        HubError: The data set can't be fetched.
    """
    if place.startswith(HUB):
        yield from _hub_tables(parse_address(place), split)
        return
    path = Path(place)
    name = path.name.lower().removesuffix(".gz").removesuffix(".zst")
    if not path.is_file():
        raise DataError(f"No file {place}. Give a table of labelled texts, or hf://datasets/USER/NAME.")
    if name.endswith((".csv", ".tsv")):
        yield split, _csv(path)
    elif name.endswith((".jsonl", ".json")):
        yield split, _json(path)
    elif name.endswith(".parquet"):
        import pyarrow
        from pyarrow.parquet import read_table

        try:
            table = read_table(path)
        except (pyarrow.ArrowException, OSError) as error:
            raise DataError(f"{place} is not a readable Parquet file: {str(error)[:200]}.") from error
        yield split, Table(place, 1, table.column_names, table.to_pylist())
    else:
        raise DataError(
            f"{place}: give a .csv, .tsv, .jsonl, .json or .parquet file (a spreadsheet can save .csv)."
        )


def fingerprint(places: Iterable[str]) -> str:
    """SHA-256 of files and of commits on the hub: changes when the data does."""
    digest = hashlib.sha256()
    for place in places:
        if place.startswith(HUB):
            digest.update(commit(parse_address(place)).encode())
        elif Path(place).is_file():
            digest.update(Path(place).read_bytes())
    return digest.hexdigest()


def _text(path: Path) -> str:
    """A file in UTF-8, UTF-16 with its mark, or GB18030, which spreadsheets in China save."""
    packing = path.suffix.lower()
    try:
        data = path.read_bytes()
        if packing == ".gz":
            data = gzip.decompress(data)
        elif packing == ".zst":
            data = zstandard.ZstdDecompressor().stream_reader(data).read()
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise DataError(f"{path} can't be read: {error}.") from error
    encodings = ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "gb18030")
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise DataError(f"{path} is neither UTF-8 nor GB18030. Save it as CSV UTF-8.")


def _csv(path: Path) -> Table:
    csv.field_size_limit(max(csv.field_size_limit(), _MAX_CELL))
    text = _text(path)
    delimiter = max(",\t;", key=text.partition("\n")[0].count)
    try:
        header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    except csv.Error as error:
        raise DataError(
            f"{path} is broken CSV: {error}. Open it in a spreadsheet and save it anew."
        ) from error
    except ValueError as error:
        raise DataError(f"{path} is empty.") from error
    names = [name.strip() for name in header]
    # Spreadsheets count the header as row 1.
    for number, cells in enumerate(rows, 2):
        if len(cells) > len(names) and any(cells[len(names) :]):
            raise DataError(
                f"{path}, row {number}: {len(cells)} cells under {len(names)} columns. Put cells that hold "
                f"{delimiter!r} in double quotes."
            )
    return Table(str(path), 2, names, [dict(zip(names, cells, strict=False)) for cells in rows])


def _json(path: Path) -> Table:
    text = _text(path)
    try:
        if text.lstrip().startswith("["):
            rows = json.loads(text)
        else:
            rows = [json.loads(line) for line in text.split("\n") if line.strip()]
    except ValueError as error:
        raise DataError(f"{path} is neither one JSON object a line nor a list of them: {error}.") from error
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{path}: give objects with named fields, one a line, or a list of them.")
    return Table(str(path), 1, list(dict.fromkeys(name for row in rows for name in row)), rows)


def _hub_tables(address: HubAddress, split: str) -> Iterator[tuple[str, Table]]:
    from datasets import DatasetDict, load_dataset

    if address.file:
        raise UsageError(f"{address}: give the data set or its split; single files are read from disk only.")
    revision = commit(address)
    with hub_errors(address):
        found = load_dataset(address.repo, address.config, split=address.split, revision=revision)
    parts = found if isinstance(found, DatasetDict) else {str(address.split): found}
    for name, part in parts.items():
        known = next((s for s, words in SPLIT_WORDS.items() if name in words.split()), None)
        if known is None and len(parts) > 1:
            raise HubError(
                f"{address}: split {name!r} is none of train, validation and test. Name one: {address}/SPLIT."
            )
        # One split alone says nothing about which rows are to test.
        of = split or (known or "" if len(parts) > 1 else "")
        yield of, Table(f"{address}, {name}", 1, part.column_names, part.to_list())
