"""Labelling four countries in each article, against the two usual ways with transformers' own pipelines.

    python -m benchmarks.peers DATA [--articles 48] [--out benchmarks/results/peers.json]

The peers have an encoder of the very same shape (with random weights: only time is measured) and the same
tokenizer, in float32 on the same cores, in the same run:

- `zero-shot-classification`: one pass for each target and label, twelve an article;
- `text-classification` of text and target as a pair: one pass for each target, at its best batch size.

Both cut an article at 512 tokens; we read every window. So the ways are also timed on the beginnings of
the same articles, of which nothing is cut. Ours is timed in float32 and in the precision that it chooses
by itself here. Articles are drawn as `benchmarks.throughput` draws them. DATA as CONTRIBUTING.md states it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast, pipeline

from benchmarks.throughput import draw_articles
from polystance.inference.classifier import StanceClassifier
from polystance.models.checkpoint import load_checkpoint
from polystance.models.targets import target_name
from polystance.models.texts import detect_language

TARGETS: Final = ("US", "CN", "RU", "JP")
EIGHT: Final = (*TARGETS, "DE", "IN", "UA", "EU")
LABELS: Final = ("presented favourably", "mentioned neutrally", "presented unfavourably")
BATCH_SIZES: Final = (1, 8, 32)


def same_shape(labels: dict[int, str]) -> tuple[BertForSequenceClassification, PreTrainedTokenizerFast]:
    """A sequence classifier with random weights and the shape of the checkpoint, and its tokenizer."""
    path = load_checkpoint().path
    torch.manual_seed(0)
    config = BertConfig.from_pretrained(path, id2label=labels, label2id={v: k for k, v in labels.items()})
    tokenizer = PreTrainedTokenizerFast.from_pretrained(path, model_max_length=config.max_position_embeddings)
    return BertForSequenceClassification(config).eval(), tokenizer


def zero_shot(texts: Sequence[str], batch_size: int) -> Callable[[], object]:
    model, tokenizer = same_shape({0: "contradiction", 1: "neutral", 2: "entailment"})
    classifier = pipeline("zero-shot-classification", model=model, tokenizer=tokenizer, device="cpu")
    labels = [f"{target_name(code, 'en')} is {label}" for code in TARGETS for label in LABELS]
    return lambda: classifier(
        list(texts), labels, hypothesis_template="{}.", multi_label=True, batch_size=batch_size
    )


def one_pass_a_target(texts: Sequence[str], batch_size: int) -> Callable[[], object]:
    model, tokenizer = same_shape(dict(enumerate(LABELS)))
    classifier = pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")
    pairs = [{"text": text, "text_pair": target_name(code, "en")} for text in texts for code in TARGETS]
    return lambda: classifier(pairs, batch_size=batch_size, truncation="only_first")


def seconds(work: Callable[[], object], rounds: int = 2) -> float:
    """The shortest of some rounds, after one to warm up."""
    times = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times[1:])


def beginning(text: str) -> str:
    """About 300 tokens of either language."""
    return text[: 450 if detect_language(text) == "zh" else 1_300]


def measure(texts: Sequence[str]) -> dict[str, Any]:
    """Seconds of each way, and how many times ours (float32, four targets) each takes."""
    ours = StanceClassifier.from_pretrained(device="cpu", precision="fp32")
    usual = StanceClassifier.from_pretrained(device="cpu")
    took: dict[str, float] = {"polystance, 4 targets": seconds(lambda: ours.classify(texts, TARGETS))}
    took["polystance, 1 target"] = seconds(lambda: ours.classify(texts, TARGETS[:1]))
    took["polystance, 8 targets"] = seconds(lambda: ours.classify(texts, EIGHT))
    chosen = usual.checkpoint.precision
    took[f"polystance, 4 targets, {chosen} (auto)"] = seconds(lambda: usual.classify(texts, TARGETS))
    ways = (("one pass a target", one_pass_a_target), ("zero-shot, 12 passes", zero_shot))
    for name, way in ways:
        took[name] = min(seconds(way(texts, size), rounds=1) for size in BATCH_SIZES)
    first = took["polystance, 4 targets"]
    return {
        name: {"seconds": round(value, 2), "times": round(value / first, 2)} for name, value in took.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--articles", type=int, default=40)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/peers.json"))
    options = parser.parse_args()
    texts = draw_articles(options.data, options.articles)
    figures = {
        "articles": len(texts),
        "threads": torch.get_num_threads(),
        "whole articles": measure(texts),
        "beginnings": measure([beginning(text) for text in texts]),
    }
    options.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
