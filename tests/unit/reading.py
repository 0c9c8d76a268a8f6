"""What the readers make of files, for the tests of each kind of file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from polystance.errors import InputError
from polystance.inference.sources import Failure, read_articles
from polystance.models.records import Article


def read(*inputs: str | Path, **options: Any) -> tuple[list[Article], list[Failure]]:
    """Articles and failures; the InputError after failures alone is swallowed."""
    articles: list[Article] = []
    failures: list[Failure] = []
    try:
        for found in read_articles([str(item) for item in inputs], **options):
            if isinstance(found, Failure):
                failures.append(found)
            else:
                articles.append(found)
    except InputError:
        assert failures
        assert not articles
    return articles, failures
