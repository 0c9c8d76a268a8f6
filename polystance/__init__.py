"""polystance: how news in Chinese and English presents countries.

The public names are loaded on first use, so that `import polystance` stays cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from polystance.inference.classifier import StanceClassifier as StanceClassifier
    from polystance.inference.comparison import Comparison as Comparison
    from polystance.inference.comparison import compare as compare
    from polystance.inference.pipeline import stance_pipeline as stance_pipeline
    from polystance.inference.sampling import draw_sample as draw_sample
    from polystance.inference.sampling import read_labels as read_labels
    from polystance.models.records import Article as Article
    from polystance.models.records import ArticleLabels as ArticleLabels
    from polystance.models.records import Evidence as Evidence
    from polystance.models.records import StanceLabel as StanceLabel
    from polystance.models.records import ToneLabel as ToneLabel
    from polystance.training.datafiles import load_examples as load_examples
    from polystance.training.evaluation import evaluate as evaluate
    from polystance.training.examples import Example as Example
    from polystance.training.significance import compare_predictors as compare_predictors

__version__ = "0.1.0"

_HOMES = {
    "Article": "polystance.models.records",
    "ArticleLabels": "polystance.models.records",
    "Comparison": "polystance.inference.comparison",
    "Evidence": "polystance.models.records",
    "Example": "polystance.training.examples",
    "StanceClassifier": "polystance.inference.classifier",
    "StanceLabel": "polystance.models.records",
    "ToneLabel": "polystance.models.records",
    "compare": "polystance.inference.comparison",
    "compare_predictors": "polystance.training.significance",
    "draw_sample": "polystance.inference.sampling",
    "evaluate": "polystance.training.evaluation",
    "load_examples": "polystance.training.datafiles",
    "read_labels": "polystance.inference.sampling",
    "stance_pipeline": "polystance.inference.pipeline",
}

__all__ = [*sorted(_HOMES), "__version__"]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'polystance' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
