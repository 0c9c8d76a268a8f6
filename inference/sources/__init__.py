"""From source files to articles: `read_articles` yields an `Article` or a `Failure` for all that it finds."""

from __future__ import annotations

from polystance.inference.sources.articles import read_articles
from polystance.inference.sources.failures import Failure

__all__ = ["Failure", "read_articles"]
