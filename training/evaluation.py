"""Scores of any predictor on labelled examples, with intervals, and with the controls beside them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from polystance.errors import DataError
from polystance.models.checkpoint import Checkpoint, Settings, load_checkpoint
from polystance.models.labels import FRAMES, STANCES, TONES
from polystance.training.certainty import Certainty, certainty
from polystance.training.controls import majority, target_only, tfidf
from polystance.training.datafiles import load_split
from polystance.training.examples import Example
from polystance.training.metrics import (
    GroupScore,
    IntArray,
    ReliabilityBin,
    Score,
    class_f1,
    expected_calibration_error,
    group_scored,
    macro_f1,
    micro_f1,
    prevalence_error,
    reliability,
    scored,
)
from polystance.training.prediction import PassageLogits
from polystance.training.predictors import (
    CheckpointPredictor,
    Classifier,
    Predictor,
    StanceRows,
    group_rows,
    stance_rows,
)

if TYPE_CHECKING:
    from rich.table import Table

MIN_GROUP: Final = 20  # labels of a target or outlet that gets a score of its own


@dataclass(frozen=True)
class Evaluation:
    """Scores of one predictor. A slice is "all" or a language.

    Attributes:
        rows: Stance labels scored, one per text and target.
        macro_f1: Stance macro-F1 by slice, over the stances that occur among the gold labels.
        class_f1: F1 of each stance over all rows.
        calibration_error: Expected calibration error of the stances by slice; empty for a predictor that
            gives labels without probabilities, as is `reliability`.
        prevalence_error: Mean absolute difference of predicted and true shares of the stances, by slice.
        reliability: Confidence and accuracy by bin of confidence, by slice.
        by_target, by_outlet: Macro-F1 of each target and outlet (`Example.group`: in some sets another part)
            of at least 20 labels, over the stances that occur among its gold labels.
    """

    rows: int
    macro_f1: Mapping[str, Score]
    class_f1: Mapping[str, float]
    calibration_error: Mapping[str, float] = field(default_factory=dict)
    prevalence_error: Mapping[str, float] = field(default_factory=dict)
    reliability: Mapping[str, tuple[ReliabilityBin, ...]] = field(default_factory=dict)
    by_target: Mapping[str, GroupScore] = field(default_factory=dict)
    by_outlet: Mapping[str, GroupScore] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Everything in it, as JSON takes it."""
        return asdict(self)

    def table(self, name: str = "predictor") -> Table:
        """For a terminal: macro-F1 by slice, F1 by stance, errors; figures times 100."""
        from polystance.training.scoretables import stance_table

        return stance_table(f"stance macro-F1 (95% interval), {self.rows} labels", {name: self})

    def group_table(self) -> Table:
        """For a terminal: the targets and outlets that have scores of their own."""
        from polystance.training.scoretables import group_table

        return group_table({"target": self.by_target, "outlet": self.by_outlet})

    def reliability_table(self, part: str = "all") -> Table:
        """For a terminal: the reliability diagram of a slice."""
        from polystance.training.scoretables import reliability_table

        return reliability_table(self.reliability.get(part, ()), part)


