"""The pipeline object, called as those of transformers are."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers.pipelines.pt_utils import KeyDataset
from transformers.utils import logging as transformers_logging

from polystance import stance_pipeline
from polystance.errors import TargetError, UsageError
from polystance.inference.classifier import StanceClassifier
from polystance.inference.pipeline import StancePipeline
from tests.unit.tiny import CHINESE, ENGLISH

TEXTS = [*ENGLISH, *CHINESE]


@pytest.fixture(scope="module")
def pipe(classifier: StanceClassifier) -> StancePipeline:
    return stance_pipeline(classifier)


def test_one_text_and_many(pipe: StancePipeline, classifier: StanceClassifier) -> None:
    one = pipe(ENGLISH[0])
    assert [set(row) for row in one] == [{"target", "label", "score"}] * 2
    (labels,) = classifier.classify(ENGLISH[0])
    for row, (target, stance) in zip(one, labels.stances.items(), strict=True):
        assert row == {"target": target, "label": stance.label, "score": max(stance.probabilities.values())}
    many = pipe(TEXTS)
    assert isinstance(many, list)
    assert [[row["target"] for row in rows] for rows in many] == [
        list(item.stances) for item in classifier.classify(TEXTS)
    ]
    assert pipe({"text": ENGLISH[0], "title": "Japan"})[0]["target"] == "JP"
    assert pipe([]) == []


def test_iterables_give_an_iterator_that_reads_as_it_goes(pipe: StancePipeline) -> None:
    read = 0

    def texts() -> Iterator[str]:
        nonlocal read
        for n in range(500):
            read += 1
            yield f"{ENGLISH[n % 2]} {n}"

    found = pipe(texts(), batch_size=4)
    assert not isinstance(found, list)
    assert read == 0
    next(found)
    assert read < 100
    rows = [{"body": text, "n": n} for n, text in enumerate(TEXTS)]
    keyed = pipe(KeyDataset(Dataset.from_list(rows), "body"))
    assert not isinstance(keyed, list)
    assert targets(list(keyed)) == targets(pipe(TEXTS))
    assert targets(list(pipe(Dataset.from_list([{"text": t} for t in TEXTS])))) == targets(pipe(TEXTS))


def targets(rows: Any) -> list[list[str]]:
    return [[row["target"] for row in found] for found in rows]


@pytest.mark.parametrize("size", [1, 2, 64])
def test_batches_change_no_label(pipe: StancePipeline, size: int) -> None:
    texts = [f"{a} {b}" for a in TEXTS for b in TEXTS]
    options: dict[str, Any] = {"targets": ["US", "CN", "JP"], "top_k": 3}
    for a, b in zip(pipe(texts, **options), pipe(texts, **options, batch_size=size), strict=True):
        for x, y in zip(a, b, strict=True):
            assert (x["target"], x["label"]) == (y["target"], y["label"])
            assert x["score"] == pytest.approx(y["score"], abs=1e-5)


def test_top_k_and_targets(pipe: StancePipeline, classifier: StanceClassifier) -> None:
    rows = pipe(ENGLISH[2], targets=["US", "rare earths"], top_k=3)
    assert [row["target"] for row in rows] == ["US"] * 3 + ["rare earths"] * 3
    for target in ("US", "rare earths"):
        scores = [row["score"] for row in rows if row["target"] == target]
        assert scores == sorted(scores, reverse=True)
        assert sum(scores) == pytest.approx(1)
    assert pipe(ENGLISH[2], targets=["US", "rare earths"]) == [rows[0], rows[3]]
    fixed = stance_pipeline(classifier, targets=["US"], top_k=2)
    assert len(fixed(ENGLISH[2])) == 2
    assert pipe(ENGLISH[2]) == []  # names no country
    for options in ({"top_k": 0}, {"top_k": 4}, {"batch_size": 0}):
        with pytest.raises(UsageError, match="; give "):
            pipe("Japan.", **options)
    with pytest.raises(TargetError):
        pipe("Japan.", targets=["QX"])
    with pytest.raises(UsageError, match="no text"):
        pipe(["Japan.", " "])
    with pytest.raises(UsageError, match="loaded already"):
        stance_pipeline(classifier, precision="fp32")


@pytest.mark.parametrize("device", ["cpu", -1, torch.device("cpu")])
def test_loading_and_calling_warns_of_nothing(
    tiny_folder: Path, device: Any, caplog: pytest.LogCaptureFixture
) -> None:
    transformers_logging.enable_propagation()
    try:
        with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
            warnings.simplefilter("error")
            pipe = stance_pipeline(tiny_folder, device=device, precision="fp32")
            assert len(pipe(TEXTS)) == len(TEXTS)
    finally:
        transformers_logging.disable_propagation()
    assert [record.getMessage() for record in caplog.records] == []
