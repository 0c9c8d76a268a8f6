"""The sample corpus: the readers give back exactly its gold articles, and its labels are consistent."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from polystance.inference.sources import Failure, read_articles
from polystance.models.labels import FRAMES, STANCES, TONES
from polystance.models.records import Article

SEEDS = Path(__file__).parents[2] / "seeds"
# What pages hold besides their articles; none of it may be left in a text.
NOISE = (
    "{{", "}}", "\ufffd", "[1]", "Search documents", "Core Viewpoint", "Related articles", "Most read",
    "Popular Articles", "You may also like", "Disclaimer", "Copyright", "All rights reserved", "Quelle:",
    "Source:", "Weiter zum", "相关阅读", "相关文章", "相關文章", "延伸阅读", "热门文章", "更多新闻",
    "免责声明", "版权", "責任編輯", "责任编辑", "本文转自", "newsletter", "<p>", "**", "](",
)  # fmt: skip


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SEEDS / name).read_text(encoding="utf-8").splitlines()]


Places = dict[tuple[str, int | None], Article]
GOLD = rows("labels.jsonl")
IDS = [row["id"] for row in GOLD]


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def found() -> list[Article | Failure]:
    return list(read_articles(SEEDS / "articles"))


@pytest.fixture(scope="module")
def by_place(found: list[Article | Failure]) -> Places:
    return {
        (Path(item.source_file or "").name, item.source_position): item
        for item in found
        if isinstance(item, Article)
    }


def test_nothing_fails_and_nothing_is_made_up(found: list[Article | Failure], by_place: Places) -> None:
    assert [item for item in found if isinstance(item, Failure)] == []
    assert len(found) == len(GOLD)
    assert set(by_place) == {(row["source_file"], row["position"]) for row in GOLD}


@pytest.mark.parametrize("row", GOLD, ids=IDS)
def test_article_is_read_as_it_is(row: dict[str, Any], by_place: Places) -> None:
    article = by_place[row["source_file"], row["position"]]
    assert flat(article.title) == flat(row["title"])
    assert article.outlet == row["outlet"]
    assert article.outlet_language == row["outlet_language"]
    assert article.language == row["lang"]
    assert (article.published or "")[:10] == row["published"][:10]
    assert flat(article.text) == flat(row["text"])
    assert [mark for mark in NOISE if mark in article.text] == []


@pytest.mark.parametrize("row", GOLD, ids=IDS)
def test_times_and_paragraphs_are_kept(row: dict[str, Any], by_place: Places) -> None:
    article = by_place[row["source_file"], row["position"]]
    assert article.published == row["published"]
    found, wanted = ([flat(line) for line in text.split("\n")] for text in (article.text, row["text"]))
    assert found == wanted


@pytest.mark.parametrize("row", GOLD, ids=IDS)
def test_labels_agree_with_themselves(row: dict[str, Any]) -> None:
    assert set(row["stance"].values()) <= set(STANCES)
    assert row["tone"] in TONES
    assert len(row["frames"]) == len(set(row["frames"])) <= 3
    assert set(row["frames"]) <= set(FRAMES)
    assert {mention["target"] for mention in row["mentions"]} == set(row["stance"])
    last = {"title": 0, "text": 0}
    for mention in row["mentions"]:
        assert last[mention["field"]] <= mention["start"] < mention["end"] <= len(row[mention["field"]])
        last[mention["field"]] = mention["end"]
    assert set(row["evidence"]) == {target for target, label in row["stance"].items() if label != "neutral"}
    for quote in row["evidence"].values():
        assert quote in row["text"]
    assert [mark for mark in NOISE if mark in row["title"] + row["text"]] == []


def test_corpus_covers_both_languages() -> None:
    assert sorted(IDS) == IDS
    assert len(set(IDS)) == len(IDS)
    languages: dict[str, set[str]] = defaultdict(set)
    outlets: dict[str, set[str]] = defaultdict(set)
    for row in GOLD:
        languages[row["event"]].add(row["outlet_language"])
        outlets[row["outlet_language"]].add(row["outlet"])
    assert all(count >= 36 for count in Counter(row["outlet_language"] for row in GOLD).values())
    assert sum(found == {"zh", "en"} for found in languages.values()) >= 14
    assert set(outlets) == {"zh", "en"}
    assert all(len(names) >= 6 for names in outlets.values())
    for target in ("US", "CN", "RU"):
        labels = Counter(row["stance"].get(target) for row in GOLD)
        assert min(labels[label] for label in ("favor", "against", "neutral")) >= 5, target


def test_events_are_dated_and_used() -> None:
    events = {event["event"]: event for event in rows("events.jsonl")}
    assert set(events) == {row["event"] for row in GOLD}
    for row in GOLD:
        event = events[row["event"]]
        assert event["title_en"]
        assert event["title_zh"]
        assert event["start"] <= event["end"]
        assert event["start"] <= row["published"][:10], row["id"]


def test_every_file_is_in_the_readme_and_every_outlet_in_the_registry() -> None:
    readme = (SEEDS / "README.md").read_text(encoding="utf-8")
    files = {path.name for path in (SEEDS / "articles").iterdir()}
    assert files == {row["source_file"] for row in GOLD}
    assert [name for name in sorted(files) if f"`{name}`" not in readme] == []
    registry = {outlet["name"]: outlet["language"] for outlet in rows("outlets.jsonl")}
    assert all(registry[row["outlet"]] == row["outlet_language"] for row in GOLD)
