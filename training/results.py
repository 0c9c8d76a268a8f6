"""Every figure of a checkpoint, as files in its folder `results/`: what the model card is made from.

    python -m polystance.training.results DATA [--model CHECKPOINT]

DATA has the form that CONTRIBUTING.md states. Nothing is chosen here: test splits are only reported on.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, Final

from polystance.models.checkpoint import Checkpoint, load_checkpoint
from polystance.training import robustness
from polystance.training.articles import evaluate_articles
from polystance.training.corpora import read_pairs
from polystance.training.evaluation import evaluate_dataset
from polystance.training.examples import Example, read_examples, read_seeds

log = logging.getLogger(__name__)
FOLDER: Final = "results"
_NEWS: Final = "country-news"
_TESTS: Final = (_NEWS, "newsmtsc", "c-stance")
_PARALLEL: Final = "wmt_news_human"  # translated by people, from news
_PAIRS: Final = 2_000


def write_results(data: Path, model: str | Path | None = None) -> Path:
    """Score a checkpoint on everything there is, and write `results/*.json` into its folder.

    Data sets that `data` lacks raise DataError.
    """
    checkpoint = load_checkpoint(model)
    folder = checkpoint.path / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name in _TESTS:
        log.info("%s", name)
        write(folder / f"{name}.json", evaluate_dataset(data / "data", name, "test", model))
    log.info("articles")
    dev, test, articles = (
        read_examples(data / "data", _NEWS, split) for split in ("dev", "test", "articles_dev")
    )
    write(folder / "articles.json", evaluate_articles(checkpoint, articles))
    log.info("robustness")
    pairs = read_pairs(data, _PARALLEL)[:_PAIRS]
    figures = {
        "checkpoint": checkpoint.digest(),
        "passages": {"data": f"{_NEWS} dev and test", **on_passages(checkpoint, dev + test)},
        "translations": {"data": _PARALLEL, "agreement": robustness.translations(checkpoint, pairs)},
        **on_seeds(checkpoint),
    }
    write(folder / "robustness.json", figures)
    return folder


def on_passages(checkpoint: Checkpoint, passages: Sequence[Example]) -> dict[str, robustness.Share]:
    """Share of labels that stay the same, by what was changed."""
    return {check.__name__: check(checkpoint, passages) for check in robustness.CHECKS}


def on_seeds(checkpoint: Checkpoint) -> dict[str, Any]:
    """The figures that need nothing but what ships."""
    figures: dict[str, Any] = {"seeds": on_passages(checkpoint, read_seeds()), "probes": {}, "swaps": {}}
    figures["failures"] = []  # one of each kind, for the card
    for kind in ("negation", "sarcasm", "metonym"):
        for language in ("zh", "en"):
            right, pairs = robustness.probes(checkpoint, kind, language)
            figures["probes"][f"{kind}_{language}"] = {"right": right, "pairs_right": pairs}
            if failure := robustness.first_failure(checkpoint, kind, language):
                figures["failures"].append(failure)
    for part in (None, "zh", "en"):
        changed, right = robustness.swaps(checkpoint, part)
        figures["swaps"][part or "all"] = {"changed": changed, "right": right}
    return figures


def write(path: Path, figures: Any) -> None:
    """Dataclasses and mappings of them as JSON."""

    def plain(value: Any) -> Any:
        if is_dataclass(value) and not isinstance(value, type):
            return asdict(value)
        raise TypeError(f"{value!r} is no figure")

    path.write_text(json.dumps(figures, indent=1, default=plain) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--model")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    print(write_results(options.data, options.model))


if __name__ == "__main__":
    main()
