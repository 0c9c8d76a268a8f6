"""Recipes, and one run from data to checkpoint on a tiny encoder."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import BertModel

from polystance.errors import DataError, PolystanceError, UsageError
from polystance.inference.classifier import StanceClassifier
from polystance.models.checkpoint import Checkpoint, load_checkpoint
from polystance.models.labels import MARKERS, OUTPUTS
from polystance.training import finetuning
from polystance.training.finetuning import FinetuningConfig
from polystance.training.pipeline import Run, run_recipe, token_classifier
from polystance.training.recipe import DataConfig, Recipe, Stage, load_recipe
from tests.unit.tiny import ENGLISH, tiny_config, write_news

RECIPE = """
name = "mine"
encoder = "some/encoder"
[[stage]]
name = "first"
steps = 7
class_weights = { favor = 2, neutral = 1, against = 2 }
[[stage.data]]
name = "country-news"
weight = 0.5
[[stage]]
name = "second"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_recipe_is_parsed(tmp_path: Path) -> None:
    recipe = load_recipe(written(tmp_path, RECIPE))
    assert (recipe.name, recipe.encoder, recipe.teacher) == ("mine", "some/encoder", None)
    first, second = recipe.stages
    assert first.data == (DataConfig("country-news", weight=0.5),)
    assert first.finetuning == FinetuningConfig(
        steps=7, class_weights={"favor": 2, "neutral": 1, "against": 2}
    )
    assert second == Stage("second", ())


@pytest.mark.parametrize(
    "path", sorted(p.name for p in files("polystance.training").joinpath("recipes").iterdir())
)
def test_shipped_recipes_parse(path: str) -> None:
    recipe = load_recipe(Path(str(files("polystance.training") / "recipes" / path)))
    assert recipe.name == Path(path).stem
    for stage in recipe.stages:
        assert stage.data
        assert stage.finetuning.evaluate_every <= stage.finetuning.steps


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        ('name = "mine"', 'nome = "mine"', UsageError, "nome.*Allowed.*name"),
        ("steps = 7", "stops = 7", UsageError, r"\[\[stage\]\] first.*stops.*Allowed.*steps"),
        ("weight = 0.5", "wait = 0.5", UsageError, r"\[\[stage\]\] first.*\[\[stage.data\]\].*wait"),
        ("[[stage.data]]", "[finetuned]", UsageError, "finetuned"),
        ('name = "second"', 'name = "first"', UsageError, "name of its own"),
        ('name = "second"', "", UsageError, r"without a name.*name"),
        ('name = "mine"', "", UsageError, "name"),
        ('name = "country-news"', "", UsageError, "name"),
        ('encoder = "some/encoder"', "", UsageError, "either `teacher`"),
        ('encoder = "some/encoder"', 'encoder = "a"\nteacher = "b"', UsageError, "either `teacher`"),
        ("weight = 0.5", 'split = "test"', DataError, "never trained on"),
        ("weight = 0.5", 'split = "test_2026"', DataError, "never trained on"),
        ("weight = 0.5", 'split = "articles_test"', DataError, "never trained on"),
        ("steps = 7", "steps = ", UsageError, "TOML"),
    ],
)
def test_bad_recipes(tmp_path: Path, old: str, new: str, error: type[PolystanceError], message: str) -> None:
    with pytest.raises(error, match=message):
        load_recipe(written(tmp_path, RECIPE.replace(old, new)))


def test_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="recipes"):
        load_recipe(tmp_path / "none.toml")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_news(tmp_path)


def tiny_recipe(encoder: str | None = "unused", **options: Any) -> Recipe:
    tuning = FinetuningConfig(
        steps=4,
        batch_size=2,
        evaluate_every=2,
        learning_rate=1e-3,
        max_tokens=80,
        **options.pop("finetuning", {}),
    )
    stage = Stage("news", (DataConfig("country-news", **options),), tuning)
    return Recipe("tuned", (stage,), encoder=encoder, window_tokens=96)


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        ({}, 5),
        ({"repeat": 3}, 15),
        ({"limit": 2}, 2),
        ({"limit": 2, "repeat": 2}, 4),
        ({"neutral": 0.0}, 4),
        ({"exchange": 1.0}, 10),
        ({"exchange": 1.0, "repeat": 2}, 20),
    ],
)
def test_the_mix_leaves_out_what_is_in_dev(
    data: Path, tmp_path: Path, options: dict[str, Any], texts: int
) -> None:
    recipe = tiny_recipe(**options, weight=0.25)
    run = Run(recipe, data, tmp_path / "work")
    dev = run.read("country-news", "dev")
    train = run.mix(recipe.stages[0])
    assert len(train) == texts
    assert {weight for _, weight in train} == {0.25}
    assert {e.text for e, _ in train}.isdisjoint({e.text for e in dev})
    assert {e.document for e, _ in train}.isdisjoint({e.document for e in dev})
    assert Run(recipe, data, tmp_path / "work").mix(recipe.stages[0]) == train


@pytest.fixture
def encoder_folder(tiny: Checkpoint, tmp_path: Path) -> str:
    folder = tmp_path / "encoder"
    tokenizer = tiny.encoder.tokenizer
    torch.manual_seed(1)
    BertModel(tiny_config(tokenizer.get_vocab_size())).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return str(folder)


