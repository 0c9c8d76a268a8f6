"""Text of the corpus made safe to show: in a page, in a terminal, behind a link."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

# Control characters have no place in a page, and bidi controls of a headline could reorder what follows it.
_UNSEEN: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)


def clean(text: object) -> str:
    """Text of the corpus without control characters; missing text is empty."""
    return _UNSEEN.sub("", text) if isinstance(text, str) else ""


def web_address(url: object) -> str | None:
    """The address if a click on it can only open a web page, else None."""
    address = clean(url).strip()
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return address if parts.scheme in ("http", "https") and parts.netloc else None
