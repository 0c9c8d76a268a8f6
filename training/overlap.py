"""Telling whether a text repeats part of another: nothing that is tested on may be trained on."""

from __future__ import annotations

from collections.abc import Iterable

_LENGTH = {
    "latin": 48,
    "other": 20,
}  # letters and digits in a row; a Chinese one says as much as two or three


class HeldOut:
    """Texts that must not be trained on.

    A text is in it if it shares a run of 48 letters and digits with one of them (20 where most are not
    Latin), blanks, punctuation and case aside, or all of it if it is shorter.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._runs: set[str] = set()
        for text in texts:
            self._runs.update(_runs(text))

    def __contains__(self, text: str) -> bool:
        return any(run in self._runs for run in _runs(text))


def letters_and_digits(text: str) -> tuple[str, str]:
    """The letters and digits of a text in small letters, and whether most are "latin" or "other"."""
    key = "".join(c for c in text.lower() if c.isalnum())
    return key, "latin" if 2 * sum(c < "\u0250" for c in key) > len(key) else "other"


def _runs(text: str) -> Iterable[str]:
    key, script = letters_and_digits(text)
    length = _LENGTH[script]
    return (key[i : i + length] for i in range(max(1, len(key) - length + 1))) if key else ()
