"""Masked language modelling on unlabelled news, beside the alignment, so that the encoder knows its register.

Gururangan et al. (2020), "Don't stop pretraining"; the masking is that of Devlin et al. (2019): of 15 percent
of the tokens, eight in ten become `[MASK]`, one another token, one stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertModel

from polystance.models.scripts import to_simplified
from polystance.training.corpora import clean
from polystance.training.vocabulary import SPECIALS

_SHARE: Final = 0.15
_CLS, _SEP, _MASK = (SPECIALS.index(token) for token in ("[CLS]", "[SEP]", "[MASK]"))
_FIRST_WORD: Final = len(SPECIALS)


def pack_blocks(texts: Iterable[str], tokenizer: Tokenizer, length: int) -> NDArray[np.int32]:
    """Texts end to end, cut into blocks `[CLS] ... [SEP]` without padding: (blocks, length)."""
    body = length - 2
    pieces: list[NDArray[np.int32]] = []
    left = iter(texts)
    while some := [clean(to_simplified(text)) for text in islice(left, 1_024)]:
        for encoding in tokenizer.encode_batch(some, add_special_tokens=False):
            pieces.append(np.array([*encoding.ids, _SEP], dtype=np.int32))
    stream = np.concatenate(pieces) if pieces else np.empty(0, np.int32)
    rows = len(stream) // body
    blocks = np.empty((rows, length), np.int32)
    blocks[:, 0], blocks[:, -1] = _CLS, _SEP
    blocks[:, 1:-1] = stream[: rows * body].reshape(rows, body)
    return blocks


def mask_tokens(
    blocks: NDArray[np.int32], vocabulary: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """What the model reads, and where it has to say which token stood there; both (blocks, length)."""
    read = blocks.astype(np.int64)
    # The same number in each block, so that the shapes of a GPU's work stay the same.
    drawn = np.where(read >= _FIRST_WORD, rng.random(read.shape), 2.0)
    count = round(_SHARE * read.shape[1])
    asked = np.zeros(read.shape, bool)
    np.put_along_axis(asked, np.argpartition(drawn, count, axis=1)[:, :count], True, axis=1)
    asked &= drawn < 2
    fate = rng.random(read.shape)
    read[asked & (fate < 0.8)] = _MASK
    other = asked & (fate >= 0.9)
    read[other] = rng.integers(_FIRST_WORD, vocabulary, int(other.sum()))
    return read, asked


class MaskedHead(nn.Module):
    """Predicts masked tokens from hidden states, with the encoder's own embeddings as output weights."""

    def __init__(self, student: BertModel) -> None:
        super().__init__()
        width, size = student.config.hidden_size, student.config.vocab_size
        self.transform = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width))
        self.bias = nn.Parameter(torch.zeros(size))

    def forward(self, student: BertModel, read: Tensor, gold: Tensor, asked: Tensor) -> Tensor:
        """Mean cross-entropy of the tokens that are asked for; all arguments (blocks, length)."""
        hidden = self.transform(student(read).last_hidden_state[asked])
        table = student.embeddings.word_embeddings.weight
        return functional.cross_entropy(functional.linear(hidden, table, self.bias).float(), gold[asked])


class MaskedNews:
    """Random batches of blocks, masked anew each time, and their loss."""

    def __init__(self, blocks: NDArray[np.int32], batch_tokens: int) -> None:
        self.blocks = blocks
        self.size = max(1, batch_tokens // blocks.shape[1])

    def loss(self, student: BertModel, head: MaskedHead, rng: np.random.Generator) -> Tensor:
        gold = self.blocks[rng.integers(0, len(self.blocks), self.size)]
        read, asked = mask_tokens(gold, student.config.vocab_size, rng)
        parts: Sequence[NDArray[np.generic]] = (read, gold.astype(np.int64), asked)
        value: Tensor = head(student, *(torch.from_numpy(part).to(student.device) for part in parts))
        return value
