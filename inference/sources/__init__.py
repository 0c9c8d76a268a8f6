"""From source files to articles: `read_articles` yields an `Article` or a `Failure` for all that it finds."""

from __future__ import annotations

from .articles import read_articles
from .failures import Failure

__all__ = ["Failure", "read_articles"]
