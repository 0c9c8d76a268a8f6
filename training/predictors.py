"""Predictors: whatever labels stances, brought into one form so that all are scored the same way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np

from polystance.errors import DataError, UsageError
from polystance.models.checkpoint import Checkpoint, load_checkpoint
from polystance.models.labels import STANCES
from polystance.models.records import Article, ArticleLabels
from polystance.models.targets import parse_targets
from polystance.training.examples import Example
from polystance.training.metrics import FloatArray, IntArray
from polystance.training.prediction import PassageLogits, predict_texts

Prediction = Mapping[str, str | Mapping[str, float]]
"""Target -> a stance, or the probability of each stance."""
Predictor = Callable[[Sequence[Example]], Sequence[Prediction]]
"""Gets examples, gives for each in order a prediction of at least the targets in `Example.stances`."""
_TOLERANCE: Final = 1e-3  # what probabilities may be off 1 by: float16 softmax


@runtime_checkable
class Classifier(Protocol):
    """What labels whole articles, such as `polystance.StanceClassifier`."""

    def classify(self, articles: Any, targets: Any = ...) -> list[ArticleLabels]: ...


@dataclass(frozen=True)
class StanceRows:
    """Labels beside predictions, a row per text and target.

    Attributes:
        gold, predicted: Indices into `STANCES`, (rows,).
        probabilities: (rows, 3), None if the predictor gives labels only.
        languages, documents, targets, outlets: Of each row.
    """

    gold: IntArray
    predicted: IntArray
    probabilities: FloatArray | None
    languages: Sequence[str]
    documents: Sequence[str]
    targets: Sequence[str]
    outlets: Sequence[str]

    def parts(self) -> dict[str, IntArray]:
        """Rows of each slice that is scored: "all" and each language."""
        found = {"all": np.arange(len(self.gold))}
        return found | group_rows(self.languages)


def group_rows(names: Sequence[str]) -> dict[str, IntArray]:
    """Rows by name, sorted by name."""
    values = np.asarray(names)
    return {name: np.flatnonzero(values == name) for name in sorted(set(names))}


def stance_rows(
    predictor: Predictor | Classifier | Checkpoint | str | Path, examples: Sequence[Example]
) -> StanceRows:
    """Have examples labelled, and check what comes back.

    Raises:
        DataError: There is nothing to score, or a prediction is missing or none: an unknown label,
            probabilities that are not finite or don't sum to 1.
        UsageError: `predictor` is nothing that predicts.
    """
    if not any(e.stances for e in examples):
        raise DataError("No example has a stance label: nothing to score.")
    predictions = list(as_predictor(predictor)(examples))
    if len(predictions) != len(examples):
        raise DataError(
            f"The predictor gave {len(predictions)} predictions for {len(examples)} examples. "
            "It must give one for each, in their order."
        )
    gold, rows, places = [], [], []
    plain = False
    for example, prediction in zip(examples, predictions, strict=True):
        for target, label in example.stances.items():
            if not isinstance(prediction, Mapping) or target not in prediction:
                raise DataError(
                    f"The predictor gave nothing for target {target!r} of {example.id!r}. A prediction is a "
                    "mapping of each target to a stance, or to a probability for each stance."
                )
            plain = plain or isinstance(prediction[target], str)
            gold.append(STANCES.index(label))
            rows.append(_probabilities(prediction[target], f"target {target!r} of {example.id!r}"))
            places.append((example.language, example.document, target, example.group))
    table = np.array(rows)
    return StanceRows(
        np.array(gold),
        table.argmax(1),
        None if plain else table,
        *(list(column) for column in zip(*places, strict=True)),
    )


def _probabilities(given: str | Mapping[str, float], where: str) -> list[float]:
    if isinstance(given, str):
        if given not in STANCES:
            raise DataError(f"The predictor gave {given!r} for {where}; stances are {', '.join(STANCES)}.")
        return [float(given == stance) for stance in STANCES]
    if not isinstance(given, Mapping) or set(given) != set(STANCES):
        raise DataError(
            f"The predictor gave {given!r} for {where}. Give one of {', '.join(STANCES)}, "
            "or a mapping with the probability of each of them."
        )
    values = [float(given[stance]) for stance in STANCES]
    if not (np.isfinite(values).all() and min(values) >= 0 and abs(sum(values) - 1) <= _TOLERANCE):
        raise DataError(
            f"The predictor gave {dict(given)} for {where}. Probabilities must be finite, not negative, and "
            "sum to 1; if these are scores, give the label alone: the calibration is then left out."
        )
    return values


def as_predictor(given: Predictor | Classifier | Checkpoint | str | Path) -> Predictor:
    """A callable, a classifier, a checkpoint, or its folder, name or hub id, as a predictor."""
    if isinstance(given, str | Path):
        given = load_checkpoint(given)
    if isinstance(given, Checkpoint):
        return CheckpointPredictor(given)
    if isinstance(given, Classifier):
        return classifier_predictor(given)
    if callable(given):
        return given
    raise UsageError(
        f"A {type(given).__name__} can't predict: give a callable that takes examples, a StanceClassifier, "
        "or a checkpoint's folder, name or hub id."
    )


class CheckpointPredictor:
    """A checkpoint on the mentions that the examples mark. It reads each example once, and remembers."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self._read: dict[int, tuple[Example, PassageLogits]] = {}  # the example too, so that its id stays its

    def logits(self, examples: Sequence[Example]) -> list[PassageLogits]:
        """Of each example, its windows pooled."""
        new = [e for e in examples if id(e) not in self._read]
        self._read |= {
            id(e): (e, logits) for e, logits in zip(new, predict_texts(self.checkpoint, new), strict=True)
        }
        return [self._read[id(e)][1] for e in examples]

    def __call__(self, examples: Sequence[Example]) -> list[dict[str, Mapping[str, float]]]:
        calibration = self.checkpoint.settings.calibration
        rows = []
        for example, logits in zip(examples, self.logits(examples), strict=True):
            row: dict[str, Mapping[str, float]] = {}
            for target, values in logits.stances.items():
                p = calibration.softmax("stance", values, example.language)
                row[target] = dict(zip(STANCES, p.tolist(), strict=True))
            rows.append(row)
        return rows


def classifier_predictor(classifier: Classifier) -> Predictor:
    """A classifier as users run it: it finds the mentions by itself.

    Its targets are those of `parse_targets`, so a text of two letters that is no country's code raises
    TargetError; sets whose targets are words like "he" are for a checkpoint, which takes any target.
    """

    def predict(examples: Sequence[Example]) -> list[dict[str, Mapping[str, float]]]:
        labels = label_examples(classifier, examples)
        return [
            {t: item.stances[parse_targets([t])[0]].probabilities for t in e.stances}
            for e, item in zip(examples, labels, strict=True)
        ]

    return predict


def label_examples(classifier: Classifier, examples: Sequence[Example]) -> list[ArticleLabels]:
    """Labels of each example for its own targets; those with the same targets are classified together."""
    together: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, example in enumerate(examples):
        together[tuple(example.stances)].append(number)
    found: dict[int, ArticleLabels] = {}
    for targets, numbers in together.items():
        chosen = (examples[number] for number in numbers)
        articles = [Article(e.id, e.text, title=e.title, language=e.language) for e in chosen]
        found.update(zip(numbers, classifier.classify(articles, targets or "auto"), strict=True))
    return [found[number] for number in range(len(examples))]
