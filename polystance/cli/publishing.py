"""Commands that publish a checkpoint: card, push."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polystance.cli.app import app
from polystance.cli.options import say

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


@app.command()
def push(
    repo_id: Annotated[str, typer.Option("--repo-id", help="Repository on the hub: user/name.")],
    model: Checkpoint = None,
    private: Annotated[
        bool | None,
        typer.Option("--private/--public", help="Of a new repository. Left out: the account's default."),
    ] = None,
    revision: Annotated[
        str | None, typer.Option(help="Branch, made if there is none; main if left out.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would go up, and the card; send nothing.")
    ] = False,
) -> None:
    """Upload a checkpoint with its card to the Hugging Face hub; prints its address and commit."""
    from polystance.models.checkpoint import resolve
    from polystance.training.publishing import publication_files, publish

    folder: Path = resolve(model)
    if dry_run:
        files = publication_files(folder)
        for name, path in files.items():
            print(f"{path.stat().st_size:>12,} {name}")
        print(f"\n{(folder / 'README.md').read_text(encoding='utf-8')}", end="")
        say(f"{len(files)} files would go to {repo_id}; nothing was sent.")
        return
    made = publish(folder, repo_id, private=private, revision=revision)
    print(made.url, made.commit)
    say(f'StanceClassifier.from_pretrained("{repo_id}", revision="{made.commit}")')
