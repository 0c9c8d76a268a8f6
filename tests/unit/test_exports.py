"""A comparison as files and in the terminal."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from polystance.inference.comparison import Comparison, compare
from polystance.inference.summary import labels_text, summary_text
from polystance.inference.wording import running_name, signed
from polystance.models.records import ArticleLabels
from polystance.models.targets import target_name
from tests.unit.synthetic_run import labelled, stance, synthetic_labels, write_run
from tests.unit.test_comparison import HAND, small


@pytest.fixture(scope="module")
def full() -> Comparison:
    return compare(synthetic_labels(), draws=500)


def test_files_hold_the_same_numbers(full: Comparison, tmp_path: Path) -> None:
    full.to_json(tmp_path / "c.json")
    loaded = json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))
    assert loaded["correction"] == "uncorrected"
    assert [row["gap"] for row in loaded["table"]] == full.table["gap"].tolist()
    assert loaded["coverage"]["compared"] == {"zh": 168, "en": 168}
    written = full.to_csv(tmp_path / "c.csv")
    assert [path.name for path in written][:2] == ["c.csv", "c.corrected.csv"]
    assert pd.read_csv(tmp_path / "c.csv")["gap"].tolist() == pytest.approx(full.table["gap"].tolist())
    full.to_markdown(tmp_path / "c.md")
    text = (tmp_path / "c.md").read_text(encoding="utf-8")
    assert "uncorrected" in text
    for gap in full.table["gap"]:
        assert signed(gap) in text


def test_json_has_null_for_nan_and_csv_no_formulas(tmp_path: Path) -> None:
    labels = small({"zh": {"=cmd|' /C calc'!A0": [0.9, 0.8, 0.9]}, "en": {"@SUM(1)": [0.1, 0.1, 0.1]}})
    found = compare(labels)
    found.to_json(tmp_path / "c.json")
    assert json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))["table"][0]["gap_low"] is None
    found.to_csv(tmp_path / "c.csv")
    cells = pd.read_csv(tmp_path / "c.outlets.csv")["outlet"]
    assert set(cells) == {"'=cmd|' /C calc'!A0", "'@SUM(1)"}


def test_markdown_shows_free_text_targets_as_they_are(tmp_path: Path) -> None:
    target = "<b>[x](javascript:1)|"
    labels = [
        labelled(i, f"{language}{i}", language, [stance(target, 0.1 * i)])
        for language in ("zh", "en") for i in range(3)
    ]  # fmt: skip
    compare(labels).to_markdown(tmp_path / "c.md")
    assert r"\<b\>\[x\](javascript:1)\|" in (tmp_path / "c.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("make", [synthetic_labels, lambda: small(HAND)])
def test_summary_fits_eighty_columns(make: Callable[[], list[ArticleLabels]]) -> None:
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(summary_text(compare(make())))
    text = console.export_text()
    assert "uncorrected" in text
    assert "…" not in text
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "United States" in text


def test_many_articles_are_shown_as_counts_of_labels(tmp_path: Path) -> None:
    labels = synthetic_labels()
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(labels_text(write_run(tmp_path, labels)))
    counts = Counter((s.target, s.label) for a in labels for s in a.stances.values())
    shown = {cells[0]: cells[1:] for line in console.export_text().splitlines() if (cells := line.split())}
    for target in {target for target, _ in counts}:
        numbers = [counts[target, label] for label in ("against", "neutral", "favor", "uncertain")]
        assert shown[target] == [f"{number:,}" for number in (sum(numbers), *numbers)]


def test_names() -> None:
    assert target_name("HK", "en") == "Hong Kong"
    assert running_name("NL") == "the Netherlands"
    assert running_name("rare earth controls") == "rare earth controls"
    assert signed(-0.001) == "0.00"
    assert signed(math.nan) == "–"
