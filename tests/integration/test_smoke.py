"""`make train-smoke`: from the sample corpus to a scored checkpoint, and the same one again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from polystance.models.checkpoint import load_checkpoint
from polystance.training.smoke import run_smoke, write_data


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_smoke(tmp_path_factory.mktemp("smoke"))


def test_it_ends_in_a_checkpoint_that_loads(checkpoint: Path) -> None:
    settings = load_checkpoint(checkpoint).settings
    assert (settings.name, settings.simplify) == ("smoke", True)
    assert {"zh", "en", "other"} == set(settings.calibration.temperatures["stance"])
    assert {"zh", "en", "other"} == set(settings.conformal.floors)


def test_every_stage_left_its_figures(checkpoint: Path) -> None:
    work = checkpoint.parent / "work"
    steps = [row["step"] for row in json.loads((work / "encoder" / "alignment.json").read_text())]
    assert steps == [0, 8]
    for stage in ("first", "second"):
        history = json.loads((work / stage / "history.json").read_text())
        assert [row["step"] for row in history if "eval_stance_f1" in row] == [6, 12]


def test_results_are_written(checkpoint: Path) -> None:
    scores = json.loads((checkpoint / "results" / "country-news.json").read_text())
    assert scores["checkpoint"] == load_checkpoint(checkpoint).digest()
    assert set(scores["stance"]) == {"smoke", "TF-IDF + linear", "target only", "majority"}
    assert set(scores["certainty"]) == {"all", "zh", "en"}
    robustness = json.loads((checkpoint / "results" / "robustness.json").read_text())
    assert robustness["swaps"]["all"]["changed"]["rows"] > 1_000


def test_splits_share_no_event(tmp_path: Path) -> None:
    folder = write_data(tmp_path) / "data" / "country-news"
    texts = {
        split: {
            json.loads(line)["text"] for line in (folder / f"{split}.jsonl").read_text("utf-8").splitlines()
        }
        for split in ("train", "dev", "test")
    }
    assert all(texts.values())
    assert len(set.union(*texts.values())) == sum(map(len, texts.values())) == 80
