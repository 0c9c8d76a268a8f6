"""What the bilingual encoder owes to its parts: retrieval of translations with one part changed at a time.

    python -m benchmarks.encoders DATA --out benchmarks/results/encoders.json

Every arm is aligned for the same few steps on the same sentence pairs, far fewer than the encoder that ships,
so that arms can be told apart in minutes on a CPU; figures are for comparison with each other. DATA as
CONTRIBUTING.md states it. An arm that is in the file already is not run again.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import BertModel

from polystance.training import alignment
from polystance.training.alignment import AlignmentConfig, embed, load_teacher, start_student
from polystance.training.corpora import Pair, clean, read_pairs
from polystance.training.metrics import bootstrap_interval
from polystance.training.pipeline import teacher_folder
from polystance.training.recipe import load_recipe
from polystance.training.vocabulary import VocabularyConfig

RECIPE: Final = Path(__file__).parents[1] / "training" / "recipes" / "polystance-mini.toml"
TRAINED_ON: Final = ("wmt_news_human", "nyt_examples")  # translated by people
# A step that a CPU does in a second or two; the recipe's are ten times as large.
STEP: Final[Mapping[str, Any]] = {
    "batch_tokens": 1_600, "max_tokens": 64, "negatives": 2_048, "embedding_rate": 2e-3, "masked_tokens": 0,
}  # fmt: skip
HELD_OUT: Final = 1_000  # sentence pairs of each held-out corpus


@dataclass(frozen=True)
class Arm:
    """What is other than in the recipe. `layers`: those that are kept, of six."""

    vocabulary: Mapping[str, int] = field(default_factory=dict)
    alignment: Mapping[str, Any] = field(default_factory=dict)
    layers: tuple[int, ...] = ()


ARMS: Final[Mapping[str, Arm]] = {
    "as in the recipe": Arm(),
    "characters, no words": Arm({"words": 0}),
    "smaller vocabulary": Arm({"english": 9_000, "words": 3_000}),
    "larger vocabulary": Arm({"english": 18_000, "words": 14_000}),
    "four layers": Arm(layers=(0, 2, 3, 5)),
    "no contrastive loss": Arm(alignment={"contrast": 0.0}),
    "stronger contrastive loss": Arm(alignment={"contrast": 1.0}),
    "sentences up to 128 tokens": Arm(alignment={"max_tokens": 128}),
}


class Bench:
    """What the arms share: data, teacher and its vectors, and one start for each vocabulary."""

    def __init__(self, data: Path, steps: int) -> None:
        self.data, self.recipe = data, load_recipe(RECIPE)
        self.steps = steps
        self.teacher, self.teacher_tokenizer = load_teacher(teacher_folder(str(self.recipe.teacher)))
        self.held = {
            name: [Pair(clean(p.zh), clean(p.en)) for p in read_pairs(data, name)[:HELD_OUT]]
            for name in self.recipe.alignment.held_out
        }
        self._starts: dict[VocabularyConfig, tuple[BertModel, Tokenizer]] = {}
        self._vectors: dict[str, Tensor] = {}

    def start(self, vocabulary: VocabularyConfig) -> tuple[BertModel, Tokenizer]:
        if vocabulary not in self._starts:
            torch.manual_seed(self.recipe.alignment.seed)
            self._starts = {
                vocabulary: start_student(
                    self.data, self.teacher, self.teacher_tokenizer, vocabulary, self.recipe.alignment
                )
            }
        student, tokenizer = self._starts[vocabulary]
        return copy.deepcopy(student), tokenizer

    def vectors(self, pairs: Sequence[Pair]) -> Tensor:
        missing = [p.en for p in dict.fromkeys(pairs) if p.en not in self._vectors]
        if missing:
            found = embed(self.teacher, self.teacher_tokenizer, missing)
            self._vectors.update(zip(missing, found, strict=True))
        return torch.stack([self._vectors[p.en] for p in pairs])

    def run(self, arm: Arm) -> dict[str, Any]:
        same: AlignmentConfig = replace(self.recipe.alignment, corpora=TRAINED_ON, steps=self.steps, **STEP)
        config = replace(same, save_every=self.steps, **arm.alignment)
        student, tokenizer = self.start(replace(self.recipe.vocabulary, **arm.vocabulary))
        if arm.layers:
            kept = [student.encoder.layer[i] for i in arm.layers]
            student.encoder.layer = torch.nn.ModuleList(kept)
            student.config.num_hidden_layers = len(kept)
        figures: dict[str, Any] = {
            "parameters": student.num_parameters(),
            "tokens_per_100_characters": self._density(tokenizer),
            "start": self._retrieval(student, tokenizer),
        }
        pairs, zh, en = alignment.training_rows(self.data, tokenizer, config)
        rows = alignment.Pairs(zh, en, self.vectors(pairs))
        started = time.monotonic()
        alignment.train(student, rows, config, lambda _: None, Path("runs") / "encoders-resume.pt")
        figures["seconds_a_step"] = round((time.monotonic() - started) / self.steps, 3)
        student.eval()  # type: ignore[no-untyped-call]
        return {**figures, "steps": self.steps, "end": self._retrieval(student, tokenizer)}

    def _density(self, tokenizer: Tokenizer) -> float:
        texts = [p.zh for pairs in self.held.values() for p in pairs]
        tokens = sum(len(e.ids) for e in tokenizer.encode_batch(texts, add_special_tokens=False))
        return round(100 * tokens / sum(map(len, texts)), 1)

    def _retrieval(self, student: BertModel, tokenizer: Tokenizer) -> dict[str, Any]:
        """Accuracy both ways with 95% intervals, by bootstrap, and sentences embedded a second."""
        figures: dict[str, Any] = {}
        for name, pairs in self.held.items():
            started = time.monotonic()
            zh = embed(student, tokenizer, [p.zh for p in pairs])
            rate = len(pairs) / (time.monotonic() - started)
            en = embed(student, tokenizer, [p.en for p in pairs])
            similarity, own = zh @ en.T, torch.arange(len(pairs))
            for way, found in (("zh_en", similarity.argmax(1)), ("en_zh", similarity.argmax(0))):
                hits = (found == own).numpy().astype(np.float64)
                low, high = bootstrap_interval(
                    lambda i, h=hits: float(h[i].mean()),  # type: ignore[misc]
                    [str(n) for n in range(len(pairs))],
                )
                figures[f"{name}_{way}"] = [round(float(hits.mean()), 4), round(low, 4), round(high, 4)]
            figures[f"{name}_zh_sentences_per_second"] = round(rate, 1)
        return figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/encoders.json"))
    parser.add_argument("--arm", choices=list(ARMS), action="append", help="Only this one; may be repeated.")
    options = parser.parse_args()
    results = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else {}
    bench = Bench(options.data, options.steps)
    for name in options.arm or ARMS:
        if name not in results:
            results[name] = bench.run(ARMS[name])
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
            print(name, json.dumps(results[name]), flush=True)


if __name__ == "__main__":
    main()
