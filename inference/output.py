"""Writing results: what a full disk or a closed folder is to a user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from polystance.errors import OutputError


@contextmanager
def writing(out: Path, then: str) -> Iterator[None]:
    """Turns an OSError of the block into an `OutputError` that names `out` and says what to do `then`.

    Raises:
        OutputError: Something in the block could not be written.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"Writing to {out} failed: {reason}. Make room or mend permissions; {then}"
        ) from error
