"""The same labels on a GPU as on a CPU. Run where there is one: `pytest -m gpu`."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from polystance.inference.classifier import StanceClassifier
from polystance.models.checkpoint import load_checkpoint
from polystance.models.labels import STANCES
from polystance.models.records import ArticleLabels
from polystance.training.examples import read_seeds

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here"),
]
ARTICLES = [{"id": e.id, "title": e.title, "text": e.text, "language": e.language} for e in read_seeds()]


def probabilities(labels: list[ArticleLabels]) -> np.ndarray:
    return np.array([[s.probabilities[x] for x in STANCES] for a in labels for s in a.stances.values()])


@pytest.fixture(scope="module")
def on_cpu() -> np.ndarray:
    return probabilities(StanceClassifier.from_pretrained(device="cpu", precision="fp32").classify(ARTICLES))


@pytest.mark.parametrize("batch_tokens", [1_024, 65_536])
def test_float32_gives_the_same_probabilities(on_cpu: np.ndarray, batch_tokens: int) -> None:
    classifier = StanceClassifier(load_checkpoint(device="cuda"), batch_tokens=batch_tokens)
    np.testing.assert_allclose(probabilities(classifier.classify(ARTICLES)), on_cpu, atol=1e-4)


def test_bfloat16_is_the_default_and_keeps_the_labels(on_cpu: np.ndarray) -> None:
    classifier = StanceClassifier.from_pretrained()
    assert classifier.checkpoint.model.device.type == "cuda"
    assert classifier.checkpoint.model.dtype == torch.bfloat16
    found = probabilities(classifier.classify(ARTICLES))
    assert np.abs(found - on_cpu).mean() < 0.01
    assert (found.argmax(1) == on_cpu.argmax(1)).mean() > 0.98


def test_no_label_depends_on_batch_mates_in_bfloat16() -> None:
    classifier = StanceClassifier.from_pretrained()
    together = probabilities(classifier.classify(ARTICLES))
    alone = np.concatenate([probabilities(classifier.classify(a)) for a in ARTICLES])
    sure = np.sort(together, axis=1)[:, -1] - np.sort(together, axis=1)[:, -2] > 0.05
    assert (together.argmax(1) == alone.argmax(1))[sure].all()
