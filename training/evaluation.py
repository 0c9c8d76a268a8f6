"""Scores of any predictor on labelled examples, with intervals, and with the controls beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from polystance.errors import DataError
from polystance.models.checkpoint import Checkpoint, Settings, load_checkpoint
from polystance.models.labels import FRAMES, STANCES, TONES
from polystance.training.certainty import Certainty, certainty
from polystance.training.controls import Predictor, majority, target_only, tfidf
from polystance.training.examples import Example, has_rows, read_examples
from polystance.training.metrics import (
    Score,
    class_f1,
    expected_calibration_error,
    macro_f1,
    micro_f1,
    scored,
)
from polystance.training.prediction import PassageLogits, predict_windows

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class Evaluation:
    """Scores of one predictor.

    Attributes:
        rows: Stance labels scored, one per text and target.
        macro_f1: Stance macro-F1 by slice: "all" and each language.
        class_f1: F1 of each stance over all rows.
        calibration_error: Expected calibration error of the stances, by slice.
    """

    rows: int
    macro_f1: Mapping[str, Score]
    class_f1: Mapping[str, float]
    calibration_error: Mapping[str, float]


def evaluate(
    predictor: Predictor, examples: Sequence[Example], *, draws: int = 1000, seed: int = 0
) -> Evaluation:
    """Score stances.

    Args:
        predictor: Any callable; gets the examples, gives for each a mapping from each of its targets to
            the probability of each stance.
        examples: Labelled texts, as `training.examples` reads them.
        draws: Bootstrap samples of documents.

    Raises:
        DataError: There is nothing to score, or the predictor left out a target.
    """
    predictions = predictor(examples)
    gold, table, languages, documents = [], [], [], []
    for example, prediction in zip(examples, predictions, strict=True):
        for target, label in example.stances.items():
            if target not in prediction:
                raise DataError(f"The predictor gave nothing for target {target!r} of {example.id!r}.")
            gold.append(STANCES.index(label))
            table.append([prediction[target][stance] for stance in STANCES])
            languages.append(example.language)
            documents.append(example.document)
    if not gold:
        raise DataError("No example has a stance label: nothing to score.")
    truth, probability = np.array(gold), np.array(table, dtype=np.float64)
    guess = probability.argmax(1)
    scores, errors = {}, {}
    for part in ("all", *sorted(set(languages))):
        rows = np.flatnonzero([part in ("all", language) for language in languages])
        g, p = truth[rows], guess[rows]
        scores[part] = scored(
            lambda i, g=g, p=p: macro_f1(g[i], p[i]),  # type: ignore[misc]
            [documents[i] for i in rows],
            draws=draws,
            seed=seed,
        )
        errors[part] = expected_calibration_error(g, probability[rows])
    by_class = dict(zip(STANCES, class_f1(truth, guess, len(STANCES)).tolist(), strict=True))
    return Evaluation(len(truth), scores, by_class, errors)


def checkpoint_predictor(checkpoint: Checkpoint) -> Predictor:
    """A checkpoint as a predictor of passages: one window each, calibrated."""

    def predict(examples: Sequence[Example]) -> list[dict[str, Mapping[str, float]]]:
        return calibrated(
            checkpoint, examples, predict_windows(checkpoint.model, checkpoint.encoder, examples)
        )

    return predict


def calibrated(
    checkpoint: Checkpoint, examples: Sequence[Example], predictions: Sequence[PassageLogits]
) -> list[dict[str, Mapping[str, float]]]:
    """Logits of a checkpoint as a predictor gives them: per example and target, each stance's probability."""
    rows = []
    for example, logits in zip(examples, predictions, strict=True):
        row: dict[str, Mapping[str, float]] = {}
        for target, values in logits.stances.items():
            p = checkpoint.settings.calibration.softmax("stance", values, example.language)
            row[target] = dict(zip(STANCES, p.tolist(), strict=True))
        rows.append(row)
    return rows


