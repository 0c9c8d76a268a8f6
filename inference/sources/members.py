"""Members of a gzip file, each unpacked by itself: a damaged one costs no more than what it holds."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from polystance.inference.sources.failures import UnreadableError
from polystance.inference.sources.files import check_ratio

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_START = re.compile(rb"\x1f\x8b\x08[\x00-\x1f]")  # the upper bits of the flags are reserved, and zero
_CHUNK = 1 << 16


class GzipMembers:
    """The unpacked streams of a gzip file's members, one after the other.

    Read each to its end or to its `UnreadableError` before asking for the next, which is then searched for
    by its first bytes. WARC writers pack each record as a member of its own for this.
    """

    def __init__(self, packed: io.BufferedReader) -> None:
        self._packed = packed
        self._taken = self._produced = 0
        self._rest = b""

    def __iter__(self) -> Iterator[io.BufferedReader]:
        while self._find():
            member = _Member(self)
            yield io.BufferedReader(member, _CHUNK)
            if not member.unpacker.eof:
                self._rest = self._rest[1:]  # past the start of the damaged one

    def unpack(self, unpacker: zlib._Decompress, size: int) -> bytes:
        """At most `size` further bytes of a member; none at its end.

        Raises:
            UnreadableError: It is damaged, cut off, or a bomb.
        """
        while not unpacker.eof:
            if not self._rest and not self._fill():
                raise UnreadableError("the compressed data is cut off here")
            try:
                unpacked = unpacker.decompress(self._rest, size)
            except zlib.error as error:
                raise UnreadableError(f"the compressed data is damaged here ({error})") from error
            self._rest = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
            if unpacked:
                self._produced += len(unpacked)
                check_ratio(self._taken, self._produced)
                return unpacked
        return b""

    def _find(self) -> bool:
        while not (start := _START.search(self._rest)):
            self._rest = self._rest[-3:]  # a start may be cut in two
            if not self._fill():
                return False
        self._rest = self._rest[start.start() :]
        return True

    def _fill(self) -> bool:
        chunk = self._packed.read(_CHUNK)
        self._taken += len(chunk)
        self._rest += chunk
        return bool(chunk)


class _Member(io.RawIOBase):
    def __init__(self, members: GzipMembers) -> None:
        self._members = members
        self.unpacker = zlib.decompressobj(wbits=31)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        chunk = self._members.unpack(self.unpacker, len(view))
        view[: len(chunk)] = chunk
        return len(chunk)
