"""The comparison: hand-computed numbers, coverage of intervals, both kinds of input, and thin data."""

from __future__ import annotations

import math
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from polystance.errors import RunFolderError, UsageError
from polystance.inference import estimates
from polystance.inference.comparison import Comparison, compare
from polystance.inference.estimates import Clusters
from polystance.inference.wording import findings, headline
from polystance.models.labels import FRAMES
from polystance.models.records import ArticleLabels
from tests.unit.synthetic_run import labelled, stance, synthetic_labels, write_run


def small(scores: dict[str, dict[str, list[float]]], **options: object) -> list[ArticleLabels]:
    """Articles on the US with the given scores, by outlet language and outlet."""
    found: list[ArticleLabels] = []
    for language, outlets in scores.items():
        for outlet, values in outlets.items():
            for value in values:
                found.append(labelled(len(found), outlet, language, [stance("US", value)], **options))
    return found


HAND = {
    "zh": {"甲报": [-0.8, -0.4], "乙报": [-0.2], "丙报": [0.4, 0.0, -0.1, -0.3]},
    "en": {"Times": [0.6, 0.2], "Post": [0.1, 0.3, -0.1], "Echo": [0.0]},
}


@pytest.fixture(scope="module")
def full() -> Comparison:
    return compare(synthetic_labels(), draws=500)


def test_means_gap_and_shares_equal_hand_computed_values() -> None:
    by_outlet = compare(small(HAND)).table.iloc[0]
    # Outlet means: zh -0.6, -0.2, 0.0; en 0.4, 0.1, 0.0
    assert by_outlet["mean_zh"] == pytest.approx(-0.8 / 3, abs=1e-6)
    assert by_outlet["mean_en"] == pytest.approx(0.5 / 3, abs=1e-6)
    assert by_outlet["gap"] == pytest.approx(-1.3 / 3, abs=1e-6)
    by_article = compare(small(HAND), weight="article").table.iloc[0]
    assert by_article["mean_zh"] == pytest.approx(-1.4 / 7, abs=1e-6)
    assert by_article["mean_en"] == pytest.approx(1.1 / 6, abs=1e-6)
    assert by_article[["articles_zh", "outlets_zh", "articles_en", "outlets_en"]].tolist() == [7, 3, 6, 3]
    # "against" is the top label of -0.8 only, "favor" of 0.6 only.
    assert by_article["against_zh"] == pytest.approx(1 / 7)
    assert by_outlet["against_zh"] == pytest.approx(1 / 6)
    assert by_outlet["favor_en"] == pytest.approx(1 / 6)
    shares = by_outlet[["favor_zh", "neutral_zh", "against_zh", "uncertain_zh"]]
    assert shares.sum() == pytest.approx(1)
    assert by_outlet["correction"] == "uncorrected"


def test_interval_is_near_welchs_for_outlet_means() -> None:
    row = compare(small(HAND), draws=20_000).table.iloc[0]
    first, second = np.array([-0.6, -0.2, 0.0]), np.array([0.4, 0.1, 0.0])
    a, b = first.var(ddof=1) / 3, second.var(ddof=1) / 3
    dof = (a + b) ** 2 / (a**2 / 2 + b**2 / 2)
    half = estimates.stats.t.ppf(0.975, dof) * math.sqrt(a + b)
    assert row["gap_high"] - row["gap_low"] == pytest.approx(2 * half, rel=0.03)


def test_effect_size_is_hedges_g() -> None:
    row = compare(small(HAND), weight="article").table.iloc[0]
    first = np.array(list(chain(*HAND["zh"].values())))
    second = np.array(list(chain(*HAND["en"].values())))
    within = ((first - first.mean()) ** 2).sum() + ((second - second.mean()) ** 2).sum()
    g = (first.mean() - second.mean()) / math.sqrt(within / 11) * (1 - 3 / (4 * 11 - 1))
    assert row["effect_size"] == pytest.approx(g, abs=1e-6)


def test_permutation_p_tries_all_divisions_of_few_outlets() -> None:
    scores = {"zh": {"a": [-0.5], "b": [-0.4], "c": [-0.6]}, "en": {"d": [0.5], "e": [0.4], "f": [0.6]}}
    # Of 20 divisions only the observed one and its mirror image are this far apart.
    assert compare(small(scores)).table.iloc[0]["p"] == pytest.approx(2 / 20)


def test_permutation_p_is_uniform_without_a_difference() -> None:
    rng = np.random.default_rng(3)
    p = []
    for _ in range(200):
        groups = [Clusters(np.full(8, 5.0), rng.normal(0, 1, (8, 1))) for _ in range(2)]
        p.append(estimates.permutation_p(*groups, draws=200, rng=rng))
    assert 0.01 <= np.mean(np.array(p) <= 0.05) <= 0.1
    assert np.mean(p) == pytest.approx(0.5, abs=0.07)