def evaluate(
    predictor: Predictor | Classifier | Checkpoint | str | Path,
    examples: Sequence[Example],
    *,
    draws: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Score stances.

    Args:
        predictor: Any callable: it gets the examples and gives for each, in order, a mapping from each of its
            targets to a stance, or to the probability of each stance. Or a StanceClassifier, which finds the
            mentions by itself; or a checkpoint or its folder, name or hub id, which takes the examples'.
        examples: Labelled texts, as `load_examples` reads them.
        draws: Bootstrap samples of documents.

    Raises:
        DataError: There is nothing to score, or a prediction has not this form.
    """
    return scores(stance_rows(predictor, examples), draws=draws, seed=seed)


def scores(rows: StanceRows, *, draws: int = 1000, seed: int = 0) -> Evaluation:
    """As `evaluate`, of predictions that are there already."""
    gold, guess, p = rows.gold, rows.predicted, rows.probabilities
    parts = rows.parts()

    def groups(names: Sequence[str]) -> dict[str, GroupScore]:
        return {
            name: group_scored(
                stance_f1(rows, inside), [rows.documents[i] for i in inside], draws=draws, seed=seed
            )
            for name, inside in group_rows(names).items()
            if name and len(inside) >= MIN_GROUP
        }

    return Evaluation(
        rows=len(gold),
        macro_f1={
            part: scored(stance_f1(rows, i, gold), [rows.documents[n] for n in i], draws=draws, seed=seed)
            for part, i in parts.items()
        },
        class_f1=dict(zip(STANCES, class_f1(gold, guess, len(STANCES)).tolist(), strict=True)),
        calibration_error={
            part: expected_calibration_error(gold[i], p[i]) for part, i in parts.items() if p is not None
        },
        prevalence_error={part: prevalence_error(gold[i], guess[i]) for part, i in parts.items()},
        reliability={part: reliability(gold[i], p[i]) for part, i in parts.items() if p is not None},
        by_target=groups(rows.targets),
        by_outlet=groups(rows.outlets),
    )


def stance_f1(rows: StanceRows, inside: IntArray, of: IntArray | None = None) -> Callable[[IntArray], float]:
    """A score for the bootstrap: macro-F1 of some of the rows `inside`, over the stances in `of`.

    `of`: gold labels; those inside if None. A set without neutral labels is thus scored over two stances, and
    a target that nobody praises is not given a zero for it.
    """
    gold, guess = rows.gold[inside], rows.predicted[inside]
    occurring = np.unique(gold if of is None else of)
    return lambda i: float(class_f1(gold[i], guess[i], len(STANCES))[occurring].mean())


@dataclass(frozen=True)
class DatasetEvaluation:
    """A checkpoint on one split, beside the controls.

    Attributes:
        texts: Texts that were scored.
        stance: Scores by predictor, the checkpoint first.
        tone: Macro-F1 by slice: "all" and each language; `frames` micro-F1 likewise.
        frame_f1: F1 of each frame that occurs; `rows` are the texts that have it.
        certainty: What the checkpoint's probabilities are worth, by slice.
        overlap: Texts left out since the train split of the set has them too.
    """

    dataset: str
    split: str
    checkpoint: str
    texts: int
    stance: Mapping[str, Evaluation]
    tone: Mapping[str, Score] = field(default_factory=dict)
    frames: Mapping[str, Score] = field(default_factory=dict)
    frame_f1: Mapping[str, GroupScore] = field(default_factory=dict)
    certainty: Mapping[str, Certainty] = field(default_factory=dict)
    overlap: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Everything in it, as JSON takes it."""
        return asdict(self)

    def table(self) -> Table:
        """For a terminal: a row per predictor, figures times 100."""
        from polystance.training.scoretables import stance_table

        labels = max((e.rows for e in self.stance.values()), default=0)
        title = f"{self.dataset}, {self.split}: stance macro-F1 (95% interval), {labels} labels"
        table = stance_table(title, self.stance)
        rest = (("tone macro-F1", self.tone.get("all")), ("frames micro-F1", self.frames.get("all")))
        table.caption = "; ".join(f"{name} {score}" for name, score in rest if score)
        return table


def evaluate_examples(
    checkpoint: Checkpoint | CheckpointPredictor,
    examples: Sequence[Example],
    train: Sequence[Example],
    dev: Sequence[Example],
    *,
    dataset: str,
    split: str,
    controls: bool = True,
) -> DatasetEvaluation:
    """Score a checkpoint on labelled texts of any length, beside controls fitted on `train`.

    Args:
        checkpoint: A predictor of it, if its predictions are wanted for more than this.
        train: Texts that it has too are left out of the examples; may be empty, without controls then.
        dev: What the TF-IDF control chooses its regularisation by.
        dataset, split: Names for the results.

    Raises:
        DataError: No text is left to score.
    """
    own = checkpoint if isinstance(checkpoint, CheckpointPredictor) else CheckpointPredictor(checkpoint)
    kept = unseen(examples, train)
    if not kept:
        raise DataError(f"Nothing to score: of {len(examples)} texts all are in the train split too.")
    settings = own.checkpoint.settings
    predictors: dict[str, Predictor] = {settings.name: own}
    labelled = any(e.stances for e in train)
    if controls and labelled:
        if any(e.stances for e in dev):
            predictors["TF-IDF + linear"] = tfidf(train, dev)
        predictors["target only"] = target_only(train)
        predictors["majority"] = majority(train)
    logits = own.logits(kept)
    has_stances = any(e.stances for e in kept)  # some sets have tones alone
    return DatasetEvaluation(
        dataset=dataset,
        split=split,
        checkpoint=own.checkpoint.digest(),
        texts=len(kept),
        stance={name: evaluate(p, kept) for name, p in predictors.items()} if has_stances else {},
        certainty=certainty(settings, kept, logits),
        overlap=len(examples) - len(kept),
        **_document_scores(settings, kept, logits),
    )


def unseen(examples: Sequence[Example], train: Sequence[Example]) -> list[Example]:
    """Those whose text is not among the training texts."""
    seen = {e.text for e in train}
    return [e for e in examples if e.text not in seen]


def evaluate_dataset(
    data: str | Path,
    name: str | None = None,
    split: str = "test",
    model: str | Path | None = None,
    *,
    controls: bool = True,
) -> DatasetEvaluation:
    """Score a checkpoint on what `load_split` reads, beside controls fitted on its train split, if any."""
    found = load_split(data, name, split, controls=controls)
    return evaluate_examples(
        load_checkpoint(model),
        found.examples,
        found.train,
        found.dev,
        dataset=found.dataset,
        split=found.name,
        controls=controls,
    )


def _document_scores(
    settings: Settings, examples: Sequence[Example], predictions: Sequence[PassageLogits]
) -> dict[str, Any]:
    threshold = np.array([settings.frame_thresholds[f] for f in FRAMES])
    tone: dict[str, Score] = {}
    frames: dict[str, Score] = {}
    frame_f1: dict[str, GroupScore] = {}
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
            marked = np.array([[f in _frames(e) for f in FRAMES] for e, _ in framed])
            found = np.array(
                [settings.calibration.sigmoid(p.frames, e.language) >= threshold for e, p in framed]
            )
            documents = [e.document for e, _ in framed]
            frames[part] = scored(lambda i, g=marked, p=found: micro_f1(g[i], p[i]), documents)  # type: ignore[misc]
            if part == "all":
                for column, name in enumerate(FRAMES):
                    if rows := int(marked[:, column].sum()):
                        g, p = marked[:, column], found[:, column]
                        score = scored(lambda i, g=g, p=p: micro_f1(g[i], p[i]), documents)  # type: ignore[misc]
                        frame_f1[name] = GroupScore(score.value, score.low, score.high, rows)
    return {"tone": tone, "frames": frames, "frame_f1": frame_f1}


def _frames(example: Example) -> Collection[str]:
    return example.frames or ()
