"""The command line: thin commands over the library. Data goes to stdout, talk to stderr."""

from __future__ import annotations

import sys

from polystance.cli import articles, comparing, training  # noqa: F401 - adds its commands to the application
from polystance.cli.app import app
from polystance.cli.options import say
from polystance.errors import PolystanceError

__all__ = ["app", "main"]


def main() -> None:
    """Entry point: runs a command, and turns our errors into a message and an exit code."""
    try:
        app()
    except PolystanceError as error:
        say(f"polystance: {error}")
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of a pipe has gone, as in `polystance ... | head`
        sys.stderr.close()
        sys.exit(1)
