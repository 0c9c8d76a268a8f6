"""What has to hold for whatever a reader is given: only articles and failures, each fit for any writer."""

from __future__ import annotations

from pathlib import Path

from polystance.inference.sources import Failure
from polystance.models.records import Article
from polystance.models.texts import clean_text, one_line
from tests.unit.reading import read

SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".txt", ".md", ".html", ".gz", ".zst", "")


def accounted(path: Path, **options: str) -> tuple[list[Article], list[Failure]]:
    """What `path` is read as. AssertionError if anything is silent, unfit to be written, or there twice."""
    articles, failures = read(path, **options)
    assert articles or failures
    assert len({article.id for article in articles}) == len(articles)
    for article in articles:
        assert article.text.strip()
        assert article.text == clean_text(article.text)
        for value in (article.id, article.title, article.outlet, article.url, article.published):
            assert value is None or value == clean_text(value)
        assert article.source_position >= 1
    for failure in failures:
        assert failure.reason.strip()
        assert failure.reason == one_line(failure.reason)
        failure.reason.encode("utf-8")
        assert failure.line is None or failure.line >= 1
    return articles, failures
