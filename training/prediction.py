"""Predictions on labelled texts: passages in one window each, as in training, or texts of any length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedModel

from polystance.models.checkpoint import Checkpoint
from polystance.models.encoding import WindowEncoder
from polystance.models.forward import forward
from polystance.models.labels import FRAME_SLICE, MAX_TARGETS_PER_PASS, STANCE_SLICE, TONE_SLICE
from polystance.models.onnx import OnnxModel
from polystance.models.windows import make_windows, spots
from polystance.training.batches import encode_examples
from polystance.training.examples import Example


@dataclass(frozen=True, slots=True)
class PassageLogits:
    """Logits of one text. stances: target -> (3,); tone: (3,); frames: (14,)."""

    stances: dict[str, NDArray[np.floating[Any]]]
    tone: NDArray[np.floating[Any]]
    frames: NDArray[np.floating[Any]]


def predict_windows(
    model: PreTrainedModel | OnnxModel,
    encoder: WindowEncoder,
    examples: Sequence[Example],
    *,
    max_tokens: int = 512,
) -> list[PassageLogits]:
    """Logits for each example's own targets, in the order given."""
    numbers, inputs = [], []
    tokenised = encode_examples(encoder, examples, max_tokens)
    for number, (example, sentences) in enumerate(zip(examples, tokenised, strict=True)):
        targets = list(example.stances)
        for start in range(0, max(len(targets), 1), MAX_TARGETS_PER_PASS):
            numbers.append(number)
            inputs.append(
                encoder.window(sentences, targets[start : start + MAX_TARGETS_PER_PASS], example.language)
            )
    results: dict[int, PassageLogits] = {}
    for number, window, logits in zip(numbers, inputs, forward(model, inputs), strict=True):
        stances = {t: logits[p, STANCE_SLICE] for t, p in zip(window.targets, window.header, strict=True)}
        if number in results:
            results[number].stances.update(stances)
        else:
            results[number] = PassageLogits(stances, logits[0, TONE_SLICE], logits[0, FRAME_SLICE])
    return [results[number] for number in range(len(examples))]


def predict_texts(checkpoint: Checkpoint, examples: Sequence[Example]) -> list[PassageLogits]:
    """Logits for each example's own targets, its windows pooled as the classifier pools: nothing is cut."""
    encoder, settings = checkpoint.encoder, checkpoint.settings
    tokenised = encoder.sentences_of([(e.title, e.text, e.title_mentions, e.text_mentions) for e in examples])
    cut = [
        make_windows(encoder, sentences, list(e.stances), e.language, settings.window_tokens)
        for e, sentences in zip(examples, tokenised, strict=True)
    ]
    passes = [encoded for windows in cut for window in windows for encoded in window.passes]
    logits = iter(forward(checkpoint.model, passes))
    results = []
    for example, windows in zip(examples, cut, strict=True):
        outputs = [[next(logits) for _ in window.passes] for window in windows]
        stances: dict[str, NDArray[np.floating[Any]]] = {}
        for target in example.stances:
            used = spots(windows, outputs, target)
            first = np.array([s.index == 0 for s in used])
            stances[target] = settings.pooling.pool(
                np.array([s.logits for s in used], dtype=np.float64), first
            )
        tops = np.array([out[0][0] for out in outputs], dtype=np.float64)
        tone = settings.tone_pooling.pool(tops[:, TONE_SLICE], np.arange(len(tops)) == 0)
        results.append(PassageLogits(stances, tone, tops[:, FRAME_SLICE].mean(axis=0)))
    return results
