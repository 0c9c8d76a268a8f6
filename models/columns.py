"""Which column of a table holds what: guessed from common names in English and Chinese, or given."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

# Most telling name first; compared without case, width, spaces, hyphens and underscores.
ARTICLE_NAMES: Final[Mapping[str, str]] = {
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
_NULLS: Final = frozenset(
    {"", "nan", "NaN", "NAN", "null", "NULL", "None", "NA", "N/A", "n/a", "#N/A", "<NA>"}
)


def normal(name: str) -> str:
    """A column name for comparison."""
    return re.sub(r"[\s_\-.:：]+", "", unicodedata.normalize("NFKC", name)).casefold()


def guess_columns(
    names: Iterable[str], given: Mapping[str, str], known: Mapping[str, str] = ARTICLE_NAMES
) -> dict[str, str]:
    """Field -> column, for every field that was given or has a column of a usual name.

    Args:
        names: The columns there are.
        given: Field -> column, which wins; each must be among `names`.
        known: Field -> usual names, most telling first; a column serves one field.
    """
    fields = dict(given)
    taken = set(fields.values())
    by_normal: dict[str, str] = {}
    for name in names:
        by_normal.setdefault(normal(name), name)
    for field, usual in known.items():
        if field not in fields:
            for name in usual.split():
                if name in by_normal and by_normal[name] not in taken:
                    fields[field] = by_normal[name]
                    taken.add(fields[field])
                    break
    return fields


def plain_cell(value: object) -> object:
    """None for every way in which tables write that nothing is there."""
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, str) and value.strip() in _NULLS:
        return None if value.strip() else value
    return value
