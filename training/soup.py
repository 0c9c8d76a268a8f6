"""One set of weights from several of the same run: a greedy model soup.

Wortsman et al. (2022), "Model soups: averaging weights of multiple fine-tuned models improves accuracy
without increasing inference time".
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

Weights = Mapping[str, Tensor]
log = logging.getLogger(__name__)


def greedy_soup(ingredients: Mapping[Path, float], score: Callable[[Weights], float]) -> Weights:
    """Mean of the weights that raise the score together.

    Args:
        ingredients: Files of weights (`torch.save` of a state dict) and the score of each alone.
        score: Of a set of weights on the development split; higher is better.

    Starts with the best one, then takes each of the others, best first, if the mean scores no lower with it.
    """
    first, *others = sorted(ingredients, key=ingredients.__getitem__, reverse=True)
    soup, best, count = _load(first), ingredients[first], 1
    for path in others:
        more = _load(path)
        mixed = {
            name: (value * count + more[name]) / (count + 1) if value.is_floating_point() else value
            for name, value in soup.items()
        }
        reached = score(mixed)
        log.info("with %s: %.4f (without: %.4f)", path.name, reached, best)
        if reached >= best:
            soup, best, count = mixed, reached, count + 1
    return soup


def _load(path: Path) -> Weights:
    weights: Weights = torch.load(path, weights_only=True, map_location="cpu")
    return weights
