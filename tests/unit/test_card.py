"""The model card: what its files say, all of it and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard, parse_eval_result_entries

from polystance.errors import CheckpointError, UsageError
from polystance.models.checkpoint import load_checkpoint, resolve
from polystance.training.card import CARD, render_card, write_card
from tests.unit.tiny import write_tiny

GOLDEN = Path(__file__).parents[1] / "golden" / "card.md"


def score(value: float, **more: Any) -> dict[str, Any]:
    return {"value": value, "low": value - 0.05, "high": value + 0.05, **more}


EVALUATION: dict[str, Any] = {
    "dataset": "harbour-news", "split": "test", "checkpoint": "0" * 64, "texts": 1200, "overlap": 3,
    "stance": {
        name: {
            "rows": 1500,
            "macro_f1": {"all": score(f1), "en": score(f1 + 0.01), "zh": score(f1 - 0.01)},
            "class_f1": {"favor": f1 - 0.1, "neutral": f1, "against": f1 + 0.1},
            "calibration_error": {"all": 0.031, "en": 0.04, "zh": 0.02},
            "prevalence_error": {"all": 0.012, "en": 0.013, "zh": 0.014},
            "reliability": {
                "all": [
                    {"low": 0.6, "high": 0.7, "rows": 300, "confidence": 0.66, "accuracy": 0.64},
                    {"low": 0.7, "high": 0.8, "rows": 4, "confidence": 0.71, "accuracy": 0.5},
                ]
            },
            "by_target": {"US": score(0.66, rows=400)},
            "by_outlet": {"The | Post": score(0.55, rows=40)},
        }
        for name, f1 in (("tiny", 0.71), ("TF-IDF + linear", 0.52), ("target only", 0.31), ("majority", 0.28))
    },
    "tone": {"all": score(0.77), "en": score(0.78), "zh": score(0.76)},
    "frames": {"all": score(0.81), "en": score(0.8), "zh": score(0.82)},
    "frame_f1": {"economic": score(0.9, rows=120)},
    "certainty": {
        part: {"rows": rows, "coverage": 0.905, "set_size": 1.21, "kept": []}
        for part, rows in (("all", 1500), ("en", 700), ("zh", 800))
    },
}  # fmt: skip
ONE_LANGUAGE: dict[str, Any] = {
    "dataset": "ferry-posts", "split": "test", "checkpoint": "0" * 64, "texts": 90, "overlap": 0,
    "stance": {
        "tiny": {
            "rows": 90, "macro_f1": {"all": score(0.6), "en": score(0.6)},
            "class_f1": {"favor": 0.5, "neutral": 0.6, "against": 0.7},
            "calibration_error": {"all": 0.05, "en": 0.05},
        }
    },
    "tone": {}, "frames": {}, "certainty": {},
}  # fmt: skip
TRAINING: dict[str, Any] = {
    "recipe": {"name": "tiny", "encoder": "someone/encoder", "teacher": None},
    "data": [
        {
            "name": "harbour-news", "split": "train", "texts": 9000, "labels": 12000, "license": "CC BY 4.0",
            "source": "harbour.example", "languages": ["en", "zh"],
        }
    ],
    "stages": {
        "news": [{"step": 100, "stance_f1": 0.5}, {"step": 1200, "stance_f1": 0.7, "tone_f1": 0.75}],
    },
    "versions": {"polystance": "0.1.0", "torch": "2.13.0"},
}  # fmt: skip
ROBUSTNESS: dict[str, Any] = {
    "probes": {"negation_zh": {"right": score(0.8), "pairs_right": score(0.6)}},
    "swaps": {"all": {"changed": score(0.06), "right": score(0.9)}},
    "failures": [
        {
            "kind": "sarcasm", "language": "en", "text": "Another | triumph.", "target": "US",
            "gold": "against", "given": "favor",
        }
    ],
}  # fmt: skip
DESCRIPTION: dict[str, Any] = {
    "license": "mit",
    "summary": "A tiny model of harbours.",
    "annotation": "Labelled by two harbour masters.",
    "agreement": [{"what": "two passes", "rows": 480, "kappa": 0.8}],
    "limits": ["Harbours alone."],
    "hub_datasets": {"ferry-posts": "someone/ferry-posts"},
    "citation": "@misc{harbour}",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tiny(tmp_path)
    results = tmp_path / "results"
    results.mkdir()
    for name, content in (
        ("harbour-news", EVALUATION),
        ("ferry-posts", ONE_LANGUAGE),
        ("training", TRAINING),
        ("robustness", ROBUSTNESS),
        ("description", DESCRIPTION),
        (
            "speed",
            [
                {
                    "device": "cpu",
                    "threads": 2,
                    "dtype": "bfloat16",
                    "articles_per_second": 61.5,
                    "tokens_per_second": 22319,
                }
            ],
        ),
        ("emissions", {"energy_kwh": 0.4, "measured_by": "codecarbon 3.0"}),
    ):
        (results / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    sign(tmp_path)
    return tmp_path


def sign(folder: Path) -> None:
    """Make the scores in a folder those of the checkpoint there."""
    digest = load_checkpoint(folder).digest()
    for path in (folder / "results").glob("*.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        if "checkpoint" in content:
            path.write_text(json.dumps({**content, "checkpoint": digest}), encoding="utf-8")


def test_golden(folder: Path) -> None:
    text = re.sub(r"[0-9a-f]{64}", "DIGEST", render_card(folder))
    assert text == GOLDEN.read_text(encoding="utf-8"), "if the change is meant, write the golden file anew"


def test_metadata_is_what_the_hub_reads(folder: Path) -> None:
    path = write_card(folder)
    card = ModelCard.load(path)
    assert card.data.license == "mit"
    assert card.data.base_model == "someone/encoder"
    assert card.data.language == ["en", "zh"]
    rows = {
        (r.dataset_name, r.metric_name): r.metric_value
        for r in card.data.eval_results  # type: ignore[union-attr]
    }
    assert rows["harbour-news", "stance macro-F1"] == 0.71
    assert rows["harbour-news", "stance macro-F1, zh"] == 0.7
    assert ("ferry-posts", "stance macro-F1, en") not in rows  # one language: the same again
    (file,) = (folder / ".eval_results").iterdir()
    (entry,) = parse_eval_result_entries(yaml.safe_load(file.read_text(encoding="utf-8")))
    assert (entry.dataset_id, entry.value) == ("someone/ferry-posts", 60.0)


@pytest.mark.parametrize(
    ("file", "path", "value", "shown"),
    [
        ("harbour-news", ("stance", "tiny", "macro_f1", "zh", "value"), 0.4321, "43.2 ("),
        ("harbour-news", ("stance", "tiny", "by_target", "US", "value"), 0.1234, "| US | 400 | 12.3 ("),
        ("harbour-news", ("certainty", "en", "coverage"), 0.8761, "87.6"),
        ("training", ("data", 0, "license"), "ODbL", "| ODbL |"),
        ("robustness", ("swaps", "all", "changed", "value"), 0.2345, "23.4 ("),
        ("description", ("limits", 0), "Ferries too.", "- Ferries too."),
        ("speed", (0, "articles_per_second"), 17.25, "| 17.25 |"),
        ("emissions", ("energy_kwh",), 1.75, "1.75 kWh"),
    ],
)
def test_a_changed_result_changes_the_card(
    folder: Path, file: str, path: tuple[Any, ...], value: Any, shown: str
) -> None:
    assert shown not in render_card(folder)
    result = folder / "results" / f"{file}.json"
    content = inner = json.loads(result.read_text(encoding="utf-8"))
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    result.write_text(json.dumps(content), encoding="utf-8")
    assert shown in render_card(folder)


def test_what_has_no_file_is_left_out_or_said_to_be_unknown(folder: Path) -> None:
    for name in ("training", "robustness", "description", "speed", "emissions", "ferry-posts"):
        (folder / "results" / f"{name}.json").unlink()
    text = render_card(folder)
    assert "Not stated." in text
    assert "Not recorded." in text
    assert "kWh" not in text
    assert "It was not tested on negation" in text
    write_card(folder)
    assert not (folder / ".eval_results").exists()


def test_no_card_without_scores_or_checkpoint(folder: Path) -> None:
    for name in ("harbour-news", "ferry-posts"):
        (folder / "results" / f"{name}.json").unlink()
    with pytest.raises(UsageError, match="polystance evaluate"):
        write_card(folder)
    with pytest.raises(CheckpointError, match=r"config\.json"):
        write_card(folder / "results")


def test_scores_of_another_checkpoint_are_refused(folder: Path) -> None:
    write_card(folder)
    settings = folder / "polystance.json"
    settings.write_text(settings.read_text(encoding="utf-8").replace("96", "80"), encoding="utf-8")
    with pytest.raises(UsageError, match="ferry-posts, harbour-news of another checkpoint"):
        write_card(folder)
    sign(folder)
    description = {key: value for key, value in DESCRIPTION.items() if key != "hub_datasets"}
    (folder / "results" / "description.json").write_text(json.dumps(description), encoding="utf-8")
    write_card(folder)
    assert not list((folder / ".eval_results").iterdir())  # what was there is not of this card


def test_damaged_or_unknown_results_are_named(folder: Path) -> None:
    description = folder / "results" / "description.json"
    description.write_text(json.dumps({"licence": "mit"}), encoding="utf-8")
    with pytest.raises(UsageError, match="unknown licence"):
        render_card(folder)
    description.write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match=r"description\.json is not JSON"):
        render_card(folder)


def test_the_shipped_checkpoint_carries_its_card() -> None:
    shipped = resolve()
    assert (shipped / CARD).read_text(encoding="utf-8") == render_card(shipped), "run `polystance card`"
