"""The scripts in examples/ run as their first lines say."""

from __future__ import annotations

import json
import re
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
NEWSMTSC = {
    "primary_gid": "g1",
    "sentence_normalized": "Mayor Lind thanked Ms Oro, who had shouted at her.",
    "targets": [
        {"Input.gid": "a", "from": 0, "to": 10, "mention": "Mayor Lind", "polarity": 6.0},
        {"Input.gid": "b", "from": 19, "to": 25, "mention": "Ms Oro", "polarity": 2.0},
    ],
}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Runs an example in this process, which has torch loaded already, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(name: str, *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_every_example_is_tried_here() -> None:
    here = Path(__file__).read_text(encoding="utf-8")
    assert all(f'run("{path.name}"' in here for path in EXAMPLES.glob("*.py"))


def test_score_your_own_predictor(run) -> None:  # type: ignore[no-untyped-def]
    shown = run("score_your_own_predictor.py")
    found = re.search(r"difference \+(\d+\.\d), p = (0\.\d+)", shown)
    assert found, shown
    assert float(found[1]) > 10  # a list of words is far behind
    assert float(found[2]) < 0.01


def test_evaluate_on_newsmtsc(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "devtest_rw.jsonl").write_text(json.dumps(NEWSMTSC) + "\n", encoding="utf-8")
    shown = run("evaluate_on_newsmtsc.py", "devtest_rw.jsonl")
    assert "1 sentences, 2 labels" in shown
    figures = json.loads((tmp_path / "newsmtsc.json").read_text(encoding="utf-8"))
    assert figures["rows"] == 2
    assert sum(b["rows"] for b in figures["reliability"]["en"]) == 2


def test_pipeline_over_a_dataset(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    shown = run("pipeline_over_a_dataset.py", "stances.jsonl")
    assert len(re.findall(r"^(?:CN|RU) (?:favor|neutral|against) 0\.\d+$", shown, re.MULTILINE)) == 6
    rows = [json.loads(line) for line in (tmp_path / "stances.jsonl").read_text("utf-8").splitlines()]
    assert len(rows) == 8
    assert {"target", "label", "score"} == set(rows[0]["stances"][0])
    (tmp_path / "mine.jsonl").write_text('{"body": "Japan signed."}\n', encoding="utf-8")
    run("pipeline_over_a_dataset.py", "mine-stances.jsonl", "mine.jsonl", "body")
    (row,) = map(json.loads, (tmp_path / "mine-stances.jsonl").read_text("utf-8").splitlines())
    assert [s["target"] for s in row["stances"]] == ["JP"]