@pytest.mark.parametrize("weight", ["outlet", "article"])
@pytest.mark.parametrize("outlets", [(6, 6), (6, 25), (30, 30)])
def test_intervals_cover_the_truth(outlets: tuple[int, int], weight: estimates.Weight) -> None:
    rng = np.random.default_rng(11)
    rounds, hits = 300, 0
    for _ in range(rounds):
        found = []
        for k, mean in zip(outlets, (-0.2, 0.1), strict=True):
            n = np.maximum(1, rng.lognormal(3, 0.6, k)).round()
            totals = n * (mean + rng.normal(0, 0.15, k)) + rng.normal(0, 0.5, k) * np.sqrt(n)
            found.append(estimates.estimate(Clusters(n, totals[:, None]), 300, rng, weight))
        low, high = (found[0] - found[1]).interval()
        hits += bool(low[0] <= -0.3 <= high[0])
    assert 0.91 <= hits / rounds <= 0.985


def test_labels_and_run_folder_give_the_same_numbers(full: Comparison, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run[1]", synthetic_labels())
    other = compare(folder, draws=500)
    for part in (
        "table", "matched", "outlets", "tones", "frames", "target_frames", "trend", "words", "events",
        "evidence",
    ):  # fmt: skip
        pd.testing.assert_frame_equal(getattr(full, part), getattr(other, part), check_exact=True)
    assert other.coverage.failures == 1
    assert full.coverage.failures is None
    assert other.run["checkpoint"]["name"] == "polystance-small"
    again = compare(str(folder), draws=500)
    pd.testing.assert_frame_equal(again.table, other.table, check_exact=True)


def test_a_targets_numbers_do_not_depend_on_the_others(full: Comparison) -> None:
    alone = compare(synthetic_labels(), targets=["CN"], draws=500).table.iloc[0]
    among = full.table.set_index("target").loc["CN"]
    same = [name for name in alone.index if name not in ("target", "q")]
    assert alone[same].tolist() == among[same].tolist()


def test_order_of_articles_does_not_matter(full: Comparison) -> None:
    labels = synthetic_labels()
    np.random.default_rng(0).shuffle(labels)  # type: ignore[arg-type]
    other = compare(labels, draws=500)
    pd.testing.assert_frame_equal(full.table, other.table, check_exact=True)
    pd.testing.assert_frame_equal(full.evidence, other.evidence, check_exact=True)


def test_leanings_of_the_synthetic_press_are_found(full: Comparison) -> None:
    table = full.table.set_index("target")
    assert table.loc["US", "gap_high"] < 0 < table.loc["CN", "gap_low"]
    assert bool(table.loc["CN", "clear"])
    assert not bool(table.loc["EU", "clear"])
    assert (table["q"] >= table["p"]).all()
    sentence = headline(full)
    assert "China and Russia more favourably" in sentence
    assert "the United States and Japan less favourably" in sentence
    assert any(
        item.startswith("No clear difference on the European Union") and "not evidence" in item
        for item in findings(full)
    )


def test_tones_frames_outlets_and_trend(full: Comparison) -> None:
    assert full.tones[["share_zh", "share_en"]].sum().tolist() == pytest.approx([1, 1])
    assert full.frames["frame"].tolist() == list(FRAMES)
    security = full.frames.set_index("frame").loc["security_and_defense"]
    assert security["difference"] == pytest.approx(security["share_zh"] - security["share_en"])
    assert security["difference_high"] < 0
    assert full.outlets["articles"].sum() == full.table[["articles_zh", "articles_en"]].to_numpy().sum()
    assert sorted(full.trend["period"].unique()) == [f"2025-{month:02d}" for month in range(4, 11)]
    us = full.trend[(full.trend["target"] == "US") & (full.trend["group"] == "zh")]
    assert us["articles"].sum() == full.table.set_index("target").loc["US", "articles_zh"]
    assert (us["mean_low"] < us["mean"]).all()
    assert (us["mean"] < us["mean_high"]).all()


def test_weeks_begin_on_monday() -> None:
    labels = [
        labelled(i, f"o{i % 2}", ("zh", "en")[i % 2], [stance("US", 0.1)], published=day)
        for i, day in enumerate(
            ["2025-06-01", "2025-06-02", "2025-06-08T23:00:00Z", "2025-06-09", "2025-06", "no date"]
        )
    ]
    trend = compare(labels, targets=["US"], period="week").trend
    assert trend["period"].tolist() == ["2025-05-26", "2025-06-02", "2025-06-02", "2025-06-09"]
    with pytest.raises(UsageError, match="period"):
        compare(labels, period="day")  # type: ignore[arg-type]


def test_frames_per_target_are_of_the_articles_about_it() -> None:
    labels = [
        labelled(0, "a", "zh", [stance("US", 0.1)], frames=("economic",)),
        labelled(1, "a", "zh", [stance("US", 0.1)]),
        labelled(2, "a", "zh", [stance("CN", 0.1)], frames=("political",)),
        labelled(3, "b", "en", [stance("US", 0.1)], frames=("economic",)),
    ]
    found = compare(labels, targets=["US", "CN"]).target_frames.set_index(["target", "frame"])
    assert found.loc[("US", "economic"), ["share_zh", "share_en"]].tolist() == [0.5, 1.0]
    assert ("US", "political") not in found.index
    assert found.loc[("CN", "political"), "share_zh"] == 1.0


def test_frame_shares_by_hand() -> None:
    labels = [
        labelled(0, "a", "zh", [stance("US", 0.1)], frames=("economic", "political")),
        labelled(1, "a", "zh", [stance("US", 0.1)]),
        labelled(2, "b", "zh", [stance("US", 0.1)], tone="negative"),
        labelled(3, "c", "en", [stance("US", 0.1)], frames=("economic",)),
    ]
    found = compare(labels, targets=["US"])
    assert found.frames.set_index("frame").loc["economic", "share_zh"] == pytest.approx(0.25)
    assert compare(labels, targets=["US"], weight="article").frames.iloc[0]["share_zh"] == pytest.approx(
        1 / 3
    )
    assert found.tones.set_index("tone").loc["negative", "share_zh"] == pytest.approx(0.5)
    assert found.trend.empty


def test_uncertain_rows_count_with_their_score_and_have_a_share() -> None:
    labels = small({"zh": {"a": [0.2], "b": [0.2]}, "en": {"c": [0.1], "d": [0.3]}})
    labels.append(labelled(9, "a", "zh", [stance("US", 0.45, label="uncertain")]))
    row = compare(labels, targets=["US"], weight="article").table.iloc[0]
    assert row["uncertain_zh"] == pytest.approx(1 / 3)
    assert row["mean_zh"] == pytest.approx(0.85 / 3, abs=1e-6)


def test_nothing_is_dropped_without_a_count() -> None:
    labels = small(HAND)
    extra = [
        labelled(100, "Le Jour", "fr", [stance("US", 0.9)]),
        labelled(101, "Der Tag", "de", [stance("US", 0.9)]),
        labelled(102, None, None, [stance("US", 0.9)]),
        labelled(103, None, "zh", [stance("US", -0.2)], published="last week"),
        labelled(104, "Times", "en", [stance("US", 0.0, mentions=0), stance("rare earths", 0.3, mentions=0)]),
        labelled(105, "甲报", "zh", [stance("rare earths", -0.3, mentions=0), stance("BR", 0.1)]),
    ]
    found = compare([*labels, *extra])
    coverage = found.coverage
    assert coverage.articles == len(labels) + 6
    assert coverage.compared == {"zh": 9, "en": 7}
    assert coverage.other_languages == {"de": 1, "fr": 1}
    assert (coverage.unknown_language, coverage.unknown_outlet, coverage.undated) == (1, 1, 1)
    assert coverage.unmentioned == 1
    assert coverage.left_out == (("rare earths", 1, 1), ("BR", 1, 0))
    total = (
        sum(coverage.compared.values()) + sum(coverage.other_languages.values()) + coverage.unknown_language
    )
    assert total == coverage.articles
    assert any("1 articles name no outlet" in caveat for caveat in found.caveats)
    assert compare([*labels, *extra], targets=["rare earths"]).table.iloc[0]["articles_zh"] == 1


def test_missing_group_names_the_languages_there_are() -> None:
    labels = [*small({"zh": {"a": [0.1]}}), labelled(7, None, None, [])]
    with pytest.raises(UsageError, match=r"in en\..*zh \(1\).*unknown for 1.*outlet_language"):
        compare(labels)
    with pytest.raises(UsageError, match="none"):
        compare([])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": ("zh", "zh")}, "two different"),
        ({"groups": ("zh", "en", "fr")}, "two different"),
        ({"weight": "reader"}, "weight is"),
        ({"draws": 5}, "draws is"),
        ({"seed": -1}, "seed is"),
        ({"min_articles": 0}, "min_articles"),
        ({"targets": "US"}, "list"),
        ({"targets": ["XX"]}, "Targets there are: US"),
    ],
)
def test_wrong_options_say_what_is_allowed(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        compare(small(HAND), **options)  # type: ignore[arg-type]


def test_unfinished_and_foreign_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"no articles\.parquet"):
        compare(tmp_path)
    folder = write_run(tmp_path / "run", small(HAND))
    (folder / "stances.parquet").write_bytes(b"not parquet")
    with pytest.raises(RunFolderError, match="not a Parquet file"):
        compare(folder)
    (folder / "stances.parquet").write_bytes((folder / "articles.parquet").read_bytes())
    with pytest.raises(RunFolderError, match=r"lacks target"):
        compare(folder)


