"""Is one predictor better than another, or was it the sample? By a paired bootstrap over documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polystance.models.checkpoint import Checkpoint
from polystance.training.evaluation import stance_f1
from polystance.training.examples import Example
from polystance.training.metrics import Difference, paired_difference
from polystance.training.predictors import Classifier, Predictor, stance_rows

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class PredictorComparison:
    """Two predictors on the same examples, the first minus the second.

    Attributes:
        names: Of both.
        macro_f1: Differences of the stance macro-F1 by slice: "all" and each language.
    """

    names: tuple[str, str]
    macro_f1: Mapping[str, Difference]

    def to_dict(self) -> dict[str, Any]:
        """Everything in it, as JSON takes it."""
        return asdict(self)

    def table(self) -> Table:
        """For a terminal: both scores, their difference with its interval and p."""
        from polystance.training.scoretables import difference_table

        return difference_table(self.names, self.macro_f1)


def compare_predictors(
    a: Predictor | Classifier | Checkpoint | str | Path,
    b: Predictor | Classifier | Checkpoint | str | Path,
    examples: Sequence[Example],
    *,
    names: tuple[str, str] = ("A", "B"),
    draws: int = 1000,
    seed: int = 0,
) -> PredictorComparison:
    """Score two predictors on the same examples, and test the difference (Koehn 2004).

    Args:
        a, b: Predictors in any form that `evaluate` takes.
        examples: Labelled texts. Documents are what is drawn, so a text's labels stay together.
        names: What the predictors are called in tables.
        draws: Bootstrap samples; the smallest p that can come out is 2 / (draws + 1).

    Raises:
        DataError: There is nothing to score, or a prediction has not the form that `evaluate` states.
    """
    first, second = stance_rows(a, examples), stance_rows(b, examples)
    differences = {
        part: paired_difference(
            stance_f1(first, rows, first.gold),
            stance_f1(second, rows, second.gold),
            [first.documents[i] for i in rows],
            draws=draws,
            seed=seed,
        )
        for part, rows in first.parts().items()
    }
    return PredictorComparison(names, differences)
