"""Data that ships: country names, outlets, and the sample corpus with its gold labels."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable


def resource(name: str) -> Traversable:
    """A file or folder of this package's data, such as "outlets.jsonl" or "articles"."""
    return files(__name__) / name
