from __future__ import annotations

import numpy as np
import pytest

from polystance.models.checkpoint import Checkpoint
from polystance.models.encoding import EncodedWindow
from polystance.models.forward import forward
from polystance.models.labels import OUTPUTS
from tests.unit.tiny import CHINESE, ENGLISH, TWENTY


def inputs(tiny: Checkpoint) -> list[EncodedWindow]:
    texts = [*ENGLISH, *CHINESE, " ".join(ENGLISH), "Rain", ""]
    return [
        tiny.encoder.window(tiny.encoder.sentences("", text), TWENTY[: n % 4], "en")
        for n, text in enumerate(texts)
    ]


@pytest.mark.parametrize("budget", [1, 40, 100, 10_000, None])
def test_logits_depend_neither_on_batch_mates_nor_on_order(tiny: Checkpoint, budget: int | None) -> None:
    windows = inputs(tiny)
    alone = [forward(tiny.model, [window])[0] for window in windows]
    for order in (range(len(windows)), reversed(range(len(windows)))):
        indices = list(order)
        together = forward(tiny.model, [windows[i] for i in indices], budget)
        for index, logits in zip(indices, together, strict=True):
            assert logits.shape == (len(windows[index].ids), len(OUTPUTS))
            np.testing.assert_allclose(logits, alone[index], atol=1e-5)


def test_texts_differ_and_no_window_gives_no_logits(tiny: Checkpoint) -> None:
    first, second = forward(tiny.model, inputs(tiny)[:2])
    assert np.abs(first[0] - second[0]).max() > 0.01
    assert forward(tiny.model, []) == []
