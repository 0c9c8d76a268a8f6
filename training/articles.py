"""Scores on whole articles: ways of pooling windows against each other.

What a pooling fitted on these very articles is worth is told by cross-validation: each article is pooled
with weights fitted on the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from polystance.models.checkpoint import Checkpoint
from polystance.models.pooling import Pooling
from polystance.training.examples import Example
from polystance.training.fitting import Rows, article_logits, best_pooling
from polystance.training.metrics import Score, macro_f1, scored

_FOLDS: Final = 7
_FIXED: Final[Mapping[str, Pooling]] = {
    "mean of windows": Pooling(),
    "first window alone": Pooling(lead=50.0),
    "most decisive window alone": Pooling(decisive=50.0),
}


@dataclass(frozen=True)
class ArticleScores:
    """Stance macro-F1 on articles by way of pooling.

    Attributes:
        checkpoint: Its digest.
        articles, labels: That were scored.
    """

    checkpoint: str
    articles: int
    labels: int
    macro_f1: Mapping[str, Score]


def evaluate_articles(checkpoint: Checkpoint, articles: Sequence[Example]) -> ArticleScores:
    """Fixed ways of pooling, the checkpoint's own, and one fitted anew by cross-validation over articles."""
    per_article = [article_logits(checkpoint, [article])[0] for article in articles]
    documents = [a.document for a, rows in zip(articles, per_article, strict=True) for _ in rows]
    gold = np.array([row[0] for rows in per_article for row in rows])

    def guesses(pooling: Pooling, chosen: Sequence[Rows]) -> list[int]:
        return [int(pooling.pool(logits, first).argmax()) for rows in chosen for _, logits, first in rows]

    ways = {name: guesses(pooling, per_article) for name, pooling in _FIXED.items()}
    ways["as shipped"] = guesses(checkpoint.settings.pooling, per_article)
    crossed: list[list[int]] = [[] for _ in per_article]
    for fold in range(_FOLDS):
        others = [row for n, rows in enumerate(per_article) if n % _FOLDS != fold for row in rows]
        fitted = best_pooling([others])
        for n in range(fold, len(per_article), _FOLDS):
            crossed[n] = guesses(fitted, [per_article[n]])
    ways["fitted, by cross-validation"] = [guess for found in crossed for guess in found]
    scores = {}
    for name, found in ways.items():
        guess = np.array(found)
        scores[name] = scored(lambda i, p=guess: macro_f1(gold[i], p[i]), documents)  # type: ignore[misc]
    return ArticleScores(checkpoint.digest(), len(articles), len(gold), scores)
