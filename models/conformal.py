"""Sets of labels that hold the right one as often as promised: split-conformal prediction.

Vovk, Gammerman and Shafer (2005); with the probability of the label as the score, Sadinle, Lei and
Wasserman (2019), "Least Ambiguous Set-Valued Classifiers With Bounded Error Levels". The promise holds for
texts like those that it was fitted on, on average over texts, not for each kind of text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polystance.errors import CheckpointError
from polystance.models.calibration import OTHER


@dataclass(frozen=True)
class ConformalSets:
    """Sets of stances.

    Attributes:
        level: Share of texts whose set holds the right label, from 0 to 1.
        floors: Calibrated probability from which a label is in the set, by language; with none, every
            label is in it.
    """

    level: float = 0.9
    floors: Mapping[str, float] = field(default_factory=dict)

    def floor(self, language: str | None) -> float:
        return self.floors.get(language or OTHER, self.floors.get(OTHER, 0.0))

    def members(self, probabilities: NDArray[np.float64], language: str | None) -> NDArray[np.bool_]:
        """(..., labels) calibrated probabilities -> which labels are in; the most probable always is."""
        top = probabilities.max(axis=-1, keepdims=True)
        inside: NDArray[np.bool_] = probabilities >= np.minimum(self.floor(language), top)
        return inside

    @classmethod
    def fit(
        cls,
        gold: NDArray[np.integer[Any]],
        probabilities: NDArray[np.float64],
        languages: Sequence[str],
        level: float = 0.9,
    ) -> ConformalSets:
        """Fit a floor per language.

        Args:
            gold: (rows,) class of each row, none of which the model was trained on.
            probabilities: (rows, classes), calibrated.
            languages: (rows,).
        """
        of_gold = probabilities[np.arange(len(gold)), gold]
        language = np.array(languages)
        groups = {
            OTHER: of_gold,
            **{str(name): of_gold[language == name] for name in sorted(set(languages))},
        }
        return cls(level, {name: _floor(values, level) for name, values in groups.items() if len(values)})

    def to_dict(self) -> dict[str, Any]:
        return {"level": self.level, "floors": dict(self.floors)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ConformalSets:
        level, floors = float(data["level"]), {k: float(v) for k, v in data["floors"].items()}
        if not (0 < level < 1 and all(0 <= value <= 1 for value in floors.values())):
            raise CheckpointError(
                f"Conformal sets have level {level} and floors {floors}; a level lies between 0 and 1, "
                "a floor from 0 to 1. Fit them anew."
            )
        return cls(level, floors)


def _floor(of_gold: NDArray[np.float64], level: float) -> float:
    """The k-th smallest probability of a right label, k = floor((n + 1) (1 - level)); 0 if k is 0."""
    k = int(np.floor((len(of_gold) + 1) * (1 - level)))
    return float(np.sort(of_gold)[k - 1]) if k else 0.0
