from __future__ import annotations

from pathlib import Path

import pytest

from polystance.inference.classifier import StanceClassifier
from polystance.models.checkpoint import Checkpoint, load_checkpoint
from polystance.models.encoding import WindowEncoder
from tests.unit.tiny import write_tiny


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("tiny") / "checkpoint")


@pytest.fixture(scope="session")
def tiny(tiny_folder: Path) -> Checkpoint:
    return load_checkpoint(tiny_folder)


@pytest.fixture(scope="session")
def encoder(tiny: Checkpoint) -> WindowEncoder:
    return tiny.encoder


@pytest.fixture(scope="session")
def classifier(tiny: Checkpoint) -> StanceClassifier:
    return StanceClassifier(tiny, batch_articles=4)
