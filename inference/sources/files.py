"""Files to read: found in folders and globs, opened through gzip and zstandard, with their limits."""

from __future__ import annotations

import glob
import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from polystance.errors import InputError
from polystance.inference.sources.failures import UnreadableError
from polystance.models.hub import HubAddress, open_hub_file, parse_address
from polystance.models.texts import clean_text

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_PAGE_BYTES = 100_000_000  # a page, or a .json file, is read whole
MAX_RATIO = 200  # news packs 3 to 20 to 1; a bomb packs 1000 to 1
RATIO_FREE_BYTES = 16 << 20  # small files may pack as well as they like
_PACKED = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd"}
_ZSTD_DICTIONARY = b"\x5d\x2a\x4d\x18"  # a skippable frame, as .warc.zst files of some crawlers begin with
_GLOB_SIGNS = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read.

    Attributes:
        path: Where it is; None is standard input, or `address`.
        name: As it was given, or as its folder was, with forward slashes; becomes `Article.source_file`.
        key: Its path within the folder or glob that was given; made into ids, so that these
            don't depend on where a corpus lies.
        suffix: Lower-case suffix with compression taken off, such as ".jsonl".
        packing: "gzip" or "zstd" if the suffix says so.
        address: Of a data set on the Hugging Face hub, or of a file in one.
    """

    path: Path | None
    name: str
    key: str
    suffix: str
    packing: str | None
    address: HubAddress | None = None

    @property
    def piped(self) -> bool:
        """True for standard input."""
        return self.path is None and self.address is None


def walk(inputs: Iterable[str | os.PathLike[str]]) -> list[Source]:
    """The sources behind files, folders (recursive, sorted, hidden ones skipped), globs, "-" and addresses.

    Each once, in order. The hub is not asked for anything yet.

    Links to folders are not followed, so a loop of links ends; these, links that lead nowhere, and folders
    that can't be listed are given as sources too, and become failures when they are opened. Pipes and devices
    in a folder are skipped.

    Raises:
        InputError: Nothing was given, a path does not exist, or a folder or glob holds no file.
    """
    found: list[Source] = []
    seen: set[str] = set()
    for given in inputs:
        for source in _expand(os.fspath(given)):
            place = os.path.realpath(source.path) if source.path else source.name
            if place not in seen:
                seen.add(place)
                found.append(source)
    if not found:
        raise InputError('No input was given: name files, folders, globs, or "-" for standard input.')
    return found


def _expand(given: str) -> Iterator[Source]:
    if given == "-":
        yield Source(None, "-", "stdin", "", None)
        return
    if given.startswith("hf://"):
        yield _hub(parse_address(given))
        return
    if "://" in given:
        raise InputError(
            f"{given!r} is an address: only local files and hf://datasets/USER/NAME are read. "
            "Download it and give its path."
        )
    path = Path(given)
    try:
        exists, folder = path.exists(), path.is_dir()
    except (OSError, ValueError) as error:  # name too long, or a NUL in it
        raise InputError(f"{given!r} cannot be a path ({error}). Check the spelling.") from error
    if folder:
        yield from _folder(given, path)
    elif exists:
        yield _source(path, path.name)
    elif _GLOB_SIGNS & set(given):
        matches = sorted(match for match in glob.glob(given, recursive=True) if os.path.isfile(match))
        if not matches:
            raise InputError(f"No file matches {given!r}. Check the pattern; ** matches folders in depth.")
        fixed = Path(given)
        while _GLOB_SIGNS & set(str(fixed)):
            fixed = fixed.parent
        for match in matches:
            yield _source(Path(match), os.path.relpath(match, fixed))
    else:
        raise InputError(
            f"{given!r} does not exist. Give a file, a folder, a glob in quotes, or - for stdin."
        )


def _folder(given: str, top: Path) -> Iterator[Source]:
    empty = True
    unlisted: list[OSError] = []
    for folder, folders, names in os.walk(top, onerror=unlisted.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        linked = [name for name in folders if (Path(folder) / name).is_symlink()]
        for name in sorted([*names, *linked]):
            path = Path(folder) / name
            if not name.startswith(".") and (path.is_file() or path.is_symlink()):
                empty = False
                yield _source(path, os.path.relpath(path, top))
    for error in unlisted:
        empty = False
        path = Path(error.filename)
        yield _source(path, os.path.relpath(path, top))
    if empty:
        raise InputError(
            f"The folder {given!r} holds no files (hidden ones are skipped). Give another folder."
        )


def _source(path: Path, key: str) -> Source:
    return Source(path, clean_text(path.as_posix()), clean_text(Path(key).as_posix()), *_suffix(path))


def _hub(address: HubAddress) -> Source:
    suffix, packing = _suffix(PurePosixPath(address.file)) if address.file else ("", None)
    return Source(None, str(address), address.key, suffix, packing, address)


def _suffix(path: PurePath) -> tuple[str, str | None]:
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    packing = _PACKED.get(suffixes[-1]) if suffixes else None
    if packing:
        suffixes.pop()
    return suffixes[-1] if suffixes else "", packing


class _Unpacked(io.RawIOBase):
    """Bytes of a packed stream, with damage and bombs turned into `UnreadableError`."""

    def __init__(self, packed: IO[bytes], packing: str) -> None:
        self._packed = _Counted(packed)
        self._produced = 0
        self._stream = self._gzip() if packing == "gzip" else self._zstd()

    def _gzip(self) -> IO[bytes]:
        return cast(IO[bytes], gzip.GzipFile(fileobj=cast(IO[bytes], self._packed), mode="rb"))

    def _zstd(self) -> IO[bytes]:
        import zstandard

        unpacker = zstandard.ZstdDecompressor(
            max_window_size=1 << 27
        )  # 128 MiB, the most that zstd -T0 -19 makes
        return cast(IO[bytes], unpacker.stream_reader(cast(IO[bytes], self._packed), read_across_frames=True))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        from zstandard import ZstdError

        view = memoryview(buffer).cast("B")
        try:
            chunk = self._stream.read(len(view))
        except (EOFError, gzip.BadGzipFile, zlib.error, ZstdError) as error:
            raise UnreadableError(f"the compressed data is damaged or cut off here ({error})") from error
        self._produced += len(chunk)
        check_ratio(self._packed.count, self._produced)
        view[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        if not self.closed:
            self._packed.close()
        super().close()


def check_ratio(packed: int, unpacked: int) -> None:
    """Raise UnreadableError if so many packed bytes gave so many that it must be a bomb."""
    if unpacked > RATIO_FREE_BYTES and unpacked > MAX_RATIO * packed:
        raise UnreadableError(f"unpacks to more than {MAX_RATIO} times its size; unpack it yourself if sure")


class _Counted(io.RawIOBase):
    """A stream that counts the bytes read from it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        chunk = self._stream.read(len(view))
        self.count += len(chunk)
        view[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


class _Piped(io.RawIOBase):
    """Standard input as it comes, so that a slow writer's rows are labelled while it writes.

    Only at first two whole lines are waited for, since what the input is can't be told from less.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lines = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(view):
            chunk = self._stream.read1(len(view) - filled)  # type: ignore[attr-defined]
            view[filled : filled + len(chunk)] = chunk
            filled += len(chunk)
            self._lines += chunk.count(b"\n")
            if not chunk or self._lines > 1:
                break
        return filled


def open_packed(source: Source) -> tuple[io.BufferedReader, str | None]:
    """The bytes of a file as they are, and how they are packed, which their first bytes tell.

    Raises:
        UnreadableError: The file cannot be opened, or is not packed as its name says.
        HubError: It is on the hub, which can't be reached or doesn't have it.
    """
    if source.path is not None and source.path.is_dir():
        raise UnreadableError(
            "a link to a folder, or a folder that can't be listed: check its permissions, or give the folder "
            "itself as an input"
        )
    stream: io.BufferedReader
    try:
        if source.address:
            stream = io.BufferedReader(open_hub_file(source.address), 1 << 16)
        elif source.path:
            stream = io.BufferedReader(source.path.open("rb", buffering=0), 1 << 16)
        else:
            stream = io.BufferedReader(_Piped(sys.stdin.buffer), 1 << 16)
    except OSError as error:
        raise UnreadableError(f"cannot be opened: {error.strerror}") from error
    magic = stream.peek(4)[:4]
    if magic == _ZSTD_DICTIONARY:
        raise UnreadableError(
            "zstandard data that needs the dictionary at its start; unpack it with zstd first"
        )
    packing = {b"\x1f\x8b": "gzip", b"\x28\xb5": "zstd"}.get(magic[:2])
    if packing == "zstd" and magic != b"\x28\xb5\x2f\xfd":
        packing = None
    if packing is None and source.packing and magic:
        stream.close()
        raise UnreadableError(f"its name says {source.packing}, but it isn't; rename it")
    return stream, packing


def unpacked(stream: io.BufferedReader, packing: str | None) -> io.BufferedReader:
    """The stream, unpacked as `open_packed` says, whatever its name says."""
    return io.BufferedReader(_Unpacked(stream, packing), 1 << 16) if packing else stream


def read_whole(stream: io.BufferedReader, *, limit: int = MAX_PAGE_BYTES) -> bytes:
    """All bytes of a page or .json file.

    Raises:
        UnreadableError: It is longer than `limit`, or damaged.
    """
    data = stream.read(limit + 1)
    if len(data) > limit:
        raise UnreadableError(f"longer than {limit:,} bytes; split it, or save the rows as .jsonl")
    return data
