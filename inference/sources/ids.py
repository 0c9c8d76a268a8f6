"""Article ids that are unique within a run, in little memory."""

from __future__ import annotations

from array import array
from hashlib import blake2b

_EMPTY = 0
_FIRST_SLOTS = 1 << 12


class IdRegistry:
    """The ids given out so far, as 64-bit hashes in an open-addressed table: 16 to 32 bytes an id.

    Ten million ids take 268 MB, and half as much again for the moment in which the table doubles; a Python
    set of strings takes above 1 GB. Two different ids with one hash (odds of 3 in a million over ten million
    ids) cost the second a suffix that it didn't need.
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * _FIRST_SLOTS))
        self._count = 0

    def unique(self, wanted: str, place: str) -> str:
        """`wanted` if it is new; else made unique by where it comes from: "a17" again is "a17@b.csv:4".

        The same inputs in the same order always give the same ids.
        """
        candidate, again = wanted, 1
        while not self._add(candidate):
            candidate = f"{wanted}@{place}" if again == 1 else f"{wanted}@{place}~{again}"
            again += 1
        return candidate

    def _add(self, name: str) -> bool:
        """True if the name was new."""
        digest = int.from_bytes(
            blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little"
        )
        if not self._insert(digest or 1):
            return False
        self._count += 1
        if self._count * 2 > len(self._slots):
            old = self._slots
            self._slots = array("Q", bytes(16 * len(old)))
            for value in old:
                if value != _EMPTY:
                    self._insert(value)
        return True

    def _insert(self, value: int) -> bool:
        mask = len(self._slots) - 1
        slot = value & mask
        while self._slots[slot] != _EMPTY:
            if self._slots[slot] == value:
                return False
            slot = (slot + 1) & mask
        self._slots[slot] = value
        return True
