"""Masked language modelling: what is asked for, what the model sees instead, and that guessing is learnt."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import BertModel

from polystance.models.checkpoint import Checkpoint
from polystance.training.masking import MaskedHead, MaskedNews, mask_tokens, pack_blocks
from polystance.training.vocabulary import SPECIALS
from tests.unit.tiny import tiny_config

MASK, SEP, CLS = (SPECIALS.index(token) for token in ("[MASK]", "[SEP]", "[CLS]"))


def test_blocks_hold_the_texts_end_to_end(tiny: Checkpoint) -> None:
    texts = ["The United States and China.", "美國與中國。", ""]
    tokenizer = tiny.encoder.tokenizer
    blocks = pack_blocks(texts, tokenizer, 6)
    assert set(blocks[:, 0]) == {CLS}
    assert set(blocks[:, -1]) == {SEP}
    stream = blocks[:, 1:-1].ravel().tolist()
    simple = [tokenizer.encode(t, add_special_tokens=False).ids for t in (texts[0], "美国与中国。", "")]
    assert stream == [x for ids in simple for x in (*ids, SEP)][: len(stream)]
    assert len(stream) > len(simple[0]) + 1  # the second text has a part in it


def test_no_text_gives_no_block(tiny: Checkpoint) -> None:
    assert pack_blocks([], tiny.encoder.tokenizer, 8).shape == (0, 8)


def test_shares_of_masked_tokens() -> None:
    rng = np.random.default_rng(3)
    blocks = rng.integers(len(SPECIALS), 400, (500, 100)).astype(np.int32)
    blocks[:, 0] = CLS
    read, asked = mask_tokens(blocks, 400, rng)
    assert (asked.sum(axis=1) == 15).all()
    assert not asked[:, 0].any()
    assert (read[~asked] == blocks[~asked]).all()
    assert (read[asked] == MASK).mean() == pytest.approx(0.8, abs=0.02)
    assert (read[asked] == blocks[asked]).mean() == pytest.approx(0.1, abs=0.02)


def test_the_student_learns_to_guess() -> None:
    torch.manual_seed(0)
    student = BertModel(tiny_config(40, initializer_range=0.05), add_pooling_layer=False)
    head = MaskedHead(student)
    rng = np.random.default_rng(0)
    # One token all along a block: what is masked can be told from its neighbours.
    blocks = np.repeat(rng.integers(len(SPECIALS), 40, (64, 1)), 16, axis=1).astype(np.int32)
    news = MaskedNews(blocks, 256)
    assert news.size == 16
    optimizer = torch.optim.Adam([*student.parameters(), *head.parameters()], 5e-3)
    losses = []
    for _ in range(150):
        loss = news.loss(student, head, rng)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 3  # about the logarithm of the vocabulary
    assert np.mean(losses[-10:]) < 0.5 * losses[0]
