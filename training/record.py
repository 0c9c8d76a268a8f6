"""What a checkpoint was made from, for `results/training.json` and the model card: recipe, data, versions.

    python -m polystance.training.record RECIPE DATA [--model CHECKPOINT]

writes these keys anew for a checkpoint that is there already. DATA has the form that CONTRIBUTING.md states.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import polystance
from polystance.models.checkpoint import resolve
from polystance.models.hub import commit, parse_address
from polystance.training.examples import Example
from polystance.training.labeltables import HUB
from polystance.training.recipe import DataConfig, Recipe, load_recipe
from polystance.training.results import FOLDER, write
from polystance.training.splits import Leaks

UNKNOWN: Final = "not stated"
_HUB_CACHE: Final = re.compile(
    r"/models--([^/]+?)--([^/]+)/snapshots/(\w+)$"
)  # where the hub's client puts a model


@dataclass(frozen=True)
class DataRecord:
    """A data set that a checkpoint was trained on.

    Attributes:
        split: What was trained on of it.
        texts, labels: There are in that split, less what repeats a text that is tested on; the recipe says
            what share of them is taken. Labels are stances, or tones where a set has no stances.
        license, source: As its makers state them.
        languages: Of its texts, the most frequent first.
    """

    name: str
    split: str
    texts: int
    labels: int
    license: str
    source: str
    languages: tuple[str, ...]


def parts_of(recipe: Recipe) -> list[DataConfig]:
    """The data sets of all stages, each split once."""
    parts = [part for stage in recipe.stages for part in stage.data]
    return list({(part.path or part.name, part.split): part for part in parts}.values())


def record(
    recipe: Recipe, parts: Sequence[tuple[DataConfig, Sequence[Example]]], leaks: Mapping[str, Leaks]
) -> dict[str, Any]:
    """The keys `recipe`, `data`, `leaks` and `versions` of `results/training.json`."""
    return {
        "recipe": _recipe(recipe),
        "data": [_data(part, examples) for part, examples in parts],
        "leaks": leaks,
        "versions": {
            "polystance": polystance.__version__,
            **{name: version(name) for name in ("torch", "transformers")},
        },
    }


def _data(part: DataConfig, examples: Sequence[Example]) -> DataRecord:
    known = _known().get(part.name, {}) if not part.path else {}
    languages = sorted({e.language for e in examples}, key=[e.language for e in examples].count, reverse=True)
    stances = sum(len(e.stances) for e in examples)
    return DataRecord(
        name=part.name,
        split=part.split,
        texts=len(examples),
        labels=stances or sum(e.tone is not None for e in examples),
        license=part.license or known.get("license", UNKNOWN),
        source=part.source or known.get("source") or _address(part.path) or UNKNOWN,
        languages=tuple(languages),
    )


def _address(path: str) -> str:
    """An address on the hub with the commit that was read; nothing for a file."""
    if not path.startswith(HUB):
        return ""
    address = parse_address(path)
    return str(replace(address, revision=commit(address)))


@cache
def _known() -> dict[str, dict[str, str]]:
    text = (files("polystance.training") / "datasets.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _recipe(recipe: Recipe) -> dict[str, Any]:
    """As it was parsed, with the names of files only: where they lie is nobody's business."""
    table = asdict(recipe)
    for stage in table["stages"]:
        for part in stage["data"]:
            for key in ("path", "dev", "test"):
                part[key] = _name(part[key])
    for key in ("encoder", "teacher"):
        if table[key] and Path(table[key]).is_dir():
            cached = _HUB_CACHE.search(Path(table[key]).as_posix())
            table[key] = "{}/{}@{}".format(*cached.groups()) if cached else Path(table[key]).name
    return table


def _name(place: str) -> str:
    return place if place.startswith(HUB) else Path(place).name


def main() -> None:
    from polystance.training.pipeline import Run

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    folder = resolve(options.model)
    recipe = load_recipe(options.recipe)
    with tempfile.TemporaryDirectory() as work:
        made_from = Run(recipe, options.data, Path(work)).record()
    # Which versions it was trained with can't be told afterwards, but for what its configuration says.
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    made_from["versions"] = {"transformers": config["transformers_version"]}
    path = folder / FOLDER / "training.json"
    write(path, json.loads(path.read_text(encoding="utf-8")) | made_from)
    print(path)


if __name__ == "__main__":
    main()
