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
            key = _key(text)
            self._runs.update(_runs(key))

    def __contains__(self, text: str) -> bool:
        return any(run in self._runs for run in _runs(_key(text)))


def _key(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())


def _runs(key: str) -> Iterable[str]:
    latin = 2 * sum(c < "\u0250" for c in key) > len(key)
    length = _LENGTH["latin" if latin else "other"]
    return (key[i : i + length] for i in range(max(1, len(key) - length + 1))) if key else ()
