"""The recipe that trains one's own labels on top of a checkpoint, without a recipe having to be written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import as_file, files
from typing import Final

from polystance.errors import UsageError
from polystance.models.checkpoint import DEFAULT, SETTINGS_FILE, Settings, resolve
from polystance.training.recipe import Recipe, load_recipe, name_of

RECIPE: Final = "own-labels.toml"


def own_labels_recipe(name: str, model: str | None = None) -> Recipe:
    """The recipe that ships for labels of one's own.

    Args:
        name: Of the checkpoint that comes of it.
        model: Checkpoint that is gone on from: a folder or a hub id; None for the one that ships.

    Raises:
        CheckpointError: There is no such checkpoint.
    """
    with as_file(files("polystance.training") / "recipes" / RECIPE) as path:
        recipe = load_recipe(path)
    start = resolve(model)
    settings = start / SETTINGS_FILE
    if settings.is_file():
        window = Settings.from_json(settings.read_text(encoding="utf-8"), settings).window_tokens
        recipe = replace(recipe, window_tokens=window)
    encoder = DEFAULT if model is None else str(start)
    return replace(recipe, name=name, encoder=encoder)


def with_labels(recipe: Recipe, path: str, columns: Mapping[str, str], labels: Mapping[str, str]) -> Recipe:
    """A recipe with other labels of one's own in the place of those that it names.

    Args:
        path, columns, labels: As of `UserData`.

    Raises:
        UsageError: The recipe names none or several, so that there is no such place.
    """
    if len(recipe.own) != 1:
        raise UsageError(
            f"--data {path} is no folder, and the recipe {recipe.name!r} has {len(recipe.own)} places for "
            "labels of your own. Give the folder of the data sets, or a recipe with one `path` in "
            "[[stage.data]]."
        )
    (named,) = recipe.own
    own = replace(
        named,
        name=name_of(path),
        path=path,
        columns={**named.columns, **columns},
        labels={**named.labels, **labels},
        dev="",
        test="",
    )
    stages = tuple(
        replace(stage, data=tuple(own if part == named else part for part in stage.data))
        for stage in recipe.stages
    )
    return replace(recipe, stages=stages)
