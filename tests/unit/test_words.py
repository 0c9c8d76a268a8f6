"""Words that mark a target."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from polystance.inference.observations import Observations
from polystance.inference.words import log_odds, marking_words, words_of
from polystance.models.records import Article, ArticleLabels, ToneLabel
from tests.unit.synthetic_run import stance


def test_log_odds_against_scattertext() -> None:
    """The values of scattertext 0.2.2 for these counts, with a prior scaled to 500 words."""
    first = np.array([10.0, 3.0, 0.0, 7.0, 25.0])
    second = np.array([2.0, 8.0, 5.0, 7.0, 40.0])
    prior = np.array([6.0, 5.5, 2.5, 7.0, 32.5])
    prior *= 500 / prior.sum()
    assert log_odds(first, second, prior) == pytest.approx(SCATTERTEXT, abs=1e-9)


SCATTERTEXT = [0.942800627955, -0.321863294229, -0.598335979893, 0.198259488347, -0.287646851582]


def test_words() -> None:
    assert words_of("The U.S. didn’t sell 300 state-of-the-art chips; China's envoy said so.", "en") == [
        "didn't", "sell", "state-of-the-art", "chips", "china", "envoy",
    ]  # fmt: skip
    assert "關稅" not in words_of("美國宣布加徵關稅。", "zh")
    assert "关税" in words_of("美國宣布加徵關稅。", "zh")


def article(number: int, language: str, outlet: str, text: str) -> ArticleLabels:
    return ArticleLabels(
        Article(f"a{number:03d}", text, "", outlet, language, language, "2025-06-01"),
        {"US": stance("US", 0.1)},
        ToneLabel("neutral", {"positive": 0.1, "neutral": 0.8, "negative": 0.1}),
        (),
        {},
    )


def marked(labels: list[ArticleLabels], targets: list[str]) -> pd.DataFrame:
    with Observations(labels, ("zh", "en")) as observations:
        return marking_words(observations, targets)


def test_words_that_mark_a_target_in_each_language() -> None:
    labels = []
    for i in range(20):
        english = (
            f"Washington raised tariffs again on day {i}. Farmers watched the harvest, number {i}. "
            f"The weather stayed mild in week {i}. Subscribe to our newsletter."
        )
        chinese = f"美国第{i}次挥舞关税大棒。农民在第{i}天收割庄稼。天气在第{i}周依然温和。本文由编辑部整理。"
        labels += [
            article(2 * i, "en", f"Post {i % 2}", english),
            article(2 * i + 1, "zh", f"报{i % 2}", chinese),
        ]
    found = marked(labels, ["US"])
    words = {group: part["word"].tolist() for group, part in found.groupby("group")}
    assert {"tariffs", "raised"} <= set(words["en"])
    assert "关税" in words["zh"]
    assert {"washington", "harvest", "weather", "newsletter"}.isdisjoint(words["en"])
    assert {"美国", "庄稼", "编辑部"}.isdisjoint(words["zh"])
    row = found[(found["group"] == "en") & (found["word"] == "tariffs")].iloc[0]
    assert (row["count"], row["articles"]) == (20, 20)
    assert row["share"] > row["background_share"] == 0
    assert row["z"] > 0


def test_few_texts_mark_nothing() -> None:
    labels = [article(0, "en", "Post", "The United States spoke."), article(1, "zh", "报", "美国发声。")]
    assert marked(labels, ["US"]).empty
    assert marked(labels, []).empty
