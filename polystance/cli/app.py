"""The application that commands are added to, with its help and version."""

from __future__ import annotations

from typing import Annotated

import typer

from polystance import __version__

app = typer.Typer(
    name="polystance",
    help="How news in Chinese and English presents countries, and how the two press worlds differ.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if version:
        print(f"polystance {__version__}")
        raise typer.Exit
