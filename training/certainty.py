"""What a checkpoint's probabilities are worth: conformal sets, and accuracy against share kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from polystance.models.checkpoint import Settings
from polystance.models.labels import STANCES
from polystance.training.examples import Example
from polystance.training.metrics import FloatArray, IntArray, macro_f1
from polystance.training.prediction import PassageLogits
from polystance.training.scores import stance_arrays, stance_probabilities

_CONFIDENCES: Final = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


@dataclass(frozen=True)
class Kept:
    """What `--min-confidence` does. Shares and scores from 0 to 1.

    Attributes:
        confidence: Least probability of a label that is kept.
        share: Of the labels that are.
        accuracy: Among these; None if none is kept.
        macro_f1: Among these; None likewise.
    """

    confidence: float
    share: float
    accuracy: float | None
    macro_f1: float | None


@dataclass(frozen=True)
class Certainty:
    """Of one slice of the labels.

    Attributes:
        rows: Stance labels, one per text and target.
        coverage: Share of conformal sets that hold the right label; they are made for 0.9.
        set_size: Mean number of labels in a set, 1 to 3.
        kept: A row per least confidence.
    """

    rows: int
    coverage: float
    set_size: float
    kept: tuple[Kept, ...]


def certainty(
    settings: Settings, examples: Sequence[Example], predictions: Sequence[PassageLogits]
) -> dict[str, Certainty]:
    """By slice: "all" and each language. Empty if no example has a stance."""
    gold, logits, languages, _ = stance_arrays(examples, predictions)
    if not len(gold):
        return {}
    p = stance_probabilities(settings.calibration, logits, languages)
    sets = settings.conformal
    inside = np.array([sets.members(x, language) for x, language in zip(p, languages, strict=True)])
    found = {}
    for part in ("all", *sorted(set(languages))):
        rows = np.flatnonzero([part in ("all", language) for language in languages])
        held = inside[rows, gold[rows]]
        found[part] = Certainty(
            rows=len(rows),
            coverage=float(held.mean()),
            set_size=float(inside[rows].sum(1).mean()),
            kept=tuple(_kept(gold[rows], p[rows], confidence) for confidence in _CONFIDENCES),
        )
    return found


def _kept(gold: IntArray, p: FloatArray, confidence: float) -> Kept:
    rows = p.max(1) >= confidence
    guess = p[rows].argmax(1)
    if not rows.any():
        return Kept(confidence, 0.0, None, None)
    return Kept(
        confidence,
        float(rows.mean()),
        float((guess == gold[rows]).mean()),
        macro_f1(gold[rows], guess, len(STANCES)),
    )
