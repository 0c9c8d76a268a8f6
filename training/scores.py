"""Scores of passage predictions on labelled examples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from polystance.models.calibration import Calibration
from polystance.models.labels import FRAMES, STANCES, TONES
from polystance.training.examples import Example
from polystance.training.metrics import FloatArray, IntArray, class_f1, macro_f1, micro_f1
from polystance.training.prediction import PassageLogits


def stance_arrays(
    examples: Sequence[Example], predictions: Sequence[PassageLogits]
) -> tuple[IntArray, FloatArray, list[str], list[str]]:
    """Gold classes (rows,), logits (rows, 3), languages and documents, one row per example and target."""
    rows = [
        (STANCES.index(label), prediction.stances[target], example.language, example.document)
        for example, prediction in zip(examples, predictions, strict=True)
        for target, label in example.stances.items()
    ]
    gold = np.array([r[0] for r in rows], dtype=np.int64)
    logits = np.array([r[1] for r in rows], dtype=np.float64).reshape(-1, len(STANCES))
    return gold, logits, [r[2] for r in rows], [r[3] for r in rows]


def stance_probabilities(
    calibration: Calibration, logits: FloatArray, languages: Sequence[str]
) -> FloatArray:
    """Calibrated probabilities (rows, 3) from the logits and languages of `stance_arrays`."""
    rows = [calibration.softmax("stance", x, language) for x, language in zip(logits, languages, strict=True)]
    return np.array(rows, dtype=np.float64).reshape(-1, len(STANCES))


def passage_scores(examples: Sequence[Example], predictions: Sequence[PassageLogits]) -> dict[str, float]:
    """Stance macro-F1 in all, per language and class; tone macro-F1; frames micro-F1 at 0.5. All 0 to 1."""
    gold, logits, languages, _ = stance_arrays(examples, predictions)
    guess = logits.argmax(1)
    scores = {"stance_f1": macro_f1(gold, guess)}
    for language in sorted(set(languages)):
        rows = np.array([x == language for x in languages])
        scores[f"stance_f1_{language}"] = macro_f1(gold[rows], guess[rows])
    scores.update(
        {f"f1_{s}": float(f) for s, f in zip(STANCES, class_f1(gold, guess, len(STANCES)), strict=True)}
    )
    toned = [
        (TONES.index(e.tone), int(p.tone.argmax()))
        for e, p in zip(examples, predictions, strict=True)
        if e.tone
    ]
    if toned:
        tone_gold, tone_guess = np.array(toned).T
        scores["tone_f1"] = macro_f1(tone_gold, tone_guess)
    framed = [
        (e.frames, p.frames) for e, p in zip(examples, predictions, strict=True) if e.frames is not None
    ]
    if framed:
        table = np.array([[f in frames for f in FRAMES] for frames, _ in framed])
        scores["frames_f1"] = micro_f1(table, np.array([logit > 0 for _, logit in framed]))
    return scores
