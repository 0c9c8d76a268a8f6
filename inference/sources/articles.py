"""Articles from files: opens each source, lets its reader find the items, and completes them."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from polystance.errors import InputError, UsageError
from polystance.inference.sources.columns import TEXT_NAMES, check_columns
from polystance.inference.sources.encodings import declared_encoding, decode, detect_encoding, known_encoding
from polystance.inference.sources.failures import Failure, UnreadableError
from polystance.inference.sources.files import Source, open_packed, read_whole, unpacked, walk
from polystance.inference.sources.ids import IdRegistry
from polystance.inference.sources.items import Item
from polystance.inference.sources.members import GzipMembers
from polystance.inference.sources.outlets import OutletRegistry, guess_language
from polystance.inference.sources.pages import read_page
from polystance.inference.sources.rows import read_csv, read_json, read_jsonl, read_parquet
from polystance.inference.sources.splits import is_dataset, read_dataset, read_hub
from polystance.inference.sources.warc import read_warc
from polystance.inference.sources.webpages import looks_html, read_html
from polystance.models.columns import normal
from polystance.models.records import Article
from polystance.models.texts import clean_text, detect_language, language_code, one_line

if TYPE_CHECKING:
    from datasets import Dataset, IterableDataset

_PAGES = {".txt": "page", ".text": "page", ".md": "markdown", ".markdown": "markdown", ".html": "html",
          ".htm": "html", ".xhtml": "html"}  # fmt: skip
_TABLES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".tsv": "csv",
           ".tab": "csv", ".parquet": "parquet", ".pq": "parquet", ".warc": "warc"}  # fmt: skip

MAX_TEXT = 1_000_000  # characters; the longest novels in one file have more, an article never

_HOSTS = ("portal", "aggregator")  # they publish others: an outlet named beside their address is not theirs


def read_articles(
    inputs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | Dataset | IterableDataset,
    *,
    columns: Mapping[str, str] | None = None,
    encoding: str | None = None,
) -> Iterator[Article | Failure]:
    """The articles in `inputs`, in order, with a `Failure` for whatever could not be read.

    Args:
        inputs: Files, folders (recursive, sorted, hidden files skipped), globs, "-" for standard input,
            addresses on the Hugging Face hub (hf://datasets/USER/NAME); one or several. Or one data set of
            the `datasets` library. Files: .jsonl .json .csv .tsv .parquet .txt .md .html .warc, gzip and
            zstandard of each (but Parquet). A file with another suffix is read as what it looks like.
        columns: Column by field, where the guess is wrong: {"text": "body"}. Fields: text, title, outlet,
            date, url, language, outlet_language, id.
        encoding: Encoding of all text files; told from their bytes when None.

    Tables are streamed: memory doesn't grow with the file. An id that was seen before gets its place added
    ("a17@b.csv:4"), so that no article replaces another.

    `outlet_language` is that of its column, else that of the registry. For an outlet that is not there it
    is guessed from name and address; failing that it is the text's language, unless the headline is Chinese
    and the text English, which is how aggregators summarise: then it stays None.

    Raises:
        InputError: At once if a path does not exist or a folder is empty; at the end, after all failures, if
            nothing at all was an article.
        HubError: An address on the hub can't be read, at the time when it is its turn.
        UsageError: At once for an unknown field in `columns` or an unknown encoding.
    """
    given = check_columns(columns)
    if encoding is not None:
        known = known_encoding(encoding)
        if known is None:
            raise UsageError(f"--encoding {encoding!r} is not known. Try utf-8, utf-16, gb18030 or big5.")
        encoding = known
    if is_dataset(inputs):
        source = Source(None, "dataset", "dataset", "", None)
        return _read([(source, _whole(source, read_dataset(inputs, source, given)))])
    files = cast(str | os.PathLike[str] | Iterable[str | os.PathLike[str]], inputs)
    sources = walk([files] if isinstance(files, str | os.PathLike) else files)
    return _read([(source, _whole(source, _open(source, given, encoding))) for source in sources])


def _read(sources: Sequence[tuple[Source, Iterator[Item | Failure]]]) -> Iterator[Article | Failure]:
    ids = IdRegistry()
    registry = OutletRegistry.shipped()
    any_article = False
    first: Failure | None = None
    for source, items in sources:
        for found in items:
            if isinstance(found, Failure):
                first = first or found
                yield found
            elif len(found.text) > MAX_TEXT:
                long = Failure(
                    source.name,
                    found.position,
                    f"the text has {len(found.text):,} characters, more than the {MAX_TEXT:,} that an "
                    "article may have; split it",
                )
                first = first or long
                yield long
            else:
                any_article = True
                yield _article(found, source, registry, ids)
    if not any_article:
        why = f" First failure, in {first.source}: {first.reason}." if first else ""
        raise InputError(
            f"None of the {len(sources)} sources held an article.{why} Check the paths and columns."
        )


def _whole(source: Source, items: Iterator[Item | Failure]) -> Iterator[Item | Failure]:
    """What a source holds, with a failure where it ends before its time or is empty."""
    empty = True
    try:
        for item in items:
            empty = False
            yield item
    except UnreadableError as error:
        empty = False
        yield Failure(source.name, error.line, error.reason)
    except OSError as error:  # a disk or a pipe that fails while it is read
        empty = False
        yield Failure(source.name, None, f"reading stopped: {error.strerror or error}")
    if empty:
        archive = source.suffix == ".warc"
        yield Failure(source.name, None, "no HTML page in it" if archive else "empty: the file holds no rows")


def _open(source: Source, given: Mapping[str, str], encoding: str | None) -> Iterator[Item | Failure]:
    if source.address and not source.address.file:
        yield from read_hub(source.address, source, given)
        return
    stream, packing = open_packed(source)
    if source.suffix == ".warc" and packing == "gzip":
        with stream:
            yield from read_warc(GzipMembers(stream), source, encoding)
        return
    with unpacked(stream, packing) as plain:
        yield from _dispatch(source, plain, given, encoding)


def _dispatch(
    source: Source, stream: io.BufferedReader, given: Mapping[str, str], encoding: str | None
) -> Iterator[Item | Failure]:
    head = stream.peek(1)[:65536]
    if not head:
        raise UnreadableError("empty")
    kind = _TABLES.get(source.suffix) or _PAGES.get(source.suffix) or _sniff(head, encoding)
    if kind == "jsonl":
        yield from read_jsonl(stream, source, given, encoding)
    elif kind == "json":
        yield from read_json(stream, source, given, encoding)
    elif kind == "csv":
        yield from read_csv(stream, source, given, encoding)
    elif kind == "parquet":
        yield from read_parquet(source, given, stream)
    elif kind == "warc":
        yield from read_warc([stream], source, encoding)
    else:
        data = read_whole(stream)
        text = decode(data, encoding=encoding, declared=declared_encoding(data))
        if kind == "html" or looks_html(text):
            yield read_html(text)
        else:
            yield from read_page(text, source.name, markdown=kind == "markdown")


def _sniff(head: bytes, encoding: str | None) -> str:
    """What a file without a known suffix, or standard input, looks like.

    Raises:
        UnreadableError: It is not text.
    """
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"WARC/"):
        return "warc"
    name = encoding or detect_encoding(head)
    start = head.decode(name, "replace").lstrip("\ufeff \t\r\n")
    if re.match(r'\{\s*["}]|\[\s*[\]{]', start):  # and not "[Update] A headline"
        return "json"  # whose reader also knows one object a line
    lines = start.splitlines()
    header = lines[0].casefold() if len(lines) > 1 else ""
    cells = {normal(cell.strip('" ')) for cell in re.split("[,\t;|]", header)}
    if len(cells) > 1 and cells & TEXT_NAMES:
        return "csv"
    return "page"


def _article(item: Item, source: Source, registry: OutletRegistry, ids: IdRegistry) -> Article:
    """The article of an item, with its id, languages and outlet worked out."""
    text, title = clean_text(item.text), one_line(item.title)
    url = one_line(item.url) if item.url else None
    name = one_line(item.outlet) if item.outlet else None
    title_language = detect_language(title)
    language = (language_code(item.language) if item.language else None) or detect_language(text)
    summary = title_language == "zh" and language == "en"
    outlet = registry.lookup(name, url, language=None if summary else language)
    outlet_language = outlet.language if outlet else guess_language(name, url)
    if outlet and name and outlet.kind in _HOSTS and registry.lookup(name) is None:
        outlet_language = guess_language(name, None) or outlet.language
        outlet = None
    if outlet_language is None and not summary:
        outlet_language = language
    if item.outlet_language:
        outlet_language = language_code(item.outlet_language) or outlet_language
    place = f"{source.key}:{item.position}"
    return Article(
        id=ids.unique(clean_text(item.id) if item.id else place, place),
        text=text,
        title=title,
        outlet=outlet.name if outlet else name,
        outlet_language=outlet_language,
        language=language,
        published=item.published,
        url=url,
        source_file=source.name,
        source_position=item.position,
    )