def test_markers_are_added_to_an_encoder_that_has_none(tmp_path: Path) -> None:
    BertModel(tiny_config(6)).save_pretrained(tmp_path)
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "ship"]
    Tokenizer(WordLevel({n: i for i, n in enumerate(names)}, unk_token="[UNK]")).save(
        str(tmp_path / "tokenizer.json")
    )
    model, tokenizer = token_classifier(tmp_path, seed=1)
    assert tokenizer.encode("[T7]", add_special_tokens=False).ids == [13]
    assert tokenizer.get_vocab_size() == 6 + len(MARKERS) == model.get_input_embeddings().num_embeddings
    assert tuple((model.config.id2label or {}).values()) == OUTPUTS


def test_a_stopped_run_goes_on_and_ends_in_a_checkpoint(
    data: Path, encoder_folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, out, work = tiny_recipe(encoder_folder), tmp_path / "out", tmp_path / "work"
    steps: list[int] = []
    loss = finetuning.joint_loss

    def counted(*arguments: Any) -> torch.Tensor:
        if len(steps) == stop:
            raise KeyboardInterrupt
        steps.append(1)
        return loss(*arguments)

    monkeypatch.setattr(finetuning, "joint_loss", counted)
    stop = 2
    with pytest.raises(KeyboardInterrupt):
        run_recipe(recipe, data, out, work)
    assert [p.name for p in (work / "news").glob("checkpoint-*")] == ["checkpoint-2"]
    assert not out.exists()

    stop = -1
    assert run_recipe(recipe, data, out, work) == out
    assert len(steps) == 4  # two before the stop, two after it
    history = json.loads((work / "news" / "history.json").read_text())
    assert [row["step"] for row in history if "eval_stance_f1" in row] == [2, 4]

    checkpoint = load_checkpoint(out)
    settings = checkpoint.settings
    assert (settings.name, settings.window_tokens, settings.simplify) == ("tuned", 96, False)
    assert set(settings.calibration.temperatures) == {"stance", "tone", "frames"}
    assert {"zh", "en", "other"} == set(settings.calibration.temperatures["stance"])
    (labels,) = StanceClassifier(checkpoint).classify(ENGLISH[1])
    assert set(labels.stances) == {"CN", "RU"}


def test_a_finished_run_has_nothing_left_to_train(
    data: Path, encoder_folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, out, work = tiny_recipe(encoder_folder), tmp_path / "out", tmp_path / "work"
    digest = load_checkpoint(run_recipe(recipe, data, out, work)).digest()
    monkeypatch.setattr(finetuning, "joint_loss", None)
    assert load_checkpoint(run_recipe(recipe, data, out, work)).digest() == digest


def test_a_stage_goes_on_from_the_one_before_and_keeps_the_script(
    data: Path, tiny_folder: Path, tmp_path: Path
) -> None:
    recipe = tiny_recipe(str(tiny_folder))
    (stage,) = recipe.stages
    still = replace(
        stage, name="still", finetuning=replace(stage.finetuning, learning_rate=1e-12, average=0.0)
    )
    two = replace(recipe, stages=(stage, still))
    one = load_checkpoint(run_recipe(recipe, data, tmp_path / "one", tmp_path / "work-one"))
    both = load_checkpoint(run_recipe(two, data, tmp_path / "both", tmp_path / "work-both"))
    assert one.settings.simplify  # the tiny checkpoint does, and the vocabulary is its own
    for (name, first), second in zip(
        one.model.state_dict().items(), both.model.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(first, second, atol=2e-3, rtol=0, msg=name)


def test_a_stage_may_start_from_an_earlier_one_or_from_the_encoder(
    data: Path, encoder_folder: str, tmp_path: Path
) -> None:
    recipe = tiny_recipe(encoder_folder)
    (first,) = recipe.stages
    barely = replace(first.finetuning, learning_rate=1e-12, average=0.0, evaluate_every=4)
    forked = replace(
        recipe,
        stages=(
            first,
            Stage("between", first.data, replace(first.finetuning, seed=9)),
            Stage("sibling", first.data, barely, start="news"),
            Stage("anew", first.data, barely, start="encoder"),
        ),
    )
    work = tmp_path / "work"
    run_recipe(forked, data, tmp_path / "out", work)
    run = Run(forked, data, work)
    untrained, _ = token_classifier(encoder_folder, barely.seed)
    for name, model in (("sibling", run.weights("news")), ("anew", untrained)):
        found = run.weights(name).state_dict()
        for key, value in model.state_dict().items():
            torch.testing.assert_close(found[key], value, atol=1e-4, rtol=0)


def test_runs_are_reproducible(data: Path, encoder_folder: str, tmp_path: Path) -> None:
    digests = [
        load_checkpoint(
            run_recipe(tiny_recipe(encoder_folder), data, tmp_path / n, tmp_path / f"work{n}")
        ).digest()
        for n in ("a", "b")
    ]
    assert digests[0] == digests[1]


def test_a_run_shorter_than_an_evaluation_still_gives_a_checkpoint(
    data: Path, encoder_folder: str, tmp_path: Path
) -> None:
    recipe = tiny_recipe(encoder_folder)
    (stage,) = recipe.stages
    tuning = replace(stage.finetuning, steps=2, evaluate_every=9, average=0.0)
    recipe = replace(recipe, stages=(replace(stage, finetuning=tuning),))
    load_checkpoint(run_recipe(recipe, data, tmp_path / "out", tmp_path / "work"))


@pytest.mark.parametrize("name", ["train", "dev", "articles_dev"])
def test_missing_data_is_told_before_any_work(data: Path, tmp_path: Path, name: str) -> None:
    (data / "data" / "country-news" / f"{name}.jsonl").unlink()
    recipe = replace(tiny_recipe(None), teacher="no-such-folder")
    with pytest.raises(DataError, match=rf"{name}\.jsonl"):
        run_recipe(recipe, data, tmp_path / "out", tmp_path / "work")
