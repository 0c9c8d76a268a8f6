"""Unlabelled text and sentence pairs for the shipped encoder, from a data folder.

Expected form: `corpora/parallel/NAME.tsv.gz` (Chinese TAB English, one pair a line) and
`corpora/{zh,en}/NAME.jsonl.xz` (objects with `text`, perhaps `title`).
"""

from __future__ import annotations

import gzip
import json
import lzma
import re
from pathlib import Path
from typing import NamedTuple

from polystance.errors import DataError
from polystance.models.scripts import to_simplified


class Pair(NamedTuple):
    """A Chinese sentence (simplified characters) and its English counterpart."""

    zh: str
    en: str


def read_pairs(folder: Path, name: str) -> list[Pair]:
    """All pairs of one parallel corpus. Raises DataError if it is not there or a line has no tab."""
    path = folder / "corpora" / "parallel" / f"{name}.tsv.gz"
    if not path.is_file():
        raise DataError(
            f"No parallel corpus {path}. Put {name}.tsv.gz there, or take {name!r} out of the recipe."
        )
    pairs = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            zh, tab, en = line.rstrip("\n").partition("\t")
            if not tab:
                raise DataError(f"{path}, line {number}: expected Chinese TAB English, found no tab.")
            # Some corpora mark the looked-up phrase with backticks.
            pairs.append(Pair(to_simplified(zh.replace("`", "")), en.replace("`", "").split("\t")[0]))
    return pairs


def sample_texts(folder: Path, language: str, chars: int) -> list[str]:
    """About `chars` characters of a language's monolingual corpora, an equal share of each, title first."""
    paths = sorted((folder / "corpora" / language).glob("*.jsonl.xz"))
    if not paths:
        raise DataError(
            f"No *.jsonl.xz in {folder / 'corpora' / language}: the vocabulary is counted on these."
        )
    texts = []
    for path in paths:
        left = chars // len(paths)
        with lzma.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                texts.append(f"{row.get('title') or ''}\n{row.get('text') or ''}")
                left -= len(texts[-1])
                if left <= 0:
                    break
    return texts


_SPACES = re.compile(r"\s+")


def clean(text: str) -> str:
    """One line, single blanks."""
    return _SPACES.sub(" ", text).strip()