def test_tables_in_shards_are_read_whole(tmp_path: Path) -> None:
    labels = small(HAND)
    whole = write_run(tmp_path / "whole", labels)
    parts = [write_run(tmp_path / "a", labels[:6]), write_run(tmp_path / "b", labels[6:])]
    for name in ("articles", "stances"):
        shards = tmp_path / "sharded" / f"{name}.parquet"
        shards.mkdir(parents=True)
        for place, part in enumerate(parts):
            (part / f"{name}.parquet").rename(shards / f"part-{place}.parquet")
    pd.testing.assert_frame_equal(compare(whole).table, compare(tmp_path / "sharded").table)


def test_one_outlet_gives_no_interval_and_a_caveat() -> None:
    found = compare(small({"zh": {"a": [-0.5, -0.6, -0.4]}, "en": {"c": [0.1, 0.2], "d": [0.3], "e": [0.5]}}))
    row = found.table.iloc[0]
    assert math.isnan(row["gap_low"])
    assert math.isnan(row["mean_zh_low"])
    assert not math.isnan(row["mean_en_low"])
    assert not row["clear"]
    assert row["p"] == pytest.approx(1 / 4)
    assert "1 Chinese-language outlet (under 5)" in row["caveats"]
    assert any("Fewer than 5 Chinese-language outlets" in caveat for caveat in found.caveats)
    assert "too few outlets" in headline(found)


