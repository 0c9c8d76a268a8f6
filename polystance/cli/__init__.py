"""The command line: thin commands over the library. Data goes to stdout, talk to stderr."""

from __future__ import annotations

import os
import sys
from typing import Final

from polystance.cli import articles, comparing, publishing, training  # noqa: F401 - adds its commands to the application
from polystance.cli.app import app
from polystance.cli.options import say
from polystance.errors import PolystanceError

__all__ = ["app", "main"]

# Read by these libraries as they load; a value that is set already stays. oneDNN, and torch above it, keep a
# compiled kernel for each shape of a batch, 1,024 of them by default: hundreds of MiB over a long job, for a
# few percent of its time. Arrow's own allocator keeps what it frees from the rest of the program.
_MEMORY: Final = {
    "LRU_CACHE_CAPACITY": "128",
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "256",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}


def main() -> None:
    """Entry point: runs a command, and turns our errors into a message and an exit code."""
    for name, value in _MEMORY.items():
        os.environ.setdefault(name, value)
    try:
        app()
    except PolystanceError as error:
        say(f"polystance: {error}")
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of a pipe has gone, as in `polystance ... | head`
        sys.stderr.close()
        sys.exit(1)
