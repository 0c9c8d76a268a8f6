"""From the logits of windows to those of the article.

A weighted mean: each window counts with exp(decisive x (1 - P(neutral)) + lead x [first window]), since
one paragraph that takes sides outweighs several that only report, and news puts its point first. The
weights are fitted on articles that were labelled as a whole, and are 0 for a plain mean. An article of one
window is what the model was trained on, and keeps its logits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from polystance.errors import CheckpointError


@dataclass(frozen=True)
class Pooling:
    """Weights of the mean over windows.

    Attributes:
        decisive: How much more a window counts that is not neutral.
        lead: How much more the first window counts.
        bias: Added to the pooled logit of "neutral".
    """

    decisive: float = 0.0
    lead: float = 0.0
    bias: float = 0.0

    def pool(self, logits: NDArray[np.float64], first: NDArray[np.bool_]) -> NDArray[np.float64]:
        """(windows, 3) logits in the order favor, neutral, against (or positive, neutral, negative) -> (3,).

        `first`: (windows,) whether a window is the article's first.
        """
        if len(logits) == 1:
            only: NDArray[np.float64] = logits[0]
            return only
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        neutral = shifted[:, 1] / shifted.sum(axis=1)
        weights: NDArray[np.float64] = np.exp(self.decisive * (1 - neutral) + self.lead * first)
        pooled: NDArray[np.float64] = (weights[:, None] * logits).sum(axis=0) / weights.sum()
        pooled[1] += self.bias
        return pooled

    def to_dict(self) -> dict[str, float]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, float]) -> Pooling:
        weights = {key: float(value) for key, value in data.items()}
        if not all(map(math.isfinite, weights.values())):
            raise CheckpointError(
                f"Pooling weights are {weights}; they must be finite. Fit the pooling anew."
            )
        return cls(**weights)
