"""Saved HTML pages: the article by trafilatura, its title, site and time by what the page declares."""

from __future__ import annotations

import re
from collections.abc import Mapping

from polystance.inference.sources.dates import to_iso
from polystance.inference.sources.failures import UnreadableError
from polystance.inference.sources.items import Item
from polystance.inference.sources.noise import clean_body
from polystance.models.texts import clean_text, one_line

_DATE_KEYS = ("article:published_time", "og:published_time", "datepublished", "publishdate", "pubdate",
              "publish_time", "publishtime", "weibo: article:create_at", "dc.date", "date")  # fmt: skip
_TITLE_KEYS = ("og:title", "twitter:title", "dc.title")
_SITE_KEYS = ("og:site_name", "application-name", "dc.publisher", "mediaid")
_URL_KEYS = ("og:url", "twitter:url")
_JSON_DATE = re.compile(r'"datePublished"\s*:\s*"([^"]{8,40})"')
_LOOKS_HTML = re.compile(
    r"^\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->).){0,500}-->\s*)*"
    r"<(?:!doctype html|html|head|body|article|div)\b",
    re.IGNORECASE | re.DOTALL,
)

# libxml2 compares every attribute of a tag with all before it: 100,000 of them take minutes.
_ATTRIBUTES = re.compile(
    r"""<[a-z][^\s>/]*+(?:[\s/]*+[^\s>/=]++(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>"']++))?+){1000}""",
    re.IGNORECASE,
)
MAX_HTML = 20_000_000  # characters; the extraction of an article takes about a minute for as many


def looks_html(text: str) -> bool:
    """True if the text begins like an HTML page."""
    return bool(_LOOKS_HTML.match(text[:2000].lstrip("\ufeff")))


def read_html(text: str) -> Item:
    """The article of an HTML page, however malformed.

    Raises:
        UnreadableError: The page is empty, holds no article, or is longer than `MAX_HTML`.
    """
    from trafilatura import bare_extraction

    text = clean_text(text)
    if not text.strip():
        raise UnreadableError("empty")
    if len(text) > MAX_HTML:
        raise UnreadableError(f"HTML of more than {MAX_HTML:,} characters; save its text as .txt")
    if _ATTRIBUTES.search(text):
        raise UnreadableError("HTML with a tag of 1,000 attributes or more; save its text as .txt")
    found = bare_extraction(text, with_metadata=True, include_comments=False, include_tables=False)
    body = clean_body(getattr(found, "text", None) or "")
    if not body:
        raise UnreadableError(
            "no article text found in the HTML; save the article's own page, or its text as .txt"
        )
    declared = _declared(text)
    title = _first(declared, _TITLE_KEYS) or getattr(found, "title", None) or ""
    title = one_line(title)
    head, newline, rest = body.partition("\n")
    if newline and one_line(head) == title:
        body = rest
    site = (
        _first(declared, _SITE_KEYS) or getattr(found, "sitename", None) or getattr(found, "hostname", None)
    )
    exact = _JSON_DATE.search(text)
    # trafilatura gives the day only, so what the page declares comes first
    dates = (_first(declared, _DATE_KEYS), exact[1] if exact else None, getattr(found, "date", None))
    published = next((iso for iso in map(to_iso, dates) if iso), None)
    url = _first(declared, ("canonical", *_URL_KEYS)) or getattr(found, "url", None)
    return Item(1, body, title, one_line(site) if site else None, published, url)


def _declared(text: str) -> dict[str, str]:
    """What <meta> and <link rel=canonical> say, keyed in lower case; the first of each name wins."""
    from trafilatura import load_html

    page = load_html(text)
    if page is None:
        return {}
    declared: dict[str, str] = {}
    for meta in page.iter("meta"):
        key = meta.get("property") or meta.get("name") or meta.get("itemprop")
        if key and meta.get("content"):
            declared.setdefault(key.strip().lower(), meta.get("content"))
    for link in page.iter("link"):
        if link.get("rel") == "canonical" and link.get("href", "").startswith("http"):
            declared.setdefault("canonical", link.get("href"))
    return declared


def _first(declared: Mapping[str, str], keys: tuple[str, ...]) -> str | None:
    return next((clean_text(declared[key]).strip() for key in keys if declared.get(key, "").strip()), None)
