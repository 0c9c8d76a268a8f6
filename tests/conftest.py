from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from polystance.inference.classifier import StanceClassifier

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def tracked() -> list[Path]:
    """Files of the repository, relative to its root: committed ones and new ones that git would take."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    # The index still lists what was deleted since; the links in polystance/ lead to folders listed anyway.
    return sorted({Path(name) for name in listed if name and (ROOT / name).is_file()})


@pytest.fixture(scope="session")
def classifier() -> StanceClassifier:
    """The checkpoint that ships, on the CPU. (Under tests/unit the name means one on a tiny model.)"""
    from polystance.inference.classifier import StanceClassifier

    return StanceClassifier.from_pretrained(device="cpu", precision="fp32")
