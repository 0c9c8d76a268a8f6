"""From logits to probabilities that can be believed: a temperature per head and language.

Guo, Pleiss, Sun and Weinberger (2017), "On Calibration of Modern Neural Networks".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polystance.errors import CheckpointError

HEADS = ("stance", "tone", "frames")
OTHER = "other"  # languages that no temperature was fitted for


@dataclass(frozen=True)
class Calibration:
    """Temperatures, each above 0, by head and language; 1.0 leaves logits as they are."""

    temperatures: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def temperature(self, head: str, language: str | None) -> float:
        """Of a head in a language; the head's "other" entry, else 1.0, where none was fitted."""
        fitted = self.temperatures.get(head, {})
        return fitted.get(language or OTHER, fitted.get(OTHER, 1.0))

    def softmax(
        self, head: str, logits: NDArray[np.floating[Any]], language: str | None
    ) -> NDArray[np.float64]:
        """Probabilities over the last axis, for heads with one label (stance, tone)."""
        scaled = logits.astype(np.float64) / self.temperature(head, language)
        scaled -= scaled.max(axis=-1, keepdims=True)
        raised = np.exp(scaled)
        probabilities: NDArray[np.float64] = raised / raised.sum(axis=-1, keepdims=True)
        return probabilities

    def sigmoid(self, logits: NDArray[np.floating[Any]], language: str | None) -> NDArray[np.float64]:
        """Probability of each frame on its own."""
        scaled = logits.astype(np.float64) / self.temperature("frames", language)
        probabilities: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-scaled))
        return probabilities

    def to_dict(self) -> dict[str, dict[str, float]]:
        return {head: dict(by_language) for head, by_language in self.temperatures.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Mapping[str, float]]) -> Calibration:
        for head, by_language in data.items():
            for language, value in by_language.items():
                if head not in HEADS or not (isinstance(value, int | float) and 0 < value < 100):
                    raise CheckpointError(
                        f"Calibration of {head!r} in {language!r} is {value!r}; heads: {', '.join(HEADS)}, "
                        "and a temperature lies above 0 and below 100. Fit the calibration anew."
                    )
        return cls({head: dict(by_language) for head, by_language in data.items()})
