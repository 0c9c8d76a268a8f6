"""Fitting what lies beside the weights, on data disjoint from training: temperatures, thresholds, pooling."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from polystance.models.calibration import OTHER, Calibration
from polystance.models.checkpoint import Checkpoint, Settings, load_checkpoint
from polystance.models.conformal import ConformalSets
from polystance.models.forward import forward
from polystance.models.labels import FRAMES, STANCES, TONE_SLICE, TONES
from polystance.models.pooling import Pooling
from polystance.models.windows import make_windows, spots
from polystance.training.examples import Example, read_seeds
from polystance.training.metrics import macro_f1, micro_f1
from polystance.training.prediction import PassageLogits, predict_windows
from polystance.training.scores import stance_arrays, stance_probabilities

log = logging.getLogger(__name__)
_FEW = 50  # labels, fewer of which say less than what was fitted before
Array = NDArray[np.float64]
Rows = list[tuple[int, Array, NDArray[np.bool_]]]  # gold class, window logits, whether the first window


def fit_settings(
    checkpoint: Path, dev: Sequence[Example], articles: Sequence[Example], start: Settings | None = None
) -> Settings:
    """Settings with calibration and frame threshold fitted on passages, pooling on whole articles.

    The articles are those given and the sample corpus that ships.

    Args:
        start: Of the checkpoint that training went on from: what `dev` and `articles` are too few for
            stays as it was there.
    """
    loaded = load_checkpoint(checkpoint)
    predictions = predict_windows(loaded.model, loaded.encoder, dev)
    calibration = fit_calibration(dev, predictions, start.calibration if start else None)
    conformal = fit_conformal(dev, predictions, calibration, start.conformal if start else None)
    thresholds: Mapping[str, float]
    if start and sum(e.frames is not None for e in dev) < _FEW:
        thresholds = start.frame_thresholds
    else:
        thresholds = dict.fromkeys(FRAMES, fit_frame_threshold(dev, predictions, calibration))
    if start and not articles:
        pooling, tone_pooling = start.pooling, start.tone_pooling
    else:
        pooling, tone_pooling = fit_pooling(loaded, [articles, read_seeds()])
    log.info("calibration %s, pooling %s", calibration.to_dict(), pooling)
    return replace(
        loaded.settings,
        calibration=calibration,
        conformal=conformal,
        frame_thresholds=thresholds,
        pooling=pooling,
        tone_pooling=tone_pooling,
    )


def fit_calibration(
    examples: Sequence[Example], predictions: Sequence[PassageLogits], start: Calibration | None = None
) -> Calibration:
    """One temperature per head and language, by maximum likelihood; "other" is fitted on all languages.

    Each is drawn towards that of `start`, in logarithms, as if 50 labels had agreed on it; languages that
    the examples lack keep it.
    """
    stances, logits, languages, _ = stance_arrays(examples, predictions)
    labels: dict[str, tuple[Any, Any, list[str]]] = {"stance": (stances, logits, languages)}
    pairs = list(zip(examples, predictions, strict=True))
    toned = [(TONES.index(e.tone), p.tone, e.language) for e, p in pairs if e.tone]
    framed = [
        ([f in e.frames for f in FRAMES], p.frames, e.language) for e, p in pairs if e.frames is not None
    ]
    for head, rows in (("tone", toned), ("frames", framed)):
        labels[head] = (
            np.array([r[0] for r in rows]),
            np.array([r[1] for r in rows]),
            [r[2] for r in rows],
        )
    fitted = start.to_dict() if start else {}
    for head, (gold, scores, of) in labels.items():
        if not len(gold):  # a data set without these labels
            continue
        loss = _frame_loss if head == "frames" else _class_loss
        language = np.array(of)
        by_language = {}
        for name in (OTHER, *sorted(set(of))):
            rows_of = (language == name) | (name == OTHER)
            temperature = _temperature(loss, gold[rows_of], scores[rows_of])
            if start:
                weight = rows_of.sum() / (rows_of.sum() + _FEW)
                temperature **= weight
                temperature *= start.temperature(head, name) ** (1 - weight)
            by_language[name] = round(float(temperature), 4)
        fitted[head] = {**fitted.get(head, {}), **by_language}
    return Calibration(fitted)


def fit_conformal(
    examples: Sequence[Example],
    predictions: Sequence[PassageLogits],
    calibration: Calibration,
    start: ConformalSets | None = None,
) -> ConformalSets:
    """Floors of the 90% sets of stances, per language; those of `start` where there are under 50 labels."""
    gold, logits, languages, _ = stance_arrays(examples, predictions)
    if not len(gold):
        return start or ConformalSets()
    fitted = ConformalSets.fit(gold, stance_probabilities(calibration, logits, languages), languages)
    if start is None:
        return fitted
    counts = Counter([*languages, *[OTHER] * len(languages)])
    enough = {name: floor for name, floor in fitted.floors.items() if counts[name] >= _FEW}
    return replace(fitted, floors={**start.floors, **enough})


def _class_loss(labels: Array, logits: Array) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return float((np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]).mean())


def _frame_loss(labels: Array, logits: Array) -> float:
    return float((np.logaddexp(0, logits) - labels * logits).mean())


def _temperature(loss: Any, labels: Array, logits: Array) -> float:
    logits = np.asarray(logits, dtype=np.float64)
    found = minimize_scalar(lambda x: loss(labels, logits / np.exp(x)), bounds=(-2, 2), method="bounded")
    return round(float(np.exp(found.x)), 4)


def fit_frame_threshold(
    examples: Sequence[Example], predictions: Sequence[PassageLogits], calibration: Calibration
) -> float:
    """The one threshold for all frames with the highest micro-F1 (rare frames are too few for their own)."""
    pairs = [(e, p) for e, p in zip(examples, predictions, strict=True) if e.frames is not None]
    if not pairs:
        return 0.5
    gold = np.array([[f in (e.frames or ()) for f in FRAMES] for e, _ in pairs])
    probability = np.array([calibration.sigmoid(p.frames, e.language) for e, p in pairs])
    grid = np.arange(0.2, 0.71, 0.02)
    return round(float(grid[np.argmax([micro_f1(gold, probability >= x) for x in grid])]), 2)


def fit_pooling(checkpoint: Checkpoint, sets: Sequence[Sequence[Example]]) -> tuple[Pooling, Pooling]:
    """Pooling for stance and for tone with the highest macro-F1, on the mean of several sets of articles.

    The sets count the same, whatever their size: news that mostly reports and news that takes sides want
    different weights, and one set alone would tie the pooling to its own share of neutral labels.
    """
    stances, tones = zip(
        *(article_logits(checkpoint, articles) for articles in sets if articles), strict=True
    )
    return best_pooling(stances), best_pooling(tones)


def article_logits(checkpoint: Checkpoint, articles: Sequence[Example]) -> tuple[Rows, Rows]:
    """Stance and tone of each article: gold class, logits of the windows it rests on, which is the first."""
    encoder, limit = checkpoint.encoder, checkpoint.settings.window_tokens
    stances: Rows = []
    tones: Rows = []
    for article in articles:
        sentences = encoder.sentences(
            article.title, article.text, article.title_mentions, article.text_mentions
        )
        windows = make_windows(encoder, sentences, list(article.stances), article.language, limit)
        logits = iter(forward(checkpoint.model, [p for window in windows for p in window.passes]))
        outputs = [[next(logits) for _ in window.passes] for window in windows]
        for target, label in article.stances.items():
            used = spots(windows, outputs, target)
            stances.append(
                (
                    STANCES.index(label),
                    np.array([s.logits for s in used], dtype=np.float64),
                    np.array([s.index == 0 for s in used]),
                )
            )
        if article.tone:
            top = np.array([out[0][0, TONE_SLICE] for out in outputs], dtype=np.float64)
            tones.append((TONES.index(article.tone), top, np.arange(len(top)) == 0))
    return stances, tones


def best_pooling(sets: Sequence[Rows]) -> Pooling:
    """The pooling of a grid with the highest macro-F1, on the mean of the sets."""

    def score(pooling: Pooling) -> float:
        reached = []
        for rows in sets:
            gold = np.array([row[0] for row in rows])
            guess = np.array([pooling.pool(logits, first).argmax() for _, logits, first in rows])
            reached.append(macro_f1(gold, guess))
        return float(np.mean(reached))

    sets = [rows for rows in sets if rows]
    grid = product((0.0, 1.0, 2.0, 4.0, 8.0), (0.0, 0.5, 1.0), (-1.0, -0.75, -0.5, -0.25, 0.0, 0.25))
    # The plain mean comes first, and the first of equals is taken.
    return max((Pooling(), *(Pooling(*values) for values in grid)), key=score) if sets else Pooling()
