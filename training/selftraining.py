"""Self-training: models label news that nobody has labelled, and what they are sure of trains the next one.

Yarowsky (1995); with several teachers and soft labels, as in Xie et al. (2020), "Self-training with Noisy
Student improves ImageNet classification".
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np
from transformers import PreTrainedModel

from polystance.models.calibration import Calibration
from polystance.models.checkpoint import Checkpoint
from polystance.models.encoding import WindowEncoder
from polystance.models.labels import FRAMES, STANCES, TONES
from polystance.training.examples import Example, find_mentions
from polystance.training.overlap import HeldOut
from polystance.training.passages import Passage, cut_passages, read_documents
from polystance.training.prediction import predict_windows

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SelfTrainingConfig:
    """What is labelled by models for a stage.

    Attributes:
        teachers: Earlier stages whose best weights label together; the mean of their probabilities counts.
        corpora: Unlabelled corpora by language.
        passages: Passages that are labelled, an equal share of each corpus.
        confidence: Least probability of a stance that is kept as a label, with all its probabilities.
        neutral: Share kept of the passages in which every label is neutral.
        weight: Of these stance labels in the loss.
    """

    teachers: tuple[str, ...]
    corpora: Mapping[str, tuple[str, ...]]
    passages: int = 8_000
    confidence: float = 0.6
    neutral: float = 0.3
    weight: float = 0.5


def draw_passages(folder: Path, config: SelfTrainingConfig, held: HeldOut, rng: Random) -> list[Example]:
    """Passages that name a country, without labels; none of a document that repeats what is held out."""
    names = [(language, corpus) for language, corpora in config.corpora.items() for corpus in corpora]
    examples: list[Example] = []
    for language, corpus in names:
        documents = list(read_documents(folder, language, corpus))
        rng.shuffle(documents)
        wanted = config.passages // len(names)
        for document in documents:
            if wanted <= 0:
                break
            if document.text in held or document.title in held:
                continue
            passage = rng.choice(cut_passages(document, rng) or [Passage(document, 0, 0)])
            example = _unlabelled(passage)
            if example.stances:
                examples.append(example)
                wanted -= 1
    return examples


def _unlabelled(passage: Passage) -> Example:
    document = passage.document
    title, text = find_mentions(document.title, passage.text, document.date)
    named = dict.fromkeys((m.target for m in (*title, *text)), "neutral")
    return Example(
        passage.id, document.id, document.language, document.title, passage.text, named, title, text,
        group=document.corpus,
    )  # fmt: skip


def label_passages(
    teachers: Sequence[PreTrainedModel],
    encoder: WindowEncoder,
    passages: Sequence[Example],
    config: SelfTrainingConfig,
    rng: Random,
) -> list[Example]:
    """The passages with soft stances, tone and frames where the teachers are sure; the rest are left out."""
    predictions = [predict_windows(teacher, encoder, passages, max_tokens=288) for teacher in teachers]
    raw = Calibration()  # no temperature: it is fitted on the split that chooses among the students
    labelled: list[Example] = []
    for example, *votes in zip(passages, *predictions, strict=True):
        soft: dict[str, tuple[float, ...]] = {}
        for target in example.stances:
            p = np.mean([raw.softmax("stance", vote.stances[target], None) for vote in votes], axis=0)
            if p.max() >= config.confidence:
                soft[target] = tuple(p.tolist())
        stances = {target: STANCES[int(np.argmax(p))] for target, p in soft.items()}
        if not stances or (set(stances.values()) == {"neutral"} and rng.random() >= config.neutral):
            continue
        tone = np.mean([raw.softmax("tone", vote.tone, None) for vote in votes], axis=0)
        frames = np.mean([raw.sigmoid(vote.frames, None) for vote in votes], axis=0)
        sure = bool(((frames >= config.confidence) | (frames <= 1 - config.confidence)).all())
        labelled.append(
            replace(
                example,
                stances=stances,
                title_mentions=tuple(m for m in example.title_mentions if m.target in stances),
                text_mentions=tuple(m for m in example.text_mentions if m.target in stances),
                tone=TONES[int(tone.argmax())] if tone.max() >= config.confidence else None,
                frames=tuple(f for f, p in zip(FRAMES, frames, strict=True) if p >= 0.5) if sure else None,
                soft=soft,
            )
        )
    log.info("%d of %d passages labelled by %d models", len(labelled), len(passages), len(teachers))
    return labelled


def with_kept_labels(checkpoint: Checkpoint, examples: Sequence[Example]) -> list[Example]:
    """Examples whose missing tone and frames are those that a checkpoint gives.

    Trained on these, it keeps what the examples' own labels don't speak of: Li and Hoiem (2016), "Learning
    without Forgetting".
    """
    settings = checkpoint.settings
    threshold = np.array([settings.frame_thresholds[f] for f in FRAMES])
    kept = []
    predictions = predict_windows(checkpoint.model, checkpoint.encoder, examples)
    for example, logits in zip(examples, predictions, strict=True):
        found = settings.calibration.sigmoid(logits.frames, example.language) >= threshold
        frames = tuple(f for f, shown in zip(FRAMES, found, strict=True) if shown)
        kept.append(
            replace(
                example,
                tone=example.tone or TONES[int(logits.tone.argmax())],
                frames=frames if example.frames is None else example.frames,
            )
        )
    return kept
