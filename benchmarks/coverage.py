"""How often 95% intervals of the gap hold the true gap: raw and corrected, by simulation.

    python -m benchmarks.coverage --out benchmarks/results/coverage.json

Two press worlds of outlets that differ in size and leaning; a classifier that is right as often as its
accuracy says, and errs to one side as its slant says; a random sample of each group labelled by hand. The
truth is the gap between the populations that outlets are drawn from. What is simulated is what `compare`
runs: `estimates` and `correction`.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from polystance.inference.correction import HandLabels, correct
from polystance.inference.estimates import Clusters, Estimate, Weight, estimate

FloatArray = npt.NDArray[np.float64]
VALUE: Final = np.array([1.0, 0.0, -1.0])  # favor, neutral, against


@dataclass(frozen=True)
class World:
    """One setting.

    Attributes:
        accuracy: Of the classifier in the first and the second group.
        slant: Share of its errors, in each group, that go to the class on the side of "against".
        shares: Mean share of favor, neutral and against in each group; they differ under label shift.
        outlets: In each group.
        labels: Hand labels in each group.
    """

    name: str
    accuracy: tuple[float, float] = (0.8, 0.8)
    slant: tuple[float, float] = (0.5, 0.5)
    shares: tuple[tuple[float, float, float], tuple[float, float, float]] = ((0.2, 0.55, 0.25),) * 2
    outlets: int = 20
    labels: int = 200
    weight: Weight = "outlet"


SHIFTED: Final = ((0.1, 0.5, 0.4), (0.3, 0.55, 0.15))
WORLDS: Final = (
    World("equal errors"),
    World("equal errors, by article", weight="article"),
    World("label shift", shares=SHIFTED),
    World("unequal accuracy", accuracy=(0.7, 0.9), shares=SHIFTED),
    World("errors lean to one side in one language", slant=(0.9, 0.5)),
    World("errors lean apart", slant=(0.9, 0.1)),
    World("errors lean apart, by article", slant=(0.9, 0.1), weight="article"),
    World("errors lean apart, accuracy 0.7", accuracy=(0.7, 0.7), slant=(0.9, 0.1)),
    World("errors lean apart, accuracy 0.9", accuracy=(0.9, 0.9), slant=(0.9, 0.1)),
    World("errors lean apart, 6 outlets", slant=(0.9, 0.1), outlets=6),
    World("errors lean apart, 10 outlets", slant=(0.9, 0.1), outlets=10),
    World("errors lean apart, 60 outlets", slant=(0.9, 0.1), outlets=60),
    World("errors lean apart, 60 labels", slant=(0.9, 0.1), labels=60),
    World("errors lean apart, 600 labels", slant=(0.9, 0.1), labels=600),
    World("all of it", accuracy=(0.7, 0.85), slant=(0.9, 0.1), shares=SHIFTED, outlets=10),
)


def simulate(world: World, rounds: int, draws: int, seed: int = 0) -> dict[str, Any]:
    """Coverage of the raw and the corrected interval, mean width of both, and the mean raw bias."""
    rng = np.random.default_rng(seed)
    truth = float((np.array(world.shares[0]) - np.array(world.shares[1])) @ VALUE)
    hits, widths, errors = np.zeros(2), np.zeros(2), np.zeros(2)
    for _ in range(rounds):
        sides = [_side(world, side, rng, draws) for side in (0, 1)]
        for kind in (0, 1):
            gap = sides[0][kind] - sides[1][kind]
            low, high = (float(end[0]) for end in gap.interval())
            hits[kind] += low <= truth <= high
            widths[kind] += high - low
            errors[kind] += float(gap.value[0]) - truth
    raw, corrected = (
        {
            "coverage": round(float(hits[k] / rounds), 4),
            "width": round(float(widths[k] / rounds), 3),
            "bias": round(float(errors[k] / rounds), 3),
        }
        for k in (0, 1)
    )
    return {**asdict(world), "gap": round(truth, 3), "rounds": rounds, "raw": raw, "corrected": corrected}


def _side(world: World, side: int, rng: np.random.Generator, draws: int) -> tuple[Estimate, Estimate]:
    sizes = np.maximum(3, rng.lognormal(3.3, 0.8, world.outlets)).astype(int)
    outlet = np.repeat(np.arange(world.outlets), sizes)
    mix = rng.dirichlet(np.array(world.shares[side]) * 12, world.outlets)  # outlets differ in leaning
    truth = (rng.random(len(outlet))[:, None] > mix.cumsum(axis=1)[outlet][:, :2]).sum(axis=1)
    said = _classify(truth, world.accuracy[side], world.slant[side], rng)
    # Scores are the classifier's probabilities, not its labels: a little of the other classes is in them.
    score = 0.75 * VALUE[said] + 0.1 * rng.normal(size=len(said))
    clusters = Clusters(sizes.astype(np.float64), np.bincount(outlet, score)[:, None])
    squares = np.bincount(outlet, score**2)[:, None]
    rows = rng.choice(len(outlet), min(world.labels, len(outlet)), replace=False)
    labels = HandLabels(
        outlet[rows], VALUE[truth[rows], None], score[rows, None], np.full(len(rows), len(outlet) / len(rows))
    )
    corrected = correct(clusters, squares, labels, world.weight).clusters
    return tuple(estimate(c, draws, rng, world.weight) for c in (clusters, corrected))  # type: ignore[return-value]


def _classify(
    truth: npt.NDArray[np.int64], accuracy: float, slant: float, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    wrong = rng.random(len(truth)) > accuracy
    # Of the two other classes, the one nearer to "against" (the higher number) with probability `slant`.
    others = np.array([[1, 2], [0, 2], [0, 1]])[truth]
    chosen = others[np.arange(len(truth)), (rng.random(len(truth)) < slant).astype(int)]
    return np.where(wrong, chosen, truth)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=2_000)
    parser.add_argument("--draws", type=int, default=300)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/coverage.json"))
    options = parser.parse_args()
    found = []
    for number, world in enumerate(WORLDS):
        found.append(simulate(world, options.rounds, options.draws, number))
        print(found[-1], flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
