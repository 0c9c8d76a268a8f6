"""What fp32, bf16 and int8 cost and lose on a CPU.

    python -m benchmarks.precision DATA [--articles 40] [--rounds 5] [--threads 1] [--out FILE]

Speed: the windows of articles drawn as in `benchmarks.throughput` (real lengths, half in each language)
through the forward pass alone. The precisions take turns, each in its best round, so that other work on the
machine falls on all of them. Seconds are those of the processor on one thread, which other work changes less
than those on the clock; with more threads they would count the waiting too, and the clock is taken.
Loss: stance macro-F1 on the development split of country-news, and the share of labels that stay.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch

from benchmarks.throughput import draw_articles
from polystance.inference.classifier import ArticleLike, StanceClassifier, as_article
from polystance.models.encoding import EncodedWindow
from polystance.models.forward import forward
from polystance.training.examples import read_examples
from polystance.training.prediction import predict_windows
from polystance.training.scores import passage_scores, stance_arrays

RESULT: Final = Path(__file__).parent / "results" / "precision.json"
PRECISIONS: Final = ("fp32", "bf16", "int8")


def windows_of(classifier: StanceClassifier, articles: Sequence[ArticleLike]) -> list[EncodedWindow]:
    jobs = classifier._prepare([as_article(a, n) for n, a in enumerate(articles)], None)
    return [encoded for job in jobs for window in job.windows for encoded in window.passes]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--articles", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    clock = time.process_time if options.threads == 1 else time.perf_counter
    classifiers = {p: StanceClassifier.from_pretrained(device="cpu", precision=p) for p in PRECISIONS}
    windows = windows_of(classifiers["fp32"], draw_articles(options.data, options.articles))
    tokens = sum(len(window.ids) for window in windows)
    best = dict.fromkeys(PRECISIONS, float("inf"))
    for _ in range(options.rounds + 1):  # the first is soon beaten: it warms up
        for precision, classifier in classifiers.items():
            started = clock()
            forward(classifier.checkpoint.model, windows, classifier.batch_tokens)
            best[precision] = min(best[precision], clock() - started)
    examples = read_examples(options.data / "data", "country-news", "dev")
    rows: dict[str, Any] = {}
    guesses: dict[str, Any] = {}
    for precision, classifier in classifiers.items():
        checkpoint = classifier.checkpoint
        predictions = predict_windows(checkpoint.model, checkpoint.encoder, examples)
        guesses[precision] = stance_arrays(examples, predictions)[1].argmax(1)
        scores = passage_scores(examples, predictions)
        rows[precision] = {
            "tokens_per_second": round(tokens / best[precision]),
            "ratio": round(best["fp32"] / best[precision], 2),
            **{name: round(scores[name], 4) for name in ("stance_f1", "stance_f1_zh", "stance_f1_en")},
            "same_labels": round(float((guesses[precision] == guesses["fp32"]).mean()), 4),
        }
    result = {
        "processor": torch.cpu.get_capabilities()["cpu_name"],
        "threads": options.threads,
        "windows": len(windows),
        "tokens": tokens,
        "labels": len(guesses["fp32"]),
        "precisions": rows,
    }
    print(json.dumps(result, indent=1))
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
