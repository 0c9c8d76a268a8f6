"""Samples for hand labels: drawn as said, read back whole, refused with a word where they can't be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from polystance.errors import DataError, UsageError
from polystance.inference.comparison import Comparison, compare
from polystance.inference.correction import FEWEST_LABELS
from polystance.inference.sampling import Sample, allocate, draw_sample, read_labels
from polystance.models.labels import STANCES
from tests.unit.synthetic_run import labelled, stance, synthetic_labels, write_run


def gold_of(row: Any, truths: dict[tuple[str, str], str]) -> str:
    target, _, article = str(row["id"]).partition("@")
    return truths[article, target]


@pytest.fixture(scope="module")
def truths() -> dict[tuple[str, str], str]:
    """What a person would say: the classifier is right in one press and too harsh in the other."""
    found = {}
    for item in synthetic_labels():
        for target, value in item.stances.items():
            shift = 0.4 if item.article.outlet_language == "zh" else 0.0
            score = value.score + shift
            found[item.article.id, target] = (
                "favor" if score > 0.35 else "against" if score < -0.35 else "neutral"
            )
    return found


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, truths: dict[tuple[str, str], str]) -> Path:
    path = tmp_path_factory.mktemp("sample") / "labels.csv"
    draw_sample(synthetic_labels(), 300).to_csv(path)
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table["label"] = [gold_of(row, truths) for _, row in table.iterrows()]
    table.to_csv(path, index=False, encoding="utf-8-sig")
    return path


@pytest.fixture(scope="module")
def corrected(filled: Path) -> Comparison:
    return compare(synthetic_labels(), draws=300, labels=filled)


@pytest.mark.parametrize(
    ("sizes", "n", "expected"),
    [([100, 3, 50], 20, [9, 3, 8]), ([10, 10], 7, [4, 3]), ([2, 1], 9, [2, 1]), ([], 4, []), ([5], 0, [0])],
)
def test_allocate(sizes: list[int], n: int, expected: list[int]) -> None:
    assert allocate(sizes, n) == expected


def test_a_draw_is_random_within_strata_and_the_same_for_a_seed(tmp_path: Path) -> None:
    labels = synthetic_labels()
    one = draw_sample(labels, 101, seed=5)
    assert one.strata["drawn"].tolist() == [51, 50]
    assert one.strata["group"].tolist() == ["en", "zh"]
    probability = dict(zip(one.strata["group"], one.strata["drawn"] / one.strata["rows"], strict=True))
    assert set(one.rows["probability"]) == set(probability.values())
    assert one.rows["id"].is_unique
    assert (one.rows["text"] == "Text.").all()
    assert {"outlet", "group", "label", "score"}.isdisjoint(one.rows.columns)  # the labeller shall not know
    pd.testing.assert_frame_equal(one.rows, draw_sample(labels, 101, seed=5).rows)
    folder = write_run(tmp_path / "run", labels)
    pd.testing.assert_frame_equal(one.rows, draw_sample(folder, 101, seed=5).rows)
    assert set(one.rows["id"]) != set(draw_sample(labels, 101, seed=6).rows["id"])


def test_strata_by_target(tmp_path: Path) -> None:
    found = draw_sample(synthetic_labels(), 60, targets=["US", "EU"], by_target=True)
    assert found.strata["target"].tolist() == ["EU", "US", "EU", "US"]
    assert found.strata["drawn"].tolist() == [15, 15, 15, 15]
    assert set(found.rows["target"]) == {"US", "EU"}
    with pytest.raises(UsageError, match="Targets there are"):
        draw_sample(synthetic_labels(), 60, targets=["BR"])
    with pytest.raises(UsageError, match="n is 1 or more"):
        draw_sample(synthetic_labels(), 0)


def test_gaps_are_corrected_by_hand_labels(corrected: Comparison, truths: dict[tuple[str, str], str]) -> None:
    value = dict(zip(STANCES, (1.0, 0.0, -1.0), strict=True))
    true = {}
    for group in ("zh", "en"):
        outlets: dict[str, list[float]] = {}
        for item in synthetic_labels():
            if item.article.outlet_language == group and "US" in item.stances:
                outlets.setdefault(str(item.article.outlet), []).append(value[truths[item.article.id, "US"]])
        true[group] = sum(sum(x) / len(x) for x in outlets.values()) / len(outlets)
    table = corrected.corrected.set_index("target")
    us = table.loc["US"]
    assert us["gap_low"] <= true["zh"] - true["en"] <= us["gap_high"]
    raw = corrected.table.set_index("target").loc["US"]
    assert raw["gap"] < us["gap"] - 0.1  # the classifier is too harsh in the Chinese-language press
    assert us["error_zh"] > 0.2
    assert us[["favor_zh", "neutral_zh", "against_zh"]].sum() == pytest.approx(1, abs=0.05)
    assert (corrected.table["correction"] == "corrected").all()
    assert "300 hand labels" in corrected.caveats[0]
    assert table["labels_zh"].sum() == 150


def test_too_few_labels_leave_a_gap_uncorrected(tmp_path: Path, filled: Path) -> None:
    table = pd.read_csv(filled, dtype=str, keep_default_na=False)
    english = table["probability"] == table["probability"].max()
    keep = table["target"].eq("US").cumsum() <= FEWEST_LABELS
    only = table[english & keep] if (english & keep).any() else table.head(5)
    only.to_csv(tmp_path / "few.csv", index=False)
    found = compare(synthetic_labels(), draws=300, labels=tmp_path / "few.csv")
    assert (found.table["correction"] == "uncorrected").all()
    assert found.corrected["gap"].isna().all()
    assert "All gaps are uncorrected" in found.caveats[0]
    assert any("hand labels" in caveat for caveat in found.caveats[1:])


def test_label_studio_both_ways(tmp_path: Path, truths: dict[tuple[str, str], str]) -> None:
    path = tmp_path / "tasks.json"
    interface = draw_sample(synthetic_labels(), 40).to_label_studio(path)
    assert 'toName="text"' in interface.read_text(encoding="utf-8")
    tasks = json.loads(path.read_text(encoding="utf-8"))
    assert len(tasks) == 40

    def vote(label: str, cancelled: bool = False) -> dict[str, Any]:
        result = [{"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [label]}}]
        return {"result": result, "was_cancelled": cancelled}

    for task in tasks:
        task["annotations"] = [vote(gold_of(task["data"], truths))]
    tasks[0]["annotations"] = [vote("favor"), vote("against"), vote("favor"), vote("neutral", True)]
    tasks[1]["annotations"] = [vote("favor"), vote("against")]
    tasks[2]["annotations"] = []
    path.write_text(json.dumps(tasks), encoding="utf-8")
    found = read_labels(path)
    assert found.unlabelled == 2
    assert len(found.rows) == 38
    assert found.rows.iloc[0]["label"] == "favor"
    compare(synthetic_labels(), draws=300, labels=found)


def test_spreadsheets_may_change_separator_decimal_and_case(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text(
        "id;label;probability\nUS@a1; Favor ;0,25\nUS@a2;;0,25\nUS@a3;AGAINST;25%\n", encoding="utf-8"
    )
    found = read_labels(path)
    assert found.rows.values.tolist() == [["a1", "US", "favor", 0.25], ["a3", "US", "against", 0.25]]
    assert found.unlabelled == 1


def test_cells_that_a_spreadsheet_would_run_come_back_as_they_were(tmp_path: Path) -> None:
    labels = [
        labelled(i, f"o{i}", language, [stance("=1+1", 0.1)], title="=cmd|' /C calc'!A0")
        for i, language in enumerate(("zh", "en", "zh", "en"))
    ]
    path = tmp_path / "l.csv"
    draw_sample(labels, 4).to_csv(path)
    text = path.read_text(encoding="utf-8-sig")
    assert ",=cmd" not in text
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    assert table["title"].eq("'=cmd|' /C calc'!A0").all()
    table.assign(label="neutral").to_csv(path, index=False)
    assert set(read_labels(path).rows["target"]) == {"=1+1"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,label\nUS@a,favor\n", "no column probability"),
        ("id,label,probability\n", "no rows"),
        ("id,label,probability\nUS@a,,0.5\n", "no label yet"),
        ("id,label,probability\nUS@a,good,0.5\n", "'good' is not one of favor, neutral, against"),
        ("id,label,probability\nUS@a,favor,\n", "probability '' is not a number"),
        ("id,label,probability\nUS@a,favor,1.5\n", "probability '1.5'"),
        ("id,label,probability\na1,favor,0.5\n", "id 'a1' is none that"),
        ("id,label,probability\nUS@a,favor,0.5\nUS@a,against,0.5\n", "twice with different labels"),
        ("", "no column id, label, probability"),
    ],
)
def test_bad_files_are_refused_with_the_reason(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "l.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_labels(path)


def test_files_of_other_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No file"):
        read_labels(tmp_path / "absent.csv")
    (tmp_path / "l.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="not JSON"):
        read_labels(tmp_path / "l.json")
    (tmp_path / "l.json").write_text('[{"x": 1}]', encoding="utf-8")
    with pytest.raises(DataError, match="no export of Label Studio"):
        read_labels(tmp_path / "l.json")
    (tmp_path / "l.csv").write_bytes("id,label,probability\nUS@甲,favor,1\n".encode("gb18030"))
    with pytest.raises(DataError, match="UTF-8"):
        read_labels(tmp_path / "l.csv")


def test_labels_of_another_run_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text("id,label,probability\nUS@a00001,favor,1\nUS@elsewhere,favor,1\n", encoding="utf-8")
    with pytest.raises(DataError, match="US@elsewhere"):
        compare(synthetic_labels(), draws=300, labels=path)


def test_a_run_without_texts_gives_the_evidence_to_read(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", synthetic_labels())
    (folder / "texts.parquet").unlink()
    found: Sample = draw_sample(folder, 30)
    assert (found.rows["text"] != "").all()
    comparison = compare(folder, draws=300)
    assert comparison.words.empty
    assert comparison.events.empty
    assert any("kept no texts" in caveat for caveat in comparison.caveats)
