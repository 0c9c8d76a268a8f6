"""Gaps within events: against a regression worked out in full, and where there is little to go by."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from polystance.inference.matching import event_table, matched_gaps, within_events
from polystance.inference.settings import Settings

SETTINGS = Settings(("zh", "en"), None, "outlet", 200, 0, 1)


def scene(rng: np.random.Generator, events: int = 30, gap: float = -0.3) -> pd.DataFrame:
    """Articles of six outlets a side about events that differ in level."""
    rows = []
    for event in range(events):
        level = rng.normal(0, 0.6)
        for group, shift in (("zh", gap), ("en", 0.0)):
            for _ in range(rng.integers(1, 4)):
                outlet = f"{group}{rng.integers(6)}"
                rows.append((f"a{len(rows)}", "US", group, outlet, event, level + shift + rng.normal(0, 0.2)))
    return pd.DataFrame(rows, columns=["article_id", "target", "group", "outlet", "event", "score"])


def test_the_gap_is_the_coefficient_with_event_effects() -> None:
    statsmodels = pytest.importorskip("statsmodels.api")
    data = scene(np.random.default_rng(1))
    x = (data["group"] == "zh").to_numpy(dtype=float)
    dummies = pd.get_dummies(data["event"]).to_numpy(dtype=float)
    full = statsmodels.OLS(data["score"], np.column_stack([x, dummies])).fit()
    events, outlets = pd.factorize(data["event"])[0], pd.factorize(data["outlet"])[0]
    gap, se, dof = within_events(data["score"].to_numpy(), x, events, outlets)
    assert gap == pytest.approx(full.params.iloc[0])
    # The error of the demeaned regression, clustered both ways.
    means = data.assign(x=x).groupby("event")[["score", "x"]].transform("mean")
    demeaned = statsmodels.OLS(data["score"] - means["score"], x - means["x"]).fit(
        cov_type="cluster", cov_kwds={"groups": np.column_stack([outlets, events])}
    )
    assert se == pytest.approx(float(demeaned.bse.iloc[0]), rel=1e-6)
    assert dof == 11


def test_levels_of_events_fall_out() -> None:
    data = scene(np.random.default_rng(2))
    # One side writes about dismal events besides: plain means would differ, the matched gap must not.
    alone = data.head(20).assign(event=range(1000, 1020), group="zh", outlet="zh1", score=-1.0)
    table = matched_gaps(pd.concat([data, alone]), ["US"], SETTINGS)
    row = table.iloc[0]
    assert row["events"] == 30
    assert row["gap_low"] < -0.3 < row["gap_high"]
    assert row["gap"] == pytest.approx(matched_gaps(data, ["US"], SETTINGS).iloc[0]["gap"])
    assert bool(row["clear"])


def test_little_to_go_by() -> None:
    data = scene(np.random.default_rng(3), events=1)
    one = matched_gaps(data, ["US", "CN"], SETTINGS).set_index("target")
    assert one.loc["US", "events"] == 1
    assert not np.isnan(one.loc["US", "gap"])
    assert np.isnan(one.loc["US", "gap_low"])
    assert one.loc["CN", "events"] == 0
    assert np.isnan(one.loc["CN", "gap"])
    assert not one["clear"].any()
    assert matched_gaps(data.iloc[:0], [], SETTINGS).empty


def test_event_table() -> None:
    linked = pd.DataFrame(
        [("a1", "US", "zh", "甲", 0, -0.5), ("a1", "CN", "zh", "甲", 0, 0.5), ("a2", "US", "en", "B", 0, 0.1),
         ("a2", "CN", "en", "B", 0, 0.4), ("a3", "US", "en", "C", 1, 0.0)],
        columns=["article_id", "target", "group", "outlet", "event", "score"],
    )  # fmt: skip
    articles = pd.DataFrame(
        [("a1", "zh", "甲", "2025-06-02", "标题", None, 0),
         ("a2", "en", "B", "2025-06-01", "", "https://b", 0),
         ("a4", "en", "D", "2025-06-03T01:00:00", "Later", None, 0),
         ("a3", "en", "C", "2025-06-01", "x", None, 1)],
        columns=["article_id", "group", "outlet", "published", "title", "url", "event"],
    )  # fmt: skip
    table = event_table(articles, linked, SETTINGS)
    assert len(table) == 1
    row = table.iloc[0]
    assert row[["first", "last", "targets"]].tolist() == ["2025-06-01", "2025-06-03", "CN, US"]
    assert row[["headline_zh", "headline_en", "outlet_en"]].tolist() == ["标题", "Later", "D"]
    assert row[["articles_zh", "articles_en", "outlets_en"]].tolist() == [1, 2, 2]
    assert row["widest_target"] == "US"
    assert row["widest_gap"] == pytest.approx(-0.6)
