"""How fast articles are labelled here, and how much of the machine that uses.

    python -m benchmarks.throughput DATA [--device cuda] [--precision fp32 bf16] [--articles 2000] [--out X]

Articles of real length, half in each language, from the unlabelled corpora of DATA (as CONTRIBUTING.md states
it). Prints articles and tokens a second through `classify`, tokens a second of the forward pass alone, the
share of tokens that are no padding, and the forward pass as a share of the matrix rate that the device
reaches in the same dtype on one large product.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import torch

from polystance.inference.classifier import ArticleLike, StanceClassifier, as_article
from polystance.models.forward import forward
from polystance.training.corpora import sample_texts

_CHARS: Final = 12_000_000  # read of each language, of which the articles are drawn


def measure(classifier: StanceClassifier, articles: Sequence[ArticleLike], rounds: int = 3) -> dict[str, Any]:
    """Figures of one classifier on some articles; times are the shortest of `rounds`."""
    model = classifier.checkpoint.model
    device = model.device
    labels = classifier.classify(articles)
    tokens = sum(label.tokens for label in labels)
    whole = _shortest(lambda: classifier.classify(articles), device, rounds)
    # The windows of all articles, made beforehand, through the model alone.
    jobs = classifier._prepare([as_article(a, n) for n, a in enumerate(articles)], None)
    passes = [encoded for job in jobs for window in job.windows for encoded in window.passes]
    alone = _shortest(lambda: forward(model, passes, classifier.batch_tokens), device, rounds)
    real = sum(len(p.ids) for p in passes)
    padded = _padded(model, lambda: forward(model, passes, classifier.batch_tokens))
    flops = sum(_flops(model.config, len(p.ids)) for p in passes)
    rate = matrix_rate(device, model.dtype)
    return {
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "dtype": str(model.dtype).removeprefix("torch."),
        "batch_tokens": classifier.batch_tokens,
        "articles": len(articles),
        "tokens": tokens,
        "articles_per_second": round(len(articles) / whole, 1),
        "tokens_per_second": round(tokens / whole),
        "forward_tokens_per_second": round(real / alone),
        "forward_share_of_time": round(alone / whole, 3),
        "real_tokens_of_a_batch": round(real / padded, 3),
        "forward_tflops": round(flops / alone / 1e12, 3),
        "matrix_tflops": round(rate / 1e12, 3),
        "share_of_matrix_rate": round(flops / alone / rate, 3),
        "peak_gpu_mib": round(torch.cuda.max_memory_allocated() / 2**20) if device.type == "cuda" else None,
    }


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Operations a second of a large matrix product on random data, median of several."""
    size = 8_192 if device.type == "cuda" else 2_048
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    return 2 * size**3 / _shortest(lambda: a @ b, device, 10)


def _flops(config: Any, length: int) -> float:
    """Of the matrix products of one pass: projections, attention and feed-forward of each layer."""
    width, inner = config.hidden_size, config.intermediate_size
    return float(
        config.num_hidden_layers * 2 * length * (4 * width**2 + 2 * width * inner + 2 * length * width)
    )


def _padded(model: Any, work: Callable[[], object]) -> int:
    """Tokens, padding too, that `work` puts through a model."""
    counted = 0

    def count(module: object, args: tuple[torch.Tensor, ...], kwargs: object) -> None:
        nonlocal counted
        counted += args[0].numel()

    hook = model.register_forward_pre_hook(count, with_kwargs=True)
    work()
    hook.remove()
    return counted


def _shortest(work: Callable[[], object], device: torch.device, rounds: int) -> float:
    times = []
    for _ in range(rounds + 1):
        if device.type == "cuda":
            torch.cuda.synchronize()
        started = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return min(times[1:])


def draw_articles(data: Path, count: int) -> list[str]:
    """Half in each language, the same at each call."""
    rng = random.Random(0)
    drawn = []
    for language in ("zh", "en"):
        texts = [t for t in sample_texts(data, language, _CHARS) if t.strip()]
        drawn += rng.sample(texts, count // 2)
    rng.shuffle(drawn)
    return drawn


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", nargs="+", default=["auto"])
    parser.add_argument("--articles", type=int, default=500)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    articles = draw_articles(options.data, options.articles)
    figures = [
        measure(
            StanceClassifier.from_pretrained(options.model, options.device, precision=precision), articles
        )
        for precision in options.precision
    ]
    print(json.dumps(figures, indent=1))
    if options.out:
        options.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
