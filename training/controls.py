"""What a model has to beat: guesses without the text, and a linear model on words and characters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from polystance.models.labels import STANCES
from polystance.training.examples import Example
from polystance.training.metrics import macro_f1
from polystance.training.predictors import Predictor

CONTEXT = 80  # characters to each side of a mention


def majority(train: Sequence[Example]) -> Predictor:
    """Always the most frequent label of the training data."""
    best = Counter(label for e in train for label in e.stances.values()).most_common(1)[0][0]
    sure = {label: float(label == best) for label in STANCES}
    return lambda examples: [dict.fromkeys(e.stances, sure) for e in examples]


def target_only(train: Sequence[Example]) -> Predictor:
    """The labels' shares for this target and language in the training data; the text is not read."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for example in train:
        for target, label in example.stances.items():
            counts.setdefault((example.language, target), Counter())[label] += 1
            counts.setdefault((example.language, ""), Counter())[label] += 1

    def predict(examples: Sequence[Example]) -> list[dict[str, Mapping[str, float]]]:
        rows = []
        for e in examples:
            row: dict[str, Mapping[str, float]] = {}
            for target in e.stances:
                seen = counts.get((e.language, target)) or counts.get((e.language, "")) or Counter(STANCES)
                row[target] = {label: seen[label] / seen.total() for label in STANCES}
            rows.append(row)
        return rows

    return predict


def context(example: Example, target: str) -> str:
    """The text around the target's mentions, each written as TGT; the whole text if it is never named."""
    pieces = []
    for text, mentions in ((example.title, example.title_mentions), (example.text, example.text_mentions)):
        spans = [(m.start, m.end) for m in mentions if m.target == target]
        for start, end in spans:
            pieces.append(f"{text[max(0, start - CONTEXT) : start]} TGT {text[end : end + CONTEXT]}")
    return "\n".join(pieces) or f"{example.title}\n{example.text}"


def tfidf(train: Sequence[Example], dev: Sequence[Example]) -> Predictor:
    """Balanced logistic regression on TF-IDF of characters 1-4 and words 1-2 around the target's mentions.

    The regularisation is the one of three that is best on `dev`.
    """

    def rows(examples: Sequence[Example]) -> tuple[list[str], list[int]]:
        pairs = [(context(e, t), STANCES.index(label)) for e in examples for t, label in e.stances.items()]
        return [p[0] for p in pairs], [p[1] for p in pairs]

    texts, gold = rows(train)
    many = len(texts) >= 500  # among few texts hardly a word stands in three
    characters = TfidfVectorizer(
        analyzer="char",
        ngram_range=(1, 4),
        min_df=5 if many else 1,
        max_features=150_000,
        sublinear_tf=True,
    )
    words = TfidfVectorizer(
        ngram_range=(1, 2), min_df=3 if many else 1, max_features=80_000, sublinear_tf=True
    )
    features = hstack([characters.fit_transform(texts), words.fit_transform(texts)]).tocsr()
    dev_texts, dev_gold = rows(dev)
    dev_features = hstack([characters.transform(dev_texts), words.transform(dev_texts)]).tocsr()
    models = [
        LogisticRegression(C=c, class_weight="balanced", max_iter=300).fit(features, gold)
        for c in (0.3, 1.0, 3.0)
    ]
    best = max(models, key=lambda m: macro_f1(np.array(dev_gold), np.array(m.predict(dev_features))))

    def predict(examples: Sequence[Example]) -> list[dict[str, Mapping[str, float]]]:
        texts, _ = rows(examples)
        table = best.predict_proba(hstack([characters.transform(texts), words.transform(texts)]).tocsr())
        each = iter(table)
        none = dict.fromkeys(STANCES, 0.0)  # of a stance that the training data lacks
        classes = [STANCES[c] for c in best.classes_]
        return [
            {t: none | dict(zip(classes, map(float, next(each)), strict=True)) for t in e.stances}
            for e in examples
        ]

    return predict
