"""Examples to padded training batches: marker shuffling, marker dropout, label tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, get_worker_info

from polystance.models.encoding import Sentence, WindowEncoder
from polystance.models.forward import pad
from polystance.models.labels import FRAMES, MARKERS, MAX_TARGETS_PER_PASS, STANCES, TONES
from polystance.training.examples import Example

IGNORE = -100  # what torch's cross entropy leaves out


def clip(sentences: Sequence[Sentence], limit: int) -> list[Sentence]:
    """Sentences from the front, at most `limit` tokens."""
    kept, left = [], limit
    for sentence in sentences:
        if left <= 0:
            break
        kept.append(sentence if len(sentence.ids) <= left else sentence.slice(0, left))
        left -= len(sentence.ids)
    return kept


def encode_examples(
    encoder: WindowEncoder, examples: Sequence[Example], max_tokens: int
) -> list[list[Sentence]]:
    """Tokenised sentences of each example, cut so that a window with its header fits `max_tokens`."""
    tokenised = encoder.sentences_of([(e.title, e.text, e.title_mentions, e.text_mentions) for e in examples])
    return [
        clip(s, max_tokens - encoder.header_length(list(e.stances)[:MAX_TARGETS_PER_PASS], e.language))
        for s, e in zip(tokenised, examples, strict=True)
    ]


class ExampleDataset(Dataset[dict[str, Any]]):
    """Examples as model inputs, drawn anew at each access: markers and targets in random order.

    Args:
        weights: Weight of each example's stance loss.
        unmarked: Probability that a target's mentions stay without markers in one access.
        subset: Probability that only some of the targets are asked for in one access.
    """

    def __init__(
        self,
        encoder: WindowEncoder,
        examples: Sequence[Example],
        weights: Sequence[float],
        *,
        max_tokens: int,
        unmarked: float,
        subset: float = 0.0,
        seed: int,
    ) -> None:
        self.encoder = encoder
        self.examples = examples
        self.weights = weights
        self.unmarked = unmarked
        self.subset = subset
        self.sentences = encode_examples(encoder, examples, max_tokens)
        self.lengths = [
            sum(len(s.ids) for s in sentences)
            + encoder.header_length(list(e.stances)[:MAX_TARGETS_PER_PASS], e.language)
            for sentences, e in zip(self.sentences, examples, strict=True)
        ]
        self._rng = np.random.default_rng(seed)
        self._seeded: int | None = None

    def _generator(self) -> np.random.Generator:
        """Random numbers; in a process of a data loader its own ones, new in each epoch."""
        worker = get_worker_info()
        if worker is not None and worker.seed != self._seeded:
            self._rng, self._seeded = np.random.default_rng(worker.seed), worker.seed
        return self._rng

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> dict[str, Any]:
        example, rng = self.examples[index], self._generator()
        targets = [str(t) for t in rng.permutation(list(example.stances))[:MAX_TARGETS_PER_PASS]]
        if len(targets) > 1 and rng.random() < self.subset:
            targets = targets[: rng.integers(1, len(targets))]
        markers = rng.permutation(len(MARKERS))[: len(targets)]
        window = self.encoder.window(
            self.sentences[index],
            targets,
            example.language,
            markers=[int(m) for m in markers],
            unmarked=frozenset(t for t in targets if rng.random() < self.unmarked),
        )
        labels = [
            example.soft.get(t) or tuple(float(s == example.stances[t]) for s in STANCES)
            for t in window.targets
        ]
        return {
            "input_ids": window.ids,
            "header": list(zip(window.header, labels, strict=True)),
            "mentions": [(p, i) for i, spots in enumerate(window.mentions) for p, _ in spots],
            "tone": TONES.index(example.tone) if example.tone else IGNORE,
            "frames": None if example.frames is None else [float(f in example.frames) for f in FRAMES],
            "weight": self.weights[index],
        }


def collate(items: Sequence[Mapping[str, Any]], multiple: int = 1) -> dict[str, Tensor]:
    """A padded batch of b items, n tokens (a `multiple`) and t targets in all.

    input_ids, attention_mask: (b, n) int64. header: (t, 2) row and position of each target's marker;
    stance: (t, 3) probability of each class; weight: (t,).
    mentions: (m, 3) row, position, index of the target among the t.
    tone: (b,) class or -100. frames: (b, 14) in {0, 1}, or -1 where not labelled.
    """
    ids, mask = pad([item["input_ids"] for item in items], multiple=multiple)
    header: list[tuple[int, int]] = []
    stance: list[Sequence[float]] = []
    weight: list[float] = []
    mentions: list[tuple[int, int, int]] = []
    frames = torch.full((len(items), len(FRAMES)), -1.0)
    for row, item in enumerate(items):
        mentions += [(row, position, len(stance) + target) for position, target in item["mentions"]]
        for position, label in item["header"]:
            header.append((row, position))
            stance.append(label)
            weight.append(item["weight"])
        if item["frames"] is not None:
            frames[row] = torch.tensor(item["frames"])
    return {
        "input_ids": ids,
        "attention_mask": mask,
        "header": torch.tensor(header, dtype=torch.long).reshape(-1, 2),
        "stance": torch.tensor(stance, dtype=torch.float32).reshape(-1, len(STANCES)),
        "weight": torch.tensor(weight),
        "mentions": torch.tensor(mentions, dtype=torch.long).reshape(-1, 3),
        "tone": torch.tensor([item["tone"] for item in items]),
        "frames": frames,
    }
