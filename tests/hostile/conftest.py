from __future__ import annotations

from tests.unit.conftest import classifier, tiny, tiny_folder

__all__ = ["classifier", "tiny", "tiny_folder"]  # the tiny random model: labels don't matter here
