"""Text pages (.txt, .md): a feed of items, or one saved article without its navigation and adverts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from polystance.inference.sources.dates import find_date, to_iso
from polystance.inference.sources.failures import Failure, UnreadableError
from polystance.inference.sources.feed import find_headers, is_feed, parse_feed
from polystance.inference.sources.items import Item
from polystance.inference.sources.noise import (
    clean_body,
    glued_paragraphs,
    is_navigation,
    quoted_outlet,
    without_credit,
    without_teaser,
)
from polystance.models.texts import clean_text

_LABELS = {
    "title": "title", "headline": "title", "标题": "title", "標題": "title",
    "source": "outlet", "outlet": "outlet", "publisher": "outlet", "来源": "outlet", "來源": "outlet",
    "媒体": "outlet", "date": "date", "published": "date", "日期": "date", "时间": "date", "發布時間": "date",
    "发布时间": "date", "url": "url", "link": "url", "链接": "url", "language": "language",
    "lang": "language",    "id": "id",
}  # fmt: skip
_LABELLED = re.compile(r"^\s*([A-Za-z\u4e00-\u9fff]{2,10})\s*[:：]\s*(.+?)\s*$")
_MAX_DATELINE = 160
_MAX_LABELLED = 300
_HEAD_LINES = 12  # a dateline stands among the first lines with text
_BRACKETS = re.compile(
    r"【[^】]*】|\[[^\]]{1,40}\]|[\d,.]+\s*(?:People have watched|views?|reads?)\b|阅读\s*[\d万.]+"
)
_SOURCE_MARK = re.compile(
    r"(?:来源|來源|Source|Quelle|稿源|出处)\s*[:：]\s*([^\s|｜,，。;；]{2,30}(?: [A-Z][\w.]+)*)"
)
_BYLINE = re.compile(r"^(?:by|von|作者|记者|記者)\b|(?:published|updated|posted|发布于|更新)", re.IGNORECASE)
_MARKDOWN: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"^```.*$", re.M), ""),
    (re.compile(r"!\[[^\[\]\n]{0,500}\]\([^)\n]{0,2000}\)"), ""),
    (re.compile(r"\[([^\[\]\n]{1,500})\]\([^)\n]{0,2000}\)"), r"\1"),
    (re.compile(r"^\s{0,3}#{1,6}\s++(.*)$", re.M), lambda match: match[1].rstrip().rstrip("#").rstrip()),
    (re.compile(r"^\s{0,3}>\s?", re.M), ""),
    (re.compile(r"(\*\*|__)(?=\S)(.{1,200}?)(?<=\S)\1"), r"\2"),
    (re.compile(r"(?<![\w*])\*(?=\S)([^*\n]{1,200}?)(?<=\S)\*(?![\w*])"), r"\1"),
    (re.compile(r"^[ \t]*(?:[-*_][ \t]*){3,}$", re.M), ""),
)


def read_page(text: str, source: str, *, markdown: bool = False) -> Iterator[Item | Failure]:
    """The items of a text page.

    Raises:
        UnreadableError: The page is empty, or nothing is left of it without navigation.
    """
    text = clean_text(text)
    if not text.strip():
        raise UnreadableError("empty")
    fields: dict[str, str] = {}
    if markdown:
        text, fields = _front_matter(text)
        for pattern, replacement in _MARKDOWN:
            text = pattern.sub(replacement, text)
    lines = text.split("\n")
    headers = find_headers(lines)
    if not fields and is_feed(lines, headers):
        for item in parse_feed(lines, headers):
            body = clean_body(item.text)
            if body:
                yield Item(item.position, body, item.title, item.outlet, item.published)
            else:
                yield Failure(source, item.position, f"the feed item {item.title[:80]!r} has no body")
        return
    yield _article(lines, fields)


def _front_matter(text: str) -> tuple[str, dict[str, str]]:
    """Markdown without the "key: value" block between two --- lines at its top, and that block."""
    match = re.match(r"\s*---[ \t]*\n(.{0,5000}?)\n---[ \t]*(?:\n|$)", text, re.DOTALL)
    if not match:
        return text, {}
    fields: dict[str, str] = {}
    for line in match[1].split("\n"):
        key, colon, value = line.partition(":")
        if colon and (field := _LABELS.get(key.strip().casefold())) and (value := value.strip(" \t'\"")):
            fields.setdefault(field, value)
    return text[match.end() :], fields


def _article(lines: list[str], fields: dict[str, str]) -> Item:
    """The one article of a page: title, dateline, body, with its noise taken off."""
    rest = [line.strip() for line in lines if line.strip() and not is_navigation(line)]
    fields = dict(fields)
    rest = _labelled_head(rest, fields)
    quoted = quoted_outlet(rest)
    dateline = next((n for n, line in enumerate(rest[:_HEAD_LINES]) if _is_dateline(line)), None)
    title, body = fields.get("title", ""), rest
    outlet = quoted or fields.get("outlet")
    published = fields.get("date")
    if dateline is not None:
        found = find_date(rest[dateline])
        if found:
            published = published or found[0]
            outlet = outlet or _dateline_outlet(rest[dateline], found[1], found[2])
        head, body = rest[:dateline], rest[dateline + 1 :]
        if not title and head:
            # The line over the dateline, unless that is a byline.
            plain = [line for line in head if not _BYLINE.search(line)] or head
            title = plain[-1] if len(plain[-1]) >= 12 or len(plain) == 1 else max(plain, key=len)
            body = [*head[head.index(title) + 1 :], *body] if dateline - head.index(title) > 2 else body
    elif not title and len(rest) > 1 and _like_title(rest[0]):
        title, body = rest[0], rest[1:]
    if title and body and body[0] == title:
        body = body[1:]
    text, credit = without_credit(clean_body("\n".join(without_teaser(body))))
    outlet = outlet or credit
    text = glued_paragraphs(text) if quoted else text
    if not text:
        raise UnreadableError("no article text: only navigation, a headline or adverts")
    return Item(
        1, text, title, outlet, to_iso(published), fields.get("url"), fields.get("language"), fields.get("id")
    )


def _labelled_head(lines: list[str], fields: dict[str, str]) -> list[str]:
    """Lines without the "Title: ...", "来源：..." lines at their top, whose values go to `fields`."""
    number = 0
    for line in lines[:8]:
        match = _LABELLED.match(line) if len(line) <= _MAX_LABELLED else None
        field = _LABELS.get(match[1].casefold()) if match else None
        if match is None or field is None or (field == "outlet" and find_date(line)):
            break
        fields.setdefault(field, match[2])
        number += 1
    return lines[number:]


def _is_dateline(line: str) -> bool:
    """A short line around a date that is not a sentence."""
    found = find_date(line) if len(line) <= _MAX_DATELINE else None
    if not found:
        return False
    rest = _BRACKETS.sub("", line[: found[1]] + line[found[2] :]).strip()
    return len(rest) <= 70 and not re.search(r"[.!?。！？]$", rest)


def _dateline_outlet(line: str, start: int, end: int) -> str | None:
    """The outlet that a dateline names, such as "FTI News" before the date or after 来源."""
    if mark := _SOURCE_MARK.search(line):
        return mark[1]
    for part in (line[:start], line[end:]):
        name = re.sub(r"^[\s·•|｜–—\-,，:：]+|[\s·•|｜–—\-,，:：(（]+$", "", _BRACKETS.sub("", part))
        if 2 <= len(name) <= 40 and not _BYLINE.search(name) and re.search(r"[A-Z\u4e00-\u9fff]", name):
            return name
    return None


def _like_title(line: str) -> bool:
    return len(line) <= 200 and not re.search(r"[。；;]", line) and not re.search(r"[.!?][\"”]?\s+\S", line)
