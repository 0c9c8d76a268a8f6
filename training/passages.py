"""Passages of unlabelled news, each known by its place in a corpus, so that labels can be kept without text.

Corpora have the form that `training.corpora` states, each row with an `id` besides.
"""

from __future__ import annotations

import hashlib
import json
import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from polystance.errors import DataError
from polystance.models.sentences import split_sentences

# Characters of a passage. A Chinese character says about as much as three of English.
_LENGTHS: Final = {"en": (250, 800), "zh": (90, 300)}


@dataclass(frozen=True, slots=True)
class Document:
    """A row of a corpus. `corpus` is its name, e.g. "xwlb"."""

    corpus: str
    id: str
    language: str
    title: str
    text: str
    date: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """Characters `start` to `end` of a document's text."""

    document: Document
    start: int
    end: int

    @property
    def id(self) -> str:
        return f"{self.document.id}@{self.start}-{self.end}"

    @property
    def text(self) -> str:
        return self.document.text[self.start : self.end]

    @property
    def fingerprint(self) -> str:
        """Of title and text, to tell that a corpus is the one that was labelled."""
        return hashlib.sha256(f"{self.document.title}\n{self.text}".encode()).hexdigest()[:8]


def read_documents(folder: Path, language: str, corpus: str) -> Iterator[Document]:
    """Rows of `folder/corpora/LANGUAGE/CORPUS.jsonl.xz`. Raises DataError if it is not there."""
    path = folder / "corpora" / language / f"{corpus}.jsonl.xz"
    if not path.is_file():
        raise DataError(f"No corpus {path}. Put it there, or leave {corpus!r} out.")
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            row = json.loads(line)
            if not isinstance(row.get("id"), str):
                raise DataError(f"{path}, line {number}: a document needs an `id`, a string.")
            yield Document(
                corpus, row["id"], language, row.get("title") or "", row.get("text") or "",
                row.get("date") or "",
            )  # fmt: skip


def cut_passages(document: Document, rng: Random) -> list[Passage]:
    """The whole document as passages of one to eight sentences and varying length, none overlapping."""
    shortest, longest = _LENGTHS[document.language]
    passages: list[Passage] = []
    start = end = count = 0
    wanted = rng.randint(shortest, longest)
    for first, last in split_sentences(document.text):
        if count and (count == 8 or last - start > wanted):
            passages.append(Passage(document, start, end))
            count, wanted = 0, rng.randint(shortest, longest)
        if not count:
            start = first
        end, count = last, count + 1
    if count:
        passages.append(Passage(document, start, end))
    return passages
