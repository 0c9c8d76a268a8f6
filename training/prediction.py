"""Predictions on labelled passages: one window each, as in training, no pooling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedModel

from polystance.models.encoding import WindowEncoder
from polystance.models.forward import forward
from polystance.models.labels import FRAME_SLICE, MAX_TARGETS_PER_PASS, STANCE_SLICE, TONE_SLICE
from polystance.models.onnx import OnnxModel
from polystance.training.batches import encode_examples
from polystance.training.examples import Example


@dataclass(frozen=True, slots=True)
class PassageLogits:
    """Logits of one passage. stances: target -> (3,); tone: (3,); frames: (14,)."""

    stances: dict[str, NDArray[np.float32]]
    tone: NDArray[np.float32]
    frames: NDArray[np.float32]


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
