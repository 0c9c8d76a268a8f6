"""Which column of a table holds what: guessed from common names in English and Chinese, or given."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from polystance.errors import UsageError
from polystance.inference.sources.dates import to_iso
from polystance.inference.sources.failures import UnreadableError
from polystance.inference.sources.items import Item
from polystance.inference.sources.texts import clean_text, one_line

# Most telling name first; compared without case, width, spaces, hyphens and underscores.
_NAMES: dict[str, str] = {
    "text": "text body content article articletext articlebody fulltext maintext story newscontent plaintext "
    "正文 内容 全文 文章 新闻内容 文章内容 新闻正文 文本 內容 新聞內容 文章內容 新聞正文 summary description "
    "abstract 摘要 简介",
    "title": "title headline articletitle newstitle heading subject 标题 標題 题目 新闻标题 "
    "文章标题 新聞標題",
    "outlet": "outlet source media publisher publication newspaper sourcename medianame sitename site "
    "website "
    "来源 媒体 媒体名称 新闻来源 文章来源 出处 來源 媒體 新聞來源 报纸 网站",
    "date": "date published publishtime publishedat publisheddate publishdate publicationdate pubdate "
    "pubtime "
    "datetime datepublished time timestamp createdat 日期 时间 发布时间 发布日期 发表时间 發布時間 發佈時間 "
    "時間 发表日期 出版日期",
    "url": "url link href articleurl pageurl permalink uri 链接 网址 原文链接 鏈接 連結 網址",
    "language": "language lang textlanguage 语言 语种 語言",
    "outlet_language": "outletlanguage sourcelanguage medialanguage outletlang 媒体语言 來源語言",
    "id": "id articleid docid documentid newsid uid guid 编号 文章编号 序号 編號",
}
FIELDS = tuple(_NAMES)
TEXT_NAMES = frozenset(_NAMES["text"].split())
_NULLS = frozenset({"", "nan", "NaN", "NAN", "null", "NULL", "None", "NA", "N/A", "n/a", "#N/A", "<NA>"})


def normal(name: str) -> str:
    """A column name for comparison."""
    return re.sub(r"[\s_\-.:：]+", "", unicodedata.normalize("NFKC", name)).casefold()


def check_columns(columns: Mapping[str, str] | None) -> dict[str, str]:
    """The columns that were given, by field; "published" is understood as "date".

    Raises:
        UsageError: A field is not one of `FIELDS`.
    """
    checked = {}
    for field, name in (columns or {}).items():
        key = "date" if field == "published" else field
        if key not in FIELDS:
            raise UsageError(f"--column {field}={name}: no field {field!r}. Fields: {', '.join(FIELDS)}.")
        checked[key] = name
    return checked


@dataclass(frozen=True)
class ColumnMap:
    """Which column is read for which field."""

    fields: Mapping[str, str]

    @classmethod
    def guess(cls, names: Iterable[str], given: Mapping[str, str]) -> ColumnMap:
        """Map the columns `names`; `given` maps field to column and wins.

        Raises:
            UnreadableError: A given column is missing, or no column looks like the text.
        """
        names = list(names)
        found = ", ".join(names[:30]) or "none"
        fields: dict[str, str] = {}
        for field, name in given.items():
            if name not in names:
                raise UnreadableError(f"no column {name!r} (given for {field}); columns found: {found}")
            fields[field] = name
        taken = set(fields.values())
        by_normal: dict[str, str] = {}
        for name in names:
            by_normal.setdefault(normal(name), name)
        for field, known in _NAMES.items():
            if field in fields:
                continue
            hit = next(
                (by_normal[n] for n in known.split() if n in by_normal and by_normal[n] not in taken), None
            )
            if hit is not None:
                fields[field] = hit
                taken.add(hit)
        if "text" not in fields:
            raise UnreadableError(f"no text column; columns found: {found}. Name it with --column text=NAME")
        return cls(fields)

    def item(self, row: Mapping[str, object], position: int) -> Item:
        """The item in a row.

        Raises:
            UnreadableError: The text is missing, empty or not text.
        """
        cells = {field: _plain(row.get(name)) for field, name in self.fields.items()}
        column = self.fields["text"]
        value = cells["text"]
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            value = "\n".join(value)
        if value is None:
            raise UnreadableError(f"no text: column {column!r} is empty")
        if not isinstance(value, str):
            raise UnreadableError(f"column {column!r} holds {_kind(value)}, not text")
        value = clean_text(value)
        if not value.strip():
            raise UnreadableError(f"no text: column {column!r} is blank")
        language = _string(cells.get("language"))
        return Item(
            position, value, _string(cells.get("title")) or "", _string(cells.get("outlet")),
            to_iso(cells.get("date")), _string(cells.get("url")), language, _string(cells.get("id")),
            _string(cells.get("outlet_language")),
        )  # fmt: skip


def _plain(value: object) -> object:
    """None for every way in which tables write that nothing is there."""
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, str) and value.strip() in _NULLS:
        return None if value.strip() else value
    return value


def _string(value: object) -> str | None:
    """A short field as text: 12.0 (an id that went through pandas) is "12", {"name": "X"} is "X"."""
    if isinstance(value, Mapping):
        value = value.get("name") or value.get("title")
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return one_line(str(value)) or None
    return None


def _kind(value: object) -> str:
    return {list: "a list", dict: "an object", int: "a number", float: "a number", bool: "true/false"}.get(
        type(value), f"a {type(value).__name__}"
    )
