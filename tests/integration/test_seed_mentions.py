"""The mention finder keeps to the gold marks of the sample corpus."""

from __future__ import annotations

import json

import pytest

from benchmarks.mentions import score_marked
from polystance.seeds import resource

ROWS = [json.loads(line) for line in resource("labels.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_precision_and_recall(lang: str) -> None:
    score = score_marked(row for row in ROWS if row["lang"] == lang)
    assert score.right_found[lang] / score.found[lang] >= 0.95
    assert score.right_marked[lang] / score.marked[lang] >= 0.95
