"""Whole articles: stance macro-F1 under several ways of pooling windows, and how often the evidence is right.

    python -m benchmarks.articles DATA    # DATA/articles_dev.jsonl.gz, in the form of country-news

Evidence counts as right if the chosen sentence overlaps a sentence that the annotation quotes for that
label; only labels that the classifier got right, are not neutral and have a quote are counted. Beside
it: the first sentence that names the target.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from polystance import Article, ArticleLabels, StanceClassifier
from polystance.models.checkpoint import Checkpoint
from polystance.models.sentences import split_sentences
from polystance.training.articles import evaluate_articles
from polystance.training.examples import Example, read_country_news


def classify(checkpoint: Checkpoint, examples: Sequence[Example]) -> list[ArticleLabels]:
    classifier = StanceClassifier(checkpoint)
    labels = []
    for e in examples:
        article = Article(id=e.id, title=e.title, text=e.text, language=e.language)
        labels += classifier.classify([article], targets=list(e.stances))
    return labels


def overlaps(text: str, start: int, end: int, quotes: Sequence[str]) -> bool:
    places = [(text.find(quote), quote) for quote in quotes]
    return any(at >= 0 and at < end and at + len(quote) > start for at, quote in places)


def evidence(examples: Sequence[Example], labels: Sequence[ArticleLabels]) -> str:
    hits, first_hits, chance, total = 0, 0, 0.0, 0
    for e, item in zip(examples, labels, strict=True):
        sentences = split_sentences(e.text)
        for target, quotes in e.evidence.items():
            stance = item.stances.get(target)
            usable = stance is not None and stance.label == e.stances.get(target) != "neutral"
            if not usable or stance is None or stance.evidence is None or stance.evidence.in_title:
                continue
            named = [
                (a, b)
                for a, b in sentences
                if any(a <= m.start < b for m in e.text_mentions if m.target == target)
            ]
            if not named:
                continue
            total += 1
            hits += overlaps(e.text, stance.evidence.start, stance.evidence.end, quotes)
            first_hits += overlaps(e.text, *named[0], quotes)
            chance += float(np.mean([overlaps(e.text, a, b, quotes) for a, b in named]))
    if not total:
        return "no label to check"
    return (
        f"{hits}/{total} chosen sentences overlap a quoted one; first sentence that names the target "
        f"{first_hits}/{total}; any such sentence by chance {chance:.1f}/{total}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--model")
    options = parser.parse_args()
    examples = list(read_country_news(options.data, "articles_dev"))
    checkpoint = StanceClassifier.from_pretrained(options.model, device="cpu").checkpoint
    result = evaluate_articles(checkpoint, examples)
    for name, score in result.macro_f1.items():
        print(f"{name}: stance macro-F1 {score}, {result.labels} labels")
    print("evidence:", evidence(examples, classify(checkpoint, examples)))


if __name__ == "__main__":
    main()
