"""Labels as CSV and JSON Lines, and the filter that writes them to a pipe."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polystance.errors import UsageError
from polystance.inference import filter as filter_module
from polystance.inference import labelfile
from polystance.inference.classifier import StanceClassifier
from polystance.inference.filter import filter_articles
from polystance.inference.labelfile import CSV_COLUMNS, check_format
from polystance.inference.sources import Failure
from polystance.models.records import Article, ArticleLabels, Evidence, StanceLabel, ToneLabel
from tests.unit.tiny import ENGLISH

THIRDS = {"favor": 1 / 3, "neutral": 1 / 3, "against": 1 / 3}


def labels_of(title: str, evidence: str, targets: tuple[str, ...] = ("US", "CN")) -> ArticleLabels:
    return ArticleLabels(
        Article("a", evidence, title, outlet=title, url=title),
        {t: StanceLabel(t, "neutral", THIRDS, ("neutral", "favor"), 1, 1, 9, Evidence(evidence, 0, 1))
         for t in targets},
        ToneLabel("neutral", {"positive": 0.2, "neutral": 0.6, "negative": 0.2}),
        ("economic", "political"),
        {},
    )  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20))
def test_any_text_comes_back_and_no_cell_runs(text: str) -> None:
    labels = [labels_of(f"={text}", text)]
    written = labelfile.head("csv") + labelfile.body(labels, "csv")
    rows = list(csv.reader(io.StringIO(written.removeprefix("\ufeff"), newline="")))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert [len(row) for row in rows] == [len(CSV_COLUMNS)] * 3
    for row in rows[1:]:
        cells = dict(zip(CSV_COLUMNS, row, strict=True))
        shown = text.replace("\r", "\n")
        assert cells["title"] == cells["outlet"] == f"'={shown}"
        assert cells["evidence"].removeprefix("'") == shown.removeprefix("'")
        assert not cells["evidence"].startswith(("=", "+", "-", "@", "\t", "\r"))
        assert (cells["p_favor"], cells["plausible"]) == ("0.3333", "neutral favor")
    line = labelfile.body(labels, "jsonl")
    assert line.count("\n") == 1
    found = json.loads(line)
    assert (found["title"], found["stances"][1]["evidence"]["text"]) == (f"={text}", text)


def test_an_article_without_targets_has_a_line_and_no_row() -> None:
    labels = [labels_of("t", "e", ())]
    assert labelfile.body(labels, "csv") == ""
    assert json.loads(labelfile.body(labels, "jsonl"))["stances"] == []


def test_other_formats_are_named() -> None:
    assert check_format("csv") == "csv"
    with pytest.raises(UsageError, match="csv or jsonl"):
        check_format("xlsx")


def test_each_batch_is_out_before_the_next_is_read(
    classifier: StanceClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filter_module, "BATCH", 2)
    out, failed, seen = io.StringIO(), [], []

    def items() -> Iterator[Article | Failure]:
        for number in range(6):
            seen.append(out.getvalue().count("\n"))
            yield Article(str(number), ENGLISH[0]) if number != 1 else Failure("-", 2, "broken")

    done = filter_articles(classifier, items(), out, failed=failed.append)
    assert seen == [0, 0, 0, 2, 2, 4]
    assert [json.loads(line)["article_id"] for line in out.getvalue().splitlines()] == list("02345")
    assert (done.articles, done.failures, [f.line for f in failed]) == (5, 1, [2])
