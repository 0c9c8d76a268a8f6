"""From a table of labels to a model and its evaluation, by the command, on a tiny checkpoint."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from polystance.cli import app
from polystance.errors import DataError, PolystanceError, UsageError
from polystance.models.checkpoint import DEFAULT, Checkpoint, load_checkpoint
from polystance.models.labels import FRAMES, TONES
from polystance.training.controls import tfidf
from polystance.training.examples import Example
from polystance.training.ownlabels import own_labels_recipe, with_labels
from polystance.training.pipeline import Run
from polystance.training.recipe import load_recipe
from polystance.training.record import record
from polystance.training.selftraining import with_kept_labels
from tests.unit.ownlabels import rows
from tests.unit.tiny import CHINESE, ENGLISH


def write_labels(path: Path, count: int) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ["text", "target", "stance"])
        writer.writeheader()
        writer.writerows(rows(count))
    return path


def train(*arguments: str | Path) -> None:
    result = CliRunner().invoke(app, ["train", *map(str, arguments)])
    if result.exception:
        raise result.exception


def test_the_command_leaves_a_model_and_its_evaluation(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    labels = write_labels(tmp_path / "labels.csv", 90)
    out = tmp_path / "mine"
    (out / "results").mkdir(parents=True)
    (out / "results" / "old.json").write_text('{"checkpoint": "another"}', encoding="utf-8")
    (out / "results" / "description.json").write_text("{}", encoding="utf-8")
    train("--data", labels, "--out", out, "--model", tiny_folder)

    checkpoint, start = load_checkpoint(out), load_checkpoint(tiny_folder)
    assert checkpoint.settings.name == "mine"
    assert checkpoint.settings.window_tokens == start.settings.window_tokens
    assert checkpoint.settings.frame_thresholds == start.settings.frame_thresholds
    assert checkpoint.settings.pooling == start.settings.pooling
    results = {p.stem: json.loads(p.read_text(encoding="utf-8")) for p in (out / "results").glob("*.json")}
    assert set(results) == {"labels", "training", "description"}
    scores, training = results["labels"], results["training"]
    assert list(scores["stance"]) == ["mine", "tiny (start)", "TF-IDF + linear", "target only", "majority"]
    assert scores["checkpoint"] == training["checkpoint"] == checkpoint.digest()
    assert scores["overlap"] == 0
    (data,) = training["data"]
    assert data["texts"] == data["labels"] < 90 - scores["texts"]
    assert (data["name"], data["split"], set(data["languages"])) == ("labels", "train", {"en", "zh"})
    assert training["leaks"] == {"labels": {"document": 0, "near_duplicate": 0}}
    assert {"polystance", "torch", "transformers"} == set(training["versions"])
    assert str(tmp_path) not in json.dumps(training)  # where files lie is nobody's business
    assert training["recipe"]["stages"][0]["data"][0]["path"] == "labels.csv"

    with pytest.raises(UsageError, match="Give another folder as --out"):
        train("--data", labels, "--out", out, "--model", out, "--work", tmp_path / "other")
    write_labels(labels, 91)
    with pytest.raises(UsageError, match=r"another recipe or other labels.*--work"):
        train("--data", labels, "--out", out, "--model", tiny_folder)


def test_texts_that_will_be_cut_are_told_of(
    tiny_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    labels = write_labels(tmp_path / "labels.csv", 60)
    recipe = with_labels(own_labels_recipe("mine", str(tiny_folder)), str(labels), {}, {})
    (stage,) = recipe.stages
    short = replace(stage, epochs=0.1, finetuning=replace(stage.finetuning, max_tokens=24))
    run = Run(replace(recipe, stages=(short,)), tmp_path, tmp_path / "work")
    mix = run.mix(short)
    run.finetune(short, mix[:8])
    assert "of 8 texts have more than 24 tokens" in caplog.text


def test_missing_tone_and_frames_are_those_of_the_start(tiny: Checkpoint) -> None:
    bare = [
        Example(t, t, "en" if t.isascii() else "zh", "", t, {"US": "favor"}) for t in (*ENGLISH, *CHINESE)
    ]
    toned = replace(bare[0], tone=TONES[0], frames=())
    first, *filled = with_kept_labels(tiny, [toned, *bare])
    assert first == toned
    assert all(e.tone in TONES and set(e.frames or ("?",)) <= set(FRAMES) for e in filled)
    assert [e.stances for e in filled] == [e.stances for e in bare]
    assert with_kept_labels(tiny, filled) == filled


def test_controls_of_few_labels_of_two_kinds() -> None:
    # Chinese, which the word features take for one word a clause.
    examples = [
        Example(row["text"], row["text"], "zh", "", row["text"], {"the port": row["stance"]})
        for row in rows(90)[1::2]
        if row["stance"] != "neutral"
    ]
    predicted = tfidf(examples[:20], examples[20:])(examples[20:])
    assert all(row["the port"]["neutral"] == 0.0 for row in predicted)
    assert all(sum(row["the port"].values()) == pytest.approx(1) for row in predicted)
    right = [
        max(row["the port"], key=row["the port"].__getitem__) == e.stances["the port"]
        for row, e in zip(predicted, examples[20:], strict=True)
    ]
    assert sum(right) > 0.7 * len(right)


def test_a_model_from_the_hub_is_recorded_by_its_name(tmp_path: Path, tiny_folder: Path) -> None:
    folder = tmp_path / "models--lab--stances" / "snapshots" / "abc123"
    shutil.copytree(tiny_folder, folder)
    for model, encoder in ((folder, "lab/stances@abc123"), (tiny_folder, tiny_folder.name), (None, DEFAULT)):
        recipe = own_labels_recipe("mine", model and str(model))
        assert record(recipe, [], {})["recipe"]["encoder"] == encoder


RECIPE = """
name = "mine"
encoder = "some/encoder"
[[stage]]
name = "first"
epochs = 2
batch_size = 10
[[stage.data]]
path = "labels.csv"
license = "CC0-1.0"
columns = { text = "body" }
[[stage.data]]
name = "country-news"
"""


def test_own_labels_in_a_recipe(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE, encoding="utf-8")
    recipe = load_recipe(path)
    (stage,) = recipe.stages
    own, known = stage.data
    assert (own.name, own.path, own.license) == ("labels", str(tmp_path / "labels.csv"), "CC0-1.0")
    assert (known.userdata, recipe.own, recipe.dev) == (None, (own,), "")
    assert (stage.sized(101).steps, stage.sized(101).evaluate_every) == (21, 5)
    (replaced,) = with_labels(recipe, "hf://datasets/me/news", {"target": "who"}, {"bad": "against"}).own
    assert (replaced.name, replaced.columns) == ("news", {"text": "body", "target": "who"})
    path.write_text(f'dev = "country-news"\n{RECIPE}', encoding="utf-8")
    assert load_recipe(path).dev == "country-news"
    for old, new, message in (
        ('path = "labels.csv"', "", "`name` of a known set, or the `path`"),
        ('path = "labels.csv"', 'path = "a.csv"\nsplit = "dev"', "`train` is trained on"),
    ):
        path.write_text(RECIPE.replace(old, new), encoding="utf-8")
        with pytest.raises(UsageError, match=message):
            load_recipe(path)


def test_nothing_of_known_sets_that_repeats_the_test_split_is_trained_on(
    tiny_folder: Path, tmp_path: Path
) -> None:
    labels = write_labels(tmp_path / "labels.csv", 60)
    recipe = with_labels(own_labels_recipe("mine", str(tiny_folder)), str(labels), {}, {})
    (stage,) = recipe.stages
    news = tmp_path / "data" / "newsmtsc" / "train.jsonl"
    news.parent.mkdir(parents=True)
    both = replace(stage, data=(*stage.data, replace(stage.data[0], name="newsmtsc", path="")))
    recipe = replace(recipe, stages=(both,))
    tested = Run(recipe, tmp_path, tmp_path / "work").held("test")
    again = [
        {"id": f"{e.id}-2", "lang": e.language, "text": f"{e.text}!", "target": "US", "label": "favor"}
        for e in tested
    ]
    other = {"id": "x", "lang": "en", "text": "None of those.", "target": "US", "label": "favor"}
    news.write_text("".join(json.dumps(row) + "\n" for row in [*again, other]), encoding="utf-8")
    run = Run(recipe, tmp_path, tmp_path / "work")
    assert [e.text for e in run.examples(both.data[1])] == ["None of those."]
    assert run.leaks["newsmtsc"].near_duplicate == len(tested) > 0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ([], UsageError, "--data labels.csv, or a recipe"),
        (["--data", "none.csv"], DataError, "No file none.csv"),
        (["--data", "."], DataError, r"No file \.\. Give a table"),
        (["training/recipes/own-labels.toml", "--model", "x/y"], UsageError, "names its `encoder`"),
        (["training/recipes/polystance-mini.toml", "--data", "x.csv"], UsageError, "0 places for labels"),
        (
            ["training/recipes/own-labels.toml", "--column", "text=body"],
            UsageError,
            "go with a file in --data",
        ),
        (["--data", "x.csv", "--label", "bad"], UsageError, "--label 'bad': write WORD=LABEL"),
    ],
)
def test_commands_that_ask_for_the_impossible(
    arguments: list[str], error: type[PolystanceError], message: str, root: Path, tmp_path: Path
) -> None:
    given = [str(root / a) if a.startswith("training/") else a for a in arguments]
    with pytest.raises(error, match=message):
        train(*given, "--out", tmp_path / "out", "--work", tmp_path / "work")
    assert not (tmp_path / "out").exists()
