"""Cells of the corpus that a spreadsheet can open without running them."""

from __future__ import annotations

from typing import Final

# A spreadsheet may run a cell that starts with these; the wide ones in Chinese and Japanese locales.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def inert(value: object) -> object:
    """The value; text that a spreadsheet would run as a formula gets a leading apostrophe."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def original(text: str) -> str:
    """Text as it was before `inert`."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text
