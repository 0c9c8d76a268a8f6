"""What could not be read: the public record of it, and the exception that carries it inside this package."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Failure:
    """A row or a file that did not become an article.

    Attributes:
        source: The file, written as `Article.source_file` is.
        line: 1-based line of a line format, 1-based number of the item elsewhere; None for a whole file.
        reason: What was found, and what to do about it where something can be done.
    """

    source: str
    line: int | None
    reason: str


class UnreadableError(Exception):
    """Raised inside the readers, never out of them: from here on the file cannot be read.

    `line` is where reading stopped, if that is known.
    """

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
