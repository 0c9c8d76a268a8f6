"""What could not be read: the public record of it, and the exception that carries it inside this package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from polystance.models.texts import one_line

MAX_REASON: Final = 500  # characters: a reason quotes its input, which may name a column with a megabyte


@dataclass(frozen=True, slots=True)
class Failure:
    """A row or a file that did not become an article.

    Attributes:
        source: The file, written as `Article.source_file` is.
        line: 1-based line of a line format, 1-based number of the item elsewhere; None for a whole file.
        reason: What was found, and what to do about it where something can be done; one line of at most
            `MAX_REASON` characters that any writer and terminal accepts, whatever input it quotes.
    """

    source: str
    line: int | None
    reason: str

    def __post_init__(self) -> None:
        reason = one_line(self.reason[: 2 * MAX_REASON])
        short = reason if len(reason) <= MAX_REASON else f"{reason[: MAX_REASON - 1]}…"
        object.__setattr__(self, "reason", short)


class UnreadableError(Exception):
    """Raised inside the readers, never out of them: from here on the file cannot be read.

    `line` is where reading stopped, if that is known.
    """

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
