"""Float32: the same labels, and probabilities within 1e-4, whatever the batches and the number of threads."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from polystance.inference.classifier import StanceClassifier
from polystance.models.checkpoint import Checkpoint, load_checkpoint
from polystance.models.labels import FRAMES, STANCES, TONES
from polystance.models.records import ArticleLabels
from polystance.training.examples import read_seeds
from tests.unit.tiny import CHINESE, ENGLISH, write_tiny

SETTINGS = [
    # batch_tokens, batch_articles, threads
    (1, 256, 1),
    (300, 256, 1),
    (4_096, 1, 1),
    (4_096, 3, 2),
    (65_536, 256, 2),
    (65_536, 256, 4),
]


@pytest.fixture(scope="module", params=["tiny", "shipped"])
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    folder = write_tiny(tmp_path_factory.mktemp("tiny")) if request.param == "tiny" else None
    found = load_checkpoint(folder, device="cpu")
    assert found.model.dtype == torch.float32
    return found


@pytest.fixture(scope="module")
def articles() -> list[dict[str, str]]:
    """Short and long, in both languages."""
    rows = [{"id": e.id, "title": e.title, "text": e.text, "language": e.language} for e in read_seeds()]
    chosen = [row for language in ("zh", "en") for row in [r for r in rows if r["language"] == language][:3]]
    chosen[1]["text"] *= 4
    return chosen + [{"id": text, "text": text} for text in (*ENGLISH, *CHINESE)]


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def labels(found: list[ArticleLabels]) -> list[object]:
    return [
        (
            a.article.id, a.tone.label, a.frames, a.windows, a.tokens,
            [(s.target, s.label, s.plausible, s.evidence) for s in a.stances.values()],
        )
        for a in found
    ]  # fmt: skip


def probabilities(found: list[ArticleLabels]) -> np.ndarray:
    rows = [[a.tone.probabilities[name] for name in TONES] for a in found]
    rows += [[s.probabilities[name] for name in STANCES] for a in found for s in a.stances.values()]
    frames = [a.frame_probabilities[name] for a in found for name in FRAMES]
    return np.concatenate([np.ravel(rows), frames])


@pytest.fixture(scope="module")
def expected(checkpoint: Checkpoint, articles: list[dict[str, str]]) -> list[ArticleLabels]:
    return StanceClassifier(checkpoint).classify(articles)


@pytest.mark.parametrize(("batch_tokens", "batch_articles", "number"), SETTINGS)
def test_labels_depend_neither_on_batches_nor_on_threads(
    checkpoint: Checkpoint,
    articles: list[dict[str, str]],
    expected: list[ArticleLabels],
    batch_tokens: int,
    batch_articles: int,
    number: int,
) -> None:
    torch.set_num_threads(number)
    classifier = StanceClassifier(checkpoint, batch_tokens=batch_tokens, batch_articles=batch_articles)
    found = classifier.classify(articles)
    assert (
        len({s.label for a in found for s in a.stances.values()}) > 1
    )  # else there is nothing to tell apart
    assert labels(found) == labels(expected)
    np.testing.assert_allclose(probabilities(found), probabilities(expected), rtol=0, atol=1e-4)