def test_all_neutral_claims_nothing() -> None:
    outlets = {name: [0.0, 0.0] for name in "abcdef"}
    found = compare(small({"zh": outlets, "en": outlets}))
    row = found.table.iloc[0]
    assert row["gap"] == 0
    assert math.isnan(row["gap_low"])
    assert math.isnan(row["effect_size"])
    assert row["p"] == 1
    assert not row["clear"]
    assert found.evidence.empty


def test_no_stances_at_all() -> None:
    labels = [labelled(0, "a", "zh", []), labelled(1, "b", "en", [])]
    found = compare(labels)
    assert found.table.empty
    assert found.trend.empty
    assert len(found.tones) == 3
    assert "No target has enough articles" in headline(found)
    with pytest.raises(UsageError, match="Targets there are: none"):
        compare(labels, targets=["US"])


def test_target_in_one_group_only_is_shown_when_asked_for() -> None:
    labels = [*small(HAND), labelled(50, "甲报", "zh", [stance("RU", 0.4)])]
    row = compare(labels, targets=["RU", "US"]).table.iloc[0]
    assert row["target"] == "RU"
    assert row["articles_en"] == 0
    assert math.isnan(row["gap"])
    assert math.isnan(row["p"])
    assert "no English-language articles" in row["caveats"]


def test_evidence_is_telling_spread_over_outlets_and_never_twice() -> None:
    def item(number: int, outlet: str, score: float, text: str, **more: str) -> ArticleLabels:
        return labelled(number, outlet, "zh", [stance("US", score, text=text)], **more)

    labels = [
        item(0, "a", -0.9, "最强的一句。", title="标题", url="https://a.example/0"),
        item(1, "a", -0.85, "同一家的第二句。"),
        item(2, "b", -0.7, "另一家的一句。"),
        item(3, "c", -0.8, "最强的一句。"),  # the same sentence, carried by another outlet
        item(4, "c", -0.1, "中性的一句。"),
        labelled(5, "d", "zh", [stance("US", -0.95, label="uncertain", text="不确定的一句。")]),
        labelled(6, "e", "en", [stance("US", 0.9, text="Praise.")]),
    ]
    evidence = compare(labels, targets=["US"]).evidence
    zh = evidence[evidence["group"] == "zh"]
    assert zh["sentence"].tolist() == ["最强的一句。", "另一家的一句。", "同一家的第二句。"]
    assert zh.iloc[0][["headline", "outlet", "url", "published", "text_language"]].tolist() == [
        "标题", "a", "https://a.example/0", "2025-06-01", "zh",
    ]  # fmt: skip
    assert evidence.iloc[-1]["sentence"] == "Praise."
