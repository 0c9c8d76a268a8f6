"""Sentence boundaries in Chinese and English news, as character spans.

Rules rather than a library: pysbd leaves a closing quotation mark on the next sentence and gives no
exact offsets for repeated sentences, syntok doesn't split Chinese, and wtpsplit needs weights from a hub.
"""

from __future__ import annotations

import re
from typing import Final

_CLOSERS: Final = "”’\"'）)】」』》]"
# A boundary is a line break, Chinese end punctuation, marks of both scripts before Chinese, or Latin end
# punctuation before blank and a start (so none in https://a.example/?b, nor in "No!" she said).
_BOUNDARY: Final = re.compile(
    rf"""
    \s*\n\s*
    | (?<=[。！？；])[{re.escape(_CLOSERS)}]*\s*(?=[^\s{re.escape(_CLOSERS)}。！？!?；…])
    | (?<=[!?…])[{re.escape(_CLOSERS)}]*\s*(?=["'“‘(\[]?[\u2e80-\ud7ff\uf900-\ufaff\uff08])
    | (?<=[.!?…])[{re.escape(_CLOSERS)}]*\s+(?=["'“‘(\[]?[A-Z0-9\u3400-\u9fff-])
    """,
    re.VERBOSE,
)
_ABBREVIATION: Final = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|Gen|Col|Lt|Sgt|Maj|Adm|Gov|Sen|Rep|Rev|Hon|St|Jr|Sr|Inc|Ltd|Corp|Co|No|vs|etc|"
    r"Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec|approx|Fig|Art|e\.g|i\.e|a\.m|p\.m)|(?:\b[A-Z]\.)*\b[A-Z])\.$"
)
# "the U.S. Congress" goes on, "left the U.S. The next day" doesn't: after U.S. only these begin a sentence.
_STARTERS: Final = re.compile(
    r"[\"“‘']?(?:The|A|An|It|He|She|They|In|On|At|But|And|This|That|These|Its|We|For|If|As)\b"
)


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Spans `(start, end)` of the sentences of `text`, in order, without the blanks around them.

    Every character that is not blank lies in exactly one span.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _BOUNDARY.finditer(text):
        end = match.end()
        if "\n" not in match.group() and _is_abbreviation(text, start, match.start(), end):
            continue
        _add(text, start, end, spans)
        start = end
    _add(text, start, len(text), spans)
    return spans


def _is_abbreviation(text: str, start: int, stop: int, after: int) -> bool:
    head = text[max(start, stop - 12) : stop]
    if not _ABBREVIATION.search(head):
        return False
    return not (re.search(r"[A-Z]\.[A-Z]\.$", head) and _STARTERS.match(text, after))


def _add(text: str, start: int, end: int, spans: list[tuple[int, int]]) -> None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if end > start:
        spans.append((start, end))
