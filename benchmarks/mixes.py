"""What the fine-tuning owes to its parts: dev scores with one part of the mix changed at a time.

    python -m benchmarks.mixes DATA WORK --out benchmarks/results/mixes.json

Every arm starts from the bilingual encoder of the recipe (WORK as `polystance train --work` leaves it; made
if it isn't there), and is trained for the same number of steps as the recipe's first teacher is, on that
teacher's data. The average of its weights is scored once, at the end, on the development split of
country-news. The arms with a part of the annotations are the learning curve. An arm that is in the file
already is not run again.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np

from polystance.models.checkpoint import make_encoder
from polystance.models.labels import STANCES
from polystance.training.examples import Example
from polystance.training.finetuning import finetune
from polystance.training.metrics import macro_f1, scored
from polystance.training.pipeline import Run, token_classifier
from polystance.training.prediction import predict_windows
from polystance.training.recipe import DataConfig, Stage, load_recipe
from polystance.training.scores import passage_scores, stance_arrays

RECIPE: Final = Path(__file__).parents[1] / "training" / "recipes" / "polystance-mini.toml"
STAGE: Final = "teacher-1"
NEWS: Final = ("country-news", "annotations")  # labelled by our codebook
Mix = Sequence[tuple[Example, float]]


@dataclass(frozen=True)
class Arm:
    """What is other than in the recipe.

    Attributes:
        share: Share of a data set's documents that is kept; 0 leaves the set out.
        part: Options of every data set.
        finetuning: Options of the fine-tuning.
    """

    share: Mapping[str, float] = field(default_factory=dict)
    part: Mapping[str, Any] = field(default_factory=dict)
    finetuning: Mapping[str, Any] = field(default_factory=dict)


ARMS: Final[Mapping[str, Arm]] = {
    "as in the recipe": Arm(),
    "no annotations": Arm({"annotations": 0}),
    "a quarter of the annotations": Arm({"annotations": 0.25}),
    "half of the annotations": Arm({"annotations": 0.5}),
    "without country-news": Arm({"country-news": 0}),
    "without contrasts": Arm({"contrasts": 0}),
    "without newsmtsc": Arm({"newsmtsc": 0}),
    "without c-stance": Arm({"c-stance": 0}),
    "no exchange of countries": Arm(part={"exchange": 0.0}),
    "all neutral texts": Arm(part={"neutral": 1.0}),
    "equal class weights": Arm(finetuning={"class_weights": dict.fromkeys(STANCES, 1.0)}),
    "no label smoothing": Arm(finetuning={"label_smoothing": 0.0}),
    "every mention marked": Arm(finetuning={"unmarked": 0.0}),
}


class Bench:
    """What the arms share: the stage, its data and the encoder they start from."""

    def __init__(self, run: Run, steps: int) -> None:
        self.recipe_run = run
        self.dev = run.read(run.recipe.dev, "dev")
        stage = next(stage for stage in run.recipe.stages if stage.name == STAGE)
        self.stage = replace(stage, finetuning=replace(stage.finetuning, steps=steps, evaluate_every=steps))
        self._parts: dict[DataConfig, Mix] = {}

    def _part(self, config: DataConfig, share: float) -> Mix:
        if config not in self._parts:
            stage = Stage(self.stage.name, (config,), self.stage.finetuning)
            self._parts[config] = self.recipe_run.mix(stage)
        mix = self._parts[config]
        documents = sorted({example.document for example, _ in mix})
        kept = set(Random(self.stage.finetuning.seed).sample(documents, round(share * len(documents))))
        return [(example, weight) for example, weight in mix if example.document in kept]

    def run(self, arm: Arm, work: Path) -> dict[str, Any]:
        mix: list[tuple[Example, float]] = []
        news = 0
        for part in self.stage.data:
            found = self._part(replace(part, **arm.part), arm.share.get(part.name, 1.0))
            news += len({example.id for example, _ in found if "~" not in example.id}) * (part.name in NEWS)
            mix += found
        config = replace(self.stage.finetuning, **arm.finetuning)
        model, tokenizer = token_classifier(self.recipe_run.encoder(), config.seed)
        encoder = make_encoder(tokenizer)
        finetune(model, encoder, mix, self.dev, work, config)
        predictions = predict_windows(model, encoder, self.dev)
        gold, logits, languages, documents = stance_arrays(self.dev, predictions)
        guess = logits.argmax(1)
        figures: dict[str, Any] = {"steps": config.steps, "texts": len(mix), "news": news}
        for part_name in ("all", *sorted(set(languages))):
            rows = np.flatnonzero([part_name in ("all", language) for language in languages])
            score = scored(
                lambda i, r=rows: macro_f1(gold[r[i]], guess[r[i]]),  # type: ignore[misc]
                [documents[i] for i in rows],
            )
            figures[part_name] = [round(x, 4) for x in (score.value, score.low, score.high)]
        scores = passage_scores(self.dev, predictions)
        figures |= {name: round(scores[name], 4) for name in ("tone_f1", "frames_f1")}
        return {**figures, "guess": "".join(STANCES[i][0] for i in guess)}

    def set_against(self, first: str, figures: Mapping[str, Any]) -> list[float]:
        """Difference in macro-F1 from the arm whose guesses are `first`, with its 95% interval, paired."""
        index = {stance[0]: i for i, stance in enumerate(STANCES)}
        one, two = (np.array([index[c] for c in guesses]) for guesses in (figures["guess"], first))
        rows = [
            (STANCES.index(label), example.document)
            for example in self.dev
            for label in example.stances.values()
        ]
        gold = np.array([label for label, _ in rows])
        score = scored(
            lambda i: macro_f1(gold[i], one[i]) - macro_f1(gold[i], two[i]),
            [document for _, document in rows],
        )
        return [round(x, 4) for x in (score.value, score.low, score.high)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--steps", type=int, default=1_000)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/mixes.json"))
    parser.add_argument("--arm", choices=list(ARMS), action="append", help="Only this one; may be repeated.")
    options = parser.parse_args()
    results = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else {}
    bench = Bench(Run(load_recipe(RECIPE), options.data, options.work), options.steps)
    first = next(iter(ARMS))
    for name in dict.fromkeys([first, *(options.arm or ARMS)]):
        if name in results:
            continue
        work = Path("runs") / "mixes"
        shutil.rmtree(work, ignore_errors=True)
        results[name] = bench.run(ARMS[name], work)
        if name != first:
            results[name]["difference"] = bench.set_against(results[first]["guess"], results[name])
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        print(name, {k: v for k, v in results[name].items() if k != "guess"}, flush=True)


if __name__ == "__main__":
    main()
