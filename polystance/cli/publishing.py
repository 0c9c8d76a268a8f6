"""Commands that publish a checkpoint: card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polystance.cli.app import app

Checkpoint = Annotated[
    str | None, typer.Argument(help="Folder of a checkpoint; the bundled one if left out.", metavar="[MODEL]")
]


@app.command()
def card(
    model: Checkpoint = None,
    show: Annotated[bool, typer.Option("--print", help="Print the card and write nothing.")] = False,
) -> None:
    """Write the model card of a checkpoint, README.md in its folder, from the results that lie there."""
    from polystance.models.checkpoint import resolve
    from polystance.training.card import render_card, write_card

    folder: Path = resolve(model)
    print(render_card(folder) if show else write_card(folder))
