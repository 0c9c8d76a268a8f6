from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from polystance.inference.classifier import StanceClassifier
from polystance.inference.tables import (
    ARTICLES,
    SCHEMA_VERSION,
    STANCES,
    articles_table,
    stances_table,
)
from polystance.models.records import Article, ArticleLabels
from tests.unit.tiny import CHINESE, ENGLISH

INPUTS = [
    Article(
        "a",
        ENGLISH[1],
        title="Ferry late",
        outlet="Reuters",
        url="https://a.example/1",
        published="2025-03-02",
    ),
    Article("b", "", title="China waits", source_file="news.csv", source_position=4),
    Article("c", CHINESE[2]),
]


@pytest.fixture(scope="module")
def labels(classifier: StanceClassifier) -> list[ArticleLabels]:
    return [r for a in INPUTS for r in classifier.classify(a, "auto" if a.id == "c" else ["CN", "JP"])]


@pytest.mark.parametrize("name", ["articles", "stances"])
def test_tables_round_trip_through_parquet(labels: list[ArticleLabels], tmp_path: Path, name: str) -> None:
    build, schema = {"articles": (articles_table, ARTICLES), "stances": (stances_table, STANCES)}[name]
    for chosen in (labels, []):
        table: pa.Table = build(chosen)
        pq.write_table(table, tmp_path / "t.parquet")
        back = pq.read_table(tmp_path / "t.parquet")
        assert back.equals(table)
        assert back.schema.equals(schema)
        assert back.schema.metadata[b"polystance_schema"].decode() == SCHEMA_VERSION
        back.validate(full=True)


def test_article_rows(labels: list[ArticleLabels]) -> None:
    rows = articles_table(labels).to_pylist()
    assert [r["article_id"] for r in rows] == ["a", "b", "c"]
    for row, item in zip(rows, labels, strict=True):
        assert row["p_negative"] == pytest.approx(item.tone.probabilities["negative"])
        assert (row["tone"], row["frames"]) == (item.tone.label, list(item.frames))
        assert (row["windows"], row["tokens"]) == (item.windows, item.tokens)
    first, second, third = rows
    assert (first["outlet_language"], first["text_language"], first["published"]) == (
        "en",
        "en",
        "2025-03-02",
    )
    assert (second["source_file"], second["source_position"], second["outlet"]) == ("news.csv", 4, None)
    assert third["text_language"] == "zh"


def test_stance_rows(labels: list[ArticleLabels]) -> None:
    rows = stances_table(labels).to_pylist()
    assert [(r["article_id"], r["target"]) for r in rows] == [
        ("a", "CN"),
        ("a", "JP"),
        ("b", "CN"),
        ("b", "JP"),
    ]
    for row in rows:
        assert row["p_favor"] + row["p_neutral"] + row["p_against"] == pytest.approx(1, abs=1e-6)
        assert row["score"] == pytest.approx(row["p_favor"] - row["p_against"], abs=1e-6)
    in_body, absent, in_title, _ = rows
    assert in_body["evidence"] == ENGLISH[1][in_body["evidence_start"] : in_body["evidence_end"]]
    assert (absent["mentions"], absent["evidence"], absent["evidence_start"]) == (0, None, None)
    assert (in_title["evidence"], in_title["evidence_start"], in_title["evidence_end"]) == (
        "China waits", None, None,
    )  # fmt: skip
