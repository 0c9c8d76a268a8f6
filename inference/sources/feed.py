"""Keyword feed pages: one text file that holds many items, each headline, outlet and time, body."""

from __future__ import annotations

import re
from dataclasses import dataclass

from polystance.inference.sources.dates import find_date
from polystance.inference.sources.items import Item

_SEPARATORS = r"·•‧・∙|｜–—\-"
_EDGE = re.compile(rf"^[\s{_SEPARATORS},，:：]+|[\s{_SEPARATORS},，:：]+$")
_LEADING = re.compile(rf"^\s*[{_SEPARATORS}]|^\s+(?=\S)")
_TRAILING = re.compile(rf"[{_SEPARATORS}]\s*$|(?<=\S)\s+$")
_SENTENCE_END = re.compile(r"[.!?。！？…]$")
_CITATIONS = re.compile(r"[ \t]{0,3}(?:\[\d{1,3}(?:\s*[,，、–-]\s*\d{1,3})*\])+")
_SUMMARY = re.compile(r"^(?:Core Viewpoint|Core Insights?|Core View|核心观点)\s*[-–—:：]\s*")
# "Group 2: Deals - First point [4]. - Second point": line breaks before these were lost.
_HEADING = re.compile(r"(?<=[.!?])\s+(?=Group \d{1,2}:)")
_POINT = re.compile(r"(?<=[.!?])\s+-\s+(?=[A-Z\"“])")
_FIRST_POINT = re.compile(r"^(Group \d{1,2}:[^\n]{1,150}?)\s+-\s+(?=[A-Z\"“])", re.MULTILINE)
_VAGUE = re.compile(
    r"\b\d{1,2} ?(?:minutes?|mins?|hours?|hrs?|days?|weeks?) ago\b|\b(?:yesterday|today)\b(?: \d{1,2}:\d\d)?|"
    r"\d{1,2}\s*(?:分钟|小时|天|周|分鐘|小時)前|(?:今天|昨天|前天|刚刚)(?:\s*\d{1,2}:\d\d)?|"
    r"(?<![\d-])\d\d-\d\d \d{1,2}:\d\d(?!\d)|\d{1,2}月\d{1,2}日(?:\s*\d{1,2}:\d\d)?",
    re.IGNORECASE,
)
_BREADCRUMB = re.compile(r"\S\s*[>»›]\s*\S|current location|当前位置|您的位置|當前位置", re.IGNORECASE)
# "Date: 2025-10-08 22:24" is a label of one page, not an outlet and its time.
_DATE_LABEL = re.compile(
    r"(?:date|time|published|updated|日期|时间|時間|发布时间|發布時間)\s*[:：]?\s*$", re.IGNORECASE
)
_MAX_HEADER = 100
_MAX_OUTLET = 60


@dataclass(frozen=True, slots=True)
class Header:
    """The line of an item that names outlet and time, as `lines[line]`."""

    line: int
    outlet: str
    published: str | None


def parse_header(text: str) -> tuple[str, str | None] | None:
    """Outlet and ISO time of a line such as "Sou Hu Cai Jing· 2025-10-08 22:24"; None for other lines.

    Either may come first; between them stands one of the separators · • | - – —, or white space if there is a
    time of day. Nothing else is on the line. A time without a year ("3 hours ago", 昨天 22:24, 10-08 22:24)
    marks the line as well, but is given as None.
    """
    line = text.strip()
    if not 8 <= len(line) <= _MAX_HEADER:
        return None
    found: tuple[str | None, int, int] | None = find_date(line)
    if not found:
        vague = _VAGUE.search(line)
        if not vague:
            return None
        found = None, vague.start(), vague.end()
    published, start, end = found
    before, after = line[:start], line[end:]
    if (before.strip() and after.strip()) or _DATE_LABEL.match(before.strip()):
        return None
    gap = _TRAILING.search(before) if before.strip() else _LEADING.search(after)
    outlet = _EDGE.sub("", before if before.strip() else after)
    if not gap or not outlet or len(outlet) > _MAX_OUTLET:
        return None
    if not gap[0].strip() and not (
        published and "T" in published
    ):  # "Released 2025-10-08" is no header, nor is any table cell
        return None
    if _SENTENCE_END.search(outlet) and not outlet.endswith(("Inc.", "Ltd.", "Co.")):
        return None
    return outlet, published


def find_headers(lines: list[str]) -> list[Header]:
    """The outlet-and-time lines of a page, in order."""
    headers = []
    for number, line in enumerate(lines):
        parsed = parse_header(line)
        if parsed:
            headers.append(Header(number, *parsed))
    return headers


def is_feed(lines: list[str], headers: list[Header]) -> bool:
    """True for two headers or more, or one that stands, as in a feed, near the top under a headline.

    A trail of links ("Home > Markets") is the sign of a saved page of one article.
    """
    if len(headers) >= 2:
        return True
    if not headers:
        return False
    above = [line for line in lines[: headers[0].line] if line.strip()]
    return 1 <= len(above) <= 6 and not any(_BREADCRUMB.search(line) for line in above)


def clean_summary(text: str) -> str:
    """A body without citation marks like [1][3] and without "Core Viewpoint -"; its points on own lines."""
    text = _SUMMARY.sub("", _CITATIONS.sub("", text).strip())
    text = _POINT.sub("\n", _HEADING.sub("\n", text))
    return _FIRST_POINT.sub(r"\1\n", text)


def parse_feed(lines: list[str], headers: list[Header]) -> list[Item]:
    """The items of a feed page. What stands above the first headline (keyword, search box) is dropped.

    The headline is the last line with text above the header; an item without one, or without a body, is
    given with an empty string there, so that the caller can report it.
    """
    starts = [
        _headline(lines, header.line, headers[i - 1].line if i else -1) for i, header in enumerate(headers)
    ]
    items = []
    for position, header in enumerate(headers, start=1):
        start = starts[position - 1]
        end = starts[position] if position < len(headers) else len(lines)
        body = "\n".join(line.strip() for line in lines[header.line + 1 : end] if line.strip())
        title = " ".join(" ".join(lines[start : header.line]).split())
        items.append(Item(position, clean_summary(body), title, header.outlet, header.published))
    return items


def _headline(lines: list[str], header: int, previous: int) -> int:
    """Line of the headline over a header; the header's own line if there is none."""
    for number in range(header - 1, previous, -1):
        if lines[number].strip():
            return number
    return header
