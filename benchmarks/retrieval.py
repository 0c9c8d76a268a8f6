"""How well the shipped checkpoint finds a sentence's translation, and the events of the sample corpus.

    python -m benchmarks.retrieval DATA

Sentences: 1,000 pairs of ntrex128, which nothing was trained on; the share whose nearest neighbour in the
other language is their translation, by the likeness that links events and by the mean of the token vectors.
Events: pairwise precision, recall and F1 on the sample corpus, for thresholds around the default.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from polystance.inference.events import EventOptions, Likeness, link_events, pairwise_f1
from polystance.models.checkpoint import load_checkpoint
from polystance.training.corpora import clean, read_pairs
from polystance.training.examples import read_seeds


def sentences(data: Path, corpus: str = "ntrex128", n: int = 1_000) -> dict[str, Any]:
    """Retrieval accuracy both ways."""
    pairs = read_pairs(data, corpus)[:n]
    texts = [clean(p.zh) for p in pairs] + [clean(p.en) for p in pairs]
    likeness = Likeness(texts, ["zh"] * len(pairs) + ["en"] * len(pairs), load_checkpoint(), EventOptions())
    zh, en = np.arange(len(pairs)), np.arange(len(pairs), 2 * len(pairs))
    means = likeness.centroids()
    found: dict[str, Any] = {"corpus": corpus, "pairs": len(pairs)}
    for name, table in (("soft cosine", likeness.cosines(zh, en)), ("mean", means[zh] @ means[en].T)):
        found[name] = {
            "zh_en": round(float((table.argmax(axis=1) == zh).mean()), 4),
            "en_zh": round(float((table.argmax(axis=0) == zh).mean()), 4),
        }
    return found


def events() -> list[dict[str, float]]:
    """Scores on the sample corpus by threshold."""
    examples = read_seeds()
    published = {row["id"]: row["published"] for row in _rows()}
    table = pd.DataFrame(
        {
            "title": e.title, "text": e.text, "language": e.language, "published": published[e.id],
            "targets": frozenset(e.stances),
        }
        for e in examples
    )  # fmt: skip
    known = [e.document for e in examples]
    scores = []
    for threshold in (-1.0, -0.5, 0.0, 0.5):
        found = link_events(table, load_checkpoint(), replace(EventOptions(), threshold=threshold))
        precision, recall, f1 = (round(x, 3) for x in pairwise_f1(list(found), known))
        scores.append({"threshold": threshold, "precision": precision, "recall": recall, "f1": f1})
    return scores


def _rows() -> list[dict[str, Any]]:
    from polystance.seeds import resource

    return [json.loads(line) for line in resource("labels.jsonl").read_text(encoding="utf-8").splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/retrieval.json"))
    options = parser.parse_args()
    result = {"sentences": sentences(options.data), "events": events()}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
