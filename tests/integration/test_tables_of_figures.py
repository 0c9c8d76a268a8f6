"""Figures on the pages are those of the result files, and these are of the checkpoint that ships."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.tables import PAGES, RESULTS, filled
from polystance.models.checkpoint import load_checkpoint


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_show_the_figures_of_the_results(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "<!-- table " in text
    assert filled(text) == text, "run python -m benchmarks.tables"


def test_results_are_of_the_checkpoint_that_ships() -> None:
    digest = load_checkpoint().digest()
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in RESULTS[0].glob("*.json")}
    assert {"country-news", "newsmtsc", "c-stance", "articles", "robustness"} <= set(found)
    for name in ("description", "speed"):  # written by hand; of any weights
        del found[name]
    assert {name: result["checkpoint"] for name, result in found.items()} == dict.fromkeys(found, digest)