@dataclass(frozen=True)
class DatasetEvaluation:
    """A checkpoint on one split, beside the controls.

    Attributes:
        texts: Texts that were scored.
        overlap: Texts left out since the train split of the set has them too.
        certainty: What the checkpoint's probabilities are worth, by slice: "all" and each language.
    """

    dataset: str
    split: str
    checkpoint: str
    texts: int
    stance: Mapping[str, Evaluation]
    tone: Mapping[str, Score] = field(default_factory=dict)
    frames: Mapping[str, Score] = field(default_factory=dict)
    certainty: Mapping[str, Certainty] = field(default_factory=dict)
    overlap: int = 0

    def table(self) -> Table:
        """For a terminal: a row per predictor, figures times 100."""
        from rich.table import Table

        first = next(iter(self.stance.values()))
        table = Table(
            title=f"{self.dataset} {self.split}: stance macro-F1 (95% interval), {first.rows} labels"
        )
        table.add_column("", no_wrap=True)
        slices = list(first.macro_f1)
        for name in (*slices, *STANCES, "ECE"):
            table.add_column(name, justify="right")
        for name, result in self.stance.items():
            table.add_row(
                name,
                *(
                    f"{100 * f.value:.1f}\n{100 * f.low:.0f} to {100 * f.high:.0f}"
                    for f in map(result.macro_f1.get, slices)
                    if f
                ),
                *(f"{100 * result.class_f1[s]:.0f}" for s in STANCES),
                f"{100 * result.calibration_error['all']:.1f}",
            )
        rest = (("tone macro-F1", self.tone.get("all")), ("frames micro-F1", self.frames.get("all")))
        table.caption = "; ".join(f"{name} {score}" for name, score in rest if score)
        return table


def evaluate_dataset(
    data: Path,
    name: str = "country-news",
    split: str = "test",
    model: str | Path | None = None,
    *,
    controls: bool = True,
) -> DatasetEvaluation:
    """Score a checkpoint on a split of a data set in `data`, controls fitted on its train split."""
    train = read_examples(data, name, "train") if controls or has_rows(data / name, "train") else []
    return evaluate_examples(
        load_checkpoint(model),
        read_examples(data, name, split),
        train,
        read_examples(data, name, "dev") if controls else [],
        dataset=name,
        split=split,
        controls=controls,
    )


def evaluate_examples(
    checkpoint: Checkpoint,
    examples: Sequence[Example],
    train: Sequence[Example],
    dev: Sequence[Example],
    *,
    dataset: str,
    split: str,
    controls: bool = True,
) -> DatasetEvaluation:
    """Score a checkpoint on examples, less those whose text is in `train`.

    `controls`: beside it, controls fitted on `train` and `dev`.
    """
    seen = {e.text for e in train}
    scored_examples = [e for e in examples if e.text not in seen]
    # Read once: it is the slow part.
    predictions = predict_windows(checkpoint.model, checkpoint.encoder, scored_examples)
    predictors: dict[str, Predictor] = {
        checkpoint.settings.name: lambda same: calibrated(checkpoint, same, predictions)
    }
    if controls:
        predictors["TF-IDF + linear"] = tfidf(train, dev)
        predictors["target only"] = target_only(train)
        predictors["majority"] = majority(train)
    return DatasetEvaluation(
        dataset=dataset,
        split=split,
        checkpoint=checkpoint.digest(),
        texts=len(scored_examples),
        stance={key: evaluate(predictor, scored_examples) for key, predictor in predictors.items()},
        certainty=certainty(checkpoint.settings, scored_examples, predictions),
        overlap=len(examples) - len(scored_examples),
        **_document_scores(checkpoint.settings, scored_examples, predictions),
    )


def _document_scores(
    settings: Settings, examples: Sequence[Example], predictions: Sequence[PassageLogits]
) -> dict[str, dict[str, Score]]:
    threshold = np.array([settings.frame_thresholds[f] for f in FRAMES])
    tone: dict[str, Score] = {}
    frames: dict[str, Score] = {}
    for part in ("all", *sorted({e.language for e in examples})):
        chosen = [(e, p) for e, p in zip(examples, predictions, strict=True) if part in ("all", e.language)]
        toned = [(e, p) for e, p in chosen if e.tone]
        if toned:
            gold = np.array([TONES.index(e.tone or "") for e, _ in toned])
            guess = np.array([int(p.tone.argmax()) for _, p in toned])
            documents = [e.document for e, _ in toned]
            tone[part] = scored(lambda i, g=gold, p=guess: macro_f1(g[i], p[i]), documents)  # type: ignore[misc]
        framed = [(e, p) for e, p in chosen if e.frames is not None]
        if framed:
            marked = np.array([[f in (e.frames or ()) for f in FRAMES] for e, _ in framed])
            found = np.array(
                [settings.calibration.sigmoid(p.frames, e.language) >= threshold for e, p in framed]
            )
            documents = [e.document for e, _ in framed]
            frames[part] = scored(lambda i, g=marked, p=found: micro_f1(g[i], p[i]), documents)  # type: ignore[misc]
    return {"tone": tone, "frames": frames}
