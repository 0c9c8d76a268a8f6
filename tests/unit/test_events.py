"""Linking articles to events, on the sample corpus, whose events are known, and on odd input."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from polystance.errors import UsageError
from polystance.inference.events import EventOptions, link_events, pairwise_f1
from polystance.models.checkpoint import Checkpoint, load_checkpoint
from polystance.seeds import resource


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return load_checkpoint()


@pytest.fixture(scope="module")
def seeds() -> pd.DataFrame:
    rows = map(json.loads, resource("labels.jsonl").read_text(encoding="utf-8").splitlines())
    return pd.DataFrame(
        {
            "title": row["title"],
            "text": row["text"],
            "language": row["lang"],
            "published": row["published"],
            "targets": frozenset(row["stance"]),
            "event": row["event"],
        }
        for row in rows
    )


def test_the_events_of_the_sample_corpus_are_found(checkpoint: Checkpoint, seeds: pd.DataFrame) -> None:
    found = link_events(seeds, checkpoint)
    _, _, f1 = pairwise_f1(list(found), list(seeds["event"]))
    assert f1 >= 0.85
    across = seeds.assign(found=found).groupby("found")["language"].nunique()
    assert (across == 2).sum() >= 15


def test_order_does_not_matter_and_numbers_follow_dates(checkpoint: Checkpoint, seeds: pd.DataFrame) -> None:
    found = link_events(seeds, checkpoint)
    order = np.random.default_rng(0).permutation(len(seeds))
    again = link_events(seeds.iloc[order], checkpoint)
    assert pairwise_f1(list(again), list(found[order])) == (1.0, 1.0, 1.0)
    first = seeds.assign(found=found, day=seeds["published"].str[:10]).groupby("found")["day"].min()
    assert first.is_monotonic_increasing


def test_undated_articles_are_of_no_event(checkpoint: Checkpoint, seeds: pd.DataFrame) -> None:
    part = seeds.head(8).copy()
    part.loc[part.index[:3], "published"] = [None, "2025-04", "soon"]
    found = link_events(part, checkpoint)
    assert (found[:3] == -1).all()
    assert (found[3:] >= 0).all()
    assert (link_events(part.head(3), checkpoint) == -1).all()
    assert len(link_events(part.iloc[:0], checkpoint)) == 0


def test_articles_without_a_shared_target_are_apart(checkpoint: Checkpoint, seeds: pd.DataFrame) -> None:
    twice = pd.concat([seeds.head(12), seeds.head(12)], ignore_index=True)
    assert link_events(twice, checkpoint)[0] == link_events(twice, checkpoint)[12]
    alone = twice.assign(targets=[frozenset({f"t{i}"}) for i in range(24)])
    assert len(set(link_events(alone, checkpoint))) == 24


def test_long_chains_are_cut(checkpoint: Checkpoint, seeds: pd.DataFrame) -> None:
    same = pd.concat([seeds.head(1)] * 50, ignore_index=True)
    rest = seeds.iloc[4:24]
    found = link_events(pd.concat([same, rest], ignore_index=True), checkpoint, EventOptions(most_linked=10))
    assert np.bincount(found).max() <= 10


def test_a_crowd_needs_the_index(checkpoint: Checkpoint, seeds: pd.DataFrame) -> None:
    options = EventOptions(exact=10)
    try:
        import faiss  # noqa: F401
    except ImportError:
        with pytest.raises(UsageError, match=r"polystance\[events\]"):
            link_events(seeds, checkpoint, options)
    else:
        found = link_events(seeds, checkpoint, options)
        assert pairwise_f1(list(found), list(seeds["event"]))[2] >= 0.85


def test_pairwise_f1() -> None:
    assert pairwise_f1([0, 0, 1, 1], "aabb") == (1.0, 1.0, 1.0)
    assert pairwise_f1([0, 0, 0, 0], "aabb") == (pytest.approx(1 / 3), 1.0, 0.5)
    assert pairwise_f1([0, 1, 2], "abc") == (0.0, 0.0, 0.0)
