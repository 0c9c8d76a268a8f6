"""The forward pass: batches of encoded windows through a model, under a token budget."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polystance.models.encoding import EncodedWindow
from polystance.models.onnx import OnnxModel

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CPU_BATCH_TOKENS = 4_096  # larger batches fall out of a laptop's cache
GPU_BATCH_TOKENS = 65_536


def default_batch_tokens(device: torch.device) -> int:
    """Tokens of a batch that suit a device."""
    return GPU_BATCH_TOKENS if device.type == "cuda" else CPU_BATCH_TOKENS


def length_multiple(device: torch.device) -> int:
    """What the length of a batch is rounded up to.

    A GPU's libraries choose their kernels anew for each shape they have not seen, which takes them far longer
    than a step, so there the shapes must be few.
    """
    return 16 if device.type == "cuda" else 1


def pad(rows: Sequence[Sequence[int]], pad_id: int = 0, multiple: int = 1) -> tuple[Tensor, Tensor]:
    """Token ids and attention mask, both (rows, longest row rounded up to a `multiple`) int64."""
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    width = -(-int(lengths.max()) // multiple) * multiple
    mask = np.arange(width) < lengths[:, None]
    ids = np.full(mask.shape, pad_id, np.int64)
    ids[mask] = np.fromiter(chain.from_iterable(rows), np.int64, lengths.sum())
    return torch.from_numpy(ids), torch.from_numpy(mask.astype(np.int64))


@torch.inference_mode()
def forward(
    model: PreTrainedModel | OnnxModel, windows: Sequence[EncodedWindow], batch_tokens: int | None = None
) -> list[NDArray[np.float32]]:
    """Logits of each window, (its tokens, 20), in the order given.

    Windows of like length share a batch, so that little is padding; `batch_tokens` counts it too. An ONNX
    model runs each window by itself, without batches.
    """
    if isinstance(model, OnnxModel):
        return model.logits(windows)
    model.eval()  # type: ignore[no-untyped-call]
    budget = batch_tokens or default_batch_tokens(model.device)
    pad_id, multiple = int(model.config.pad_token_id or 0), length_multiple(model.device)
    order = sorted(range(len(windows)), key=lambda i: len(windows[i].ids), reverse=True)
    results: list[NDArray[np.float32]] = [np.empty((0, 0), np.float32)] * len(windows)
    start = 0
    while start < len(order):
        longest = -(-len(windows[order[start]].ids) // multiple) * multiple
        batch = order[start : start + max(1, budget // longest)]
        start += len(batch)
        ids, mask = pad([windows[index].ids for index in batch], pad_id, multiple)
        output = model(ids.to(model.device), attention_mask=mask.to(model.device))
        logits = output.logits.float().cpu().numpy()
        for row, index in enumerate(batch):
            results[index] = logits[row, : len(windows[index].ids)]
    return results
