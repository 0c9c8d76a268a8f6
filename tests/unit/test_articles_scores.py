"""Scores of articles by way of pooling."""

from __future__ import annotations

import numpy as np
import pytest

from polystance.models.checkpoint import Checkpoint
from polystance.training import articles as module
from polystance.training.articles import evaluate_articles
from polystance.training.examples import Example
from polystance.training.fitting import Rows


def test_each_way_is_scored_and_the_fitted_one_is_not_in_sample(
    tiny: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first window is right in every article, the mean of windows in none."""
    rng = np.random.default_rng(2)
    examples = [Example(str(n), str(n), "en", "", "t", {"US": "favor"}) for n in range(21)]
    rows: dict[str, Rows] = {}
    for e in examples:
        gold = int(rng.integers(0, 3))
        windows = np.zeros((3, 3))
        windows[0, gold] = 2.0
        windows[1:, (gold + 1) % 3] = 3.0
        rows[e.id] = [(gold, windows, np.array([True, False, False]))]
    monkeypatch.setattr(module, "article_logits", lambda _, chosen: (rows[chosen[0].id], []))
    scores = evaluate_articles(tiny, examples)
    assert (scores.articles, scores.labels) == (21, 21)
    assert scores.macro_f1["first window alone"].value == 1.0
    assert scores.macro_f1["mean of windows"].value == 0.0
    assert set(scores.macro_f1) == {
        "mean of windows", "first window alone", "most decisive window alone", "as shipped",
        "fitted, by cross-validation",
    }  # fmt: skip
    assert scores.macro_f1["as shipped"].low <= scores.macro_f1["as shipped"].value
