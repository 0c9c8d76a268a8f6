"""Examples to padded training batches: marker shuffling, marker dropout, label tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler
from transformers.trainer_pt_utils import get_length_grouped_indices

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


class TrainingOrder(Sampler[tuple[int, int]]):
    """The texts of a whole training in their order: (number of the draw, index of the text).

    It follows from the arguments alone, so a training that goes on after a stop skips what it has seen and
    sees the rest as if it had never stopped. Texts of like length stand together, each once in an epoch.

    Args:
        lengths: Tokens of each text.
        batch_size: Texts of a step.
        draws: Texts of all steps.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, draws: int, seed: int) -> None:
        self.lengths, self.batch_size, self.draws, self.seed = lengths, batch_size, draws, seed

    def __len__(self) -> int:
        return self.draws

    def __iter__(self) -> Iterator[tuple[int, int]]:
        generator = torch.Generator().manual_seed(self.seed)
        for first in range(0, self.draws, len(self.lengths)):
            epoch = get_length_grouped_indices(  # type: ignore[no-untyped-call]
                self.lengths, self.batch_size, generator=generator
            )
            yield from enumerate(epoch[: self.draws - first], first)


class ExampleDataset(Dataset[dict[str, Any]]):
    """Examples as model inputs, anew at each draw: markers and targets in random order.

    `dataset[draw, index]` is example `index`; its random choices follow from the seed and the number of the
    draw, whichever process makes it and whatever was drawn before.

    Args:
        weights: Weight of each example's stance loss.
        unmarked: Probability that a target's mentions stay without markers in one draw.
        subset: Probability that only some of the targets are asked for in one draw.
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
        self.seed = seed

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        draw, index = key
        example, rng = self.examples[index], np.random.default_rng((self.seed, draw))
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


def collate(items: Sequence[Mapping[str, Any]], pad_id: int = 0, multiple: int = 1) -> dict[str, Tensor]:
    """A padded batch of b items, n tokens (a `multiple`) and t targets in all.

    input_ids, attention_mask: (b, n) int64. header: (t, 2) row and position of each target's marker;
    stance: (t, 3) probability of each class; weight: (t,).
    mentions: (m, 3) row, position, index of the target among the t.
    tone: (b,) class or -100. frames: (b, 14) in {0, 1}, or -1 where not labelled.
    """
    ids, mask = pad([item["input_ids"] for item in items], pad_id, multiple)
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
