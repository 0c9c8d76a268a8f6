"""An item: what a reader found in a file, before outlet, language and id are worked out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Item:
    """Fields as the source gives them.

    Attributes:
        position: 1-based line in line formats, 1-based number of the item elsewhere.
        text: Body; never blank.
        published: ISO 8601, or None.
        id: As given, or None.
        outlet_language: As given, or None.
    """

    position: int
    text: str
    title: str = ""
    outlet: str | None = None
    published: str | None = None
    url: str | None = None
    language: str | None = None
    id: str | None = None
    outlet_language: str | None = None
