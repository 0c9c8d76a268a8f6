"""Evaluation of a checkpoint on a data set."""

from __future__ import annotations

from pathlib import Path

import pytest

from polystance.errors import DataError
from polystance.models.checkpoint import Checkpoint
from polystance.training.evaluation import evaluate, evaluate_dataset
from polystance.training.examples import read_examples
from tests.unit.tiny import CHINESE, ENGLISH, write_jsonl


def rows(*texts: str) -> list[dict[str, object]]:
    return [
        {"id": f"{n}", "lang": "en" if text.isascii() else "zh", "text": text, "target": "US", "label": label}
        for n, (text, label) in enumerate(zip(texts, ("favor", "neutral", "against") * 9, strict=False))
    ]


def test_a_set_without_a_train_split_is_scored_without_controls(tiny: Checkpoint, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "newsmtsc" / "test.jsonl", rows(*ENGLISH, *CHINESE))
    result = evaluate_dataset(tmp_path, "newsmtsc", "test", tiny.path, controls=False)
    assert (result.texts, result.overlap, list(result.stance)) == (6, 0, ["tiny"])
    alone = evaluate(tiny, read_examples(tmp_path, "newsmtsc", "test"))
    assert result.stance["tiny"] == alone
    with pytest.raises(DataError, match=r"train\.jsonl"):
        evaluate_dataset(tmp_path, "newsmtsc", "test", tiny.path)


def test_texts_that_the_train_split_has_are_left_out(tiny: Checkpoint, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "newsmtsc" / "test.jsonl", rows(*ENGLISH, *CHINESE))
    write_jsonl(tmp_path / "newsmtsc" / "train.jsonl", rows(ENGLISH[0], "Another text."))
    result = evaluate_dataset(tmp_path, "newsmtsc", "test", tiny.path, controls=False)
    assert (result.texts, result.overlap) == (5, 1)
