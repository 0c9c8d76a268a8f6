"""Addresses of data sets on the Hugging Face hub, their files, and what can go wrong with them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import IO, TYPE_CHECKING

from polystance.errors import HubError, InputError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_ADDRESS = re.compile(r"hf://datasets/([\w.-]+/[\w.-]+)(?:@([^/]+))?(?:/(.*))?")


@dataclass(frozen=True, slots=True)
class HubAddress:
    """A data set on the hub: all of it, a split, or a file.

    Attributes:
        repo: "user/name".
        revision: Branch, tag or commit; None for the newest.
        config: Configuration ("subset" on the hub's pages); None for the default one.
        split: None for all splits.
        file: Path of a file within the repository.
    """

    repo: str
    revision: str | None = None
    config: str | None = None
    split: str | None = None
    file: str | None = None

    @property
    def key(self) -> str:
        """The address without revision; made into ids."""
        return "/".join(filter(None, (self.repo, self.config, self.split, self.file)))

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        return f"hf://datasets/{self.repo}{revision}{self.key.removeprefix(self.repo)}"


def parse_address(given: str) -> HubAddress:
    """`hf://datasets/USER/NAME[@REVISION]` alone or with `/SPLIT`, `/CONFIG/SPLIT` or `/path/of/a.file`.

    Raises:
        InputError: It has another form.
    """
    match = _ADDRESS.fullmatch(given)
    rest = [part for part in match[3].split("/") if part] if match and match[3] else []
    if match and rest and "." in rest[-1]:
        return HubAddress(match[1], match[2], file="/".join(rest))
    if match is None or len(rest) > 2:
        raise InputError(
            f"{given!r} is no data set on the hub. Write hf://datasets/USER/NAME, and after it /SPLIT, "
            "/CONFIG/SPLIT or the path of a file, such as /data/news.jsonl."
        )
    return HubAddress(match[1], match[2], rest[0] if len(rest) == 2 else None, rest[-1] if rest else None)


@lru_cache(maxsize=256)
def commit(address: HubAddress) -> str:
    """The commit that the address stands for now; asked for once, so that a job reads one state.

    Raises:
        HubError: The hub can't be reached, or doesn't have it.
    """
    from huggingface_hub import HfApi

    with hub_errors(address):
        return str(HfApi().dataset_info(address.repo, revision=address.revision).sha)


def open_hub_file(address: HubAddress) -> io.RawIOBase:
    """A file of a data set, read from the hub piece by piece. Raises HubError as `commit` does."""
    from huggingface_hub import HfFileSystem

    revision = commit(address)
    with hub_errors(address):
        path = f"datasets/{address.repo}@{revision}/{address.file}"
        return _HubFile(HfFileSystem().open(path, "rb"), address)


class _HubFile(io.RawIOBase):
    """An open file of the hub whose troubles are `HubError`s."""

    def __init__(self, stream: IO[bytes], address: HubAddress) -> None:
        self._stream = stream
        self._address = address

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        with hub_errors(self._address):
            chunk = self._stream.read(len(view))
        view[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


@contextmanager
def hub_errors(address: HubAddress) -> Iterator[None]:
    """Turns what the hub's libraries raise into `HubError`s that say what to do."""
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        EntryNotFoundError,
        HfHubHTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    # HTTPError of httpx or of httpx2, whichever the hub library uses
    transport: type[Exception] = HfHubHTTPError.__bases__[0]
    download = f"or download it elsewhere (hf download --repo-type dataset {address.repo}) and give its path"
    try:
        yield
    except OfflineModeIsEnabled as error:
        raise HubError(
            f"{address}: the hub is switched off by HF_HUB_OFFLINE. Unset it, {download}."
        ) from error
    except RepositoryNotFoundError as error:
        raise HubError(
            f"{address}: there is no such data set at {constants.ENDPOINT}, or it isn't open to you. "
            "Check the spelling, or log in (hf auth login)."
        ) from error
    except RevisionNotFoundError as error:
        raise HubError(f"{address}: the data set has no revision {address.revision!r}.") from error
    except (FileNotFoundError, EntryNotFoundError, ValueError) as error:  # of a file, a config or a split
        raise HubError(f"{address}: {_first_line(error)}") from error
    except HfHubHTTPError as error:
        raise HubError(
            f"{address}: the hub refused ({_first_line(error)}). Try again later, {download}."
        ) from error
    except (transport, OSError) as error:
        raise HubError(
            f"{address}: {constants.ENDPOINT} can't be reached "
            f"({_first_line(error) or type(error).__name__}). Check the network, {download}."
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:300]
