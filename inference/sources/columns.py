"""Which column of a table holds what: guessed from common names in English and Chinese, or given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from polystance.errors import UsageError
from polystance.inference.sources.dates import to_iso
from polystance.inference.sources.failures import UnreadableError
from polystance.inference.sources.items import Item
from polystance.models.columns import ARTICLE_NAMES, guess_columns, plain_cell
from polystance.models.texts import clean_text, one_line

FIELDS = tuple(ARTICLE_NAMES)
TEXT_NAMES = frozenset(ARTICLE_NAMES["text"].split())


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
        for field, name in given.items():
            if name not in names:
                raise UnreadableError(f"no column {name!r} (given for {field}); columns found: {found}")
        fields = guess_columns(names, given)
        if "text" not in fields:
            raise UnreadableError(f"no text column; columns found: {found}. Name it with --column text=NAME")
        return cls(fields)

    def item(self, row: Mapping[str, object], position: int) -> Item:
        """The item in a row.

        Raises:
            UnreadableError: The text is missing, empty or not text.
        """
        cells = {field: plain_cell(row.get(name)) for field, name in self.fields.items()}
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
