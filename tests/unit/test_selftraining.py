"""Labels by models for news that nobody has labelled, and what must never be trained on."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from polystance.errors import UsageError
from polystance.models.checkpoint import Checkpoint
from polystance.models.labels import FRAMES, STANCES
from polystance.training import selftraining
from polystance.training.examples import Example
from polystance.training.overlap import HeldOut
from polystance.training.prediction import PassageLogits
from polystance.training.recipe import load_recipe
from polystance.training.selftraining import SelfTrainingConfig, draw_passages, label_passages

LONG = (
    "The harbour treaty that Washington signed with Tokyo will be read out on the first day of every spring."
)
CONFIG = SelfTrainingConfig(("first",), {"en": ("port",)}, passages=4, neutral=0.0)


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        (LONG, True),
        (f"Officials said: “{LONG.upper()}” Nobody else spoke.", True),
        ("The harbour treaty that Washington signed is old.", False),
        ("China waits", True),  # a short text counts as a whole
        ("China waits for rain", False),
        ("", False),
        ("中方强烈谴责美方滥用国家安全概念，要求立即停止。", True),
        ("发言人说：中方强烈谴责美方，滥用国家安全概念、要求立即停止！", True),
        ("中方谴责美方。", False),
    ],
)
def test_held_out_texts_are_known_again(text: str, inside: bool) -> None:
    held = HeldOut([LONG, "China waits", "", "中方强烈谴责美方滥用国家安全概念，要求立即停止。"])
    assert (text in held) is inside


def write_corpus(folder: Path, rows: list[dict[str, Any]]) -> None:
    path = folder / "corpora" / "en" / "port.jsonl.xz"
    path.parent.mkdir(parents=True)
    with lzma.open(path, "wt", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)


def test_passages_name_a_country_and_repeat_nothing_that_is_held_out(tmp_path: Path) -> None:
    rows = [{"id": f"p{i}", "text": f"Ship {i} left for China. Nobody waved."} for i in range(3)]
    rows += [{"id": "held", "text": f"{LONG} China waits."}, {"id": "none", "text": "It rained."}]
    write_corpus(tmp_path, rows)
    drawn = draw_passages(tmp_path, CONFIG, HeldOut([LONG]), Random(1))
    assert {e.document for e in drawn} == {"p0", "p1", "p2"}
    assert all(e.stances == {"CN": "neutral"} and e.text_mentions for e in drawn)
    assert (
        len(draw_passages(tmp_path, SelfTrainingConfig((), {"en": ("port",)}, 2), HeldOut([]), Random(1)))
        == 2
    )


def vote(stance: tuple[float, float, float], frame: float = 0.01) -> PassageLogits:
    spread = np.full(len(FRAMES), np.log(0.01 / 0.99))
    spread[0] = np.log(frame / (1 - frame))
    return PassageLogits({"CN": np.log(np.array(stance))}, np.log(np.array(stance)), spread)


def labelled(
    tiny: Checkpoint, monkeypatch: pytest.MonkeyPatch, *votes: PassageLogits, **options: Any
) -> list[Example]:
    each = iter([[v] for v in votes])
    monkeypatch.setattr(selftraining, "predict_windows", lambda *_, **__: next(each))
    config = SelfTrainingConfig(("a", "b"), {}, **options)
    passage = Example("p", "p", "en", "", "China waits.", {"CN": "neutral"})
    return label_passages([tiny.model] * len(votes), tiny.encoder, [passage], config, Random(1))


def test_the_mean_of_the_teachers_is_the_label(tiny: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = labelled(tiny, monkeypatch, vote((0.8, 0.1, 0.1), 0.9), vote((0.6, 0.3, 0.1), 0.8))
    assert found.soft["CN"] == pytest.approx((0.7, 0.2, 0.1))
    assert (found.stances, found.tone, found.frames) == ({"CN": "favor"}, "positive", (FRAMES[0],))


def test_what_no_one_is_sure_of_is_left_out(tiny: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    assert labelled(tiny, monkeypatch, vote((0.8, 0.1, 0.1)), vote((0.1, 0.1, 0.8))) == []
    (found,) = labelled(tiny, monkeypatch, vote((0.7, 0.2, 0.1), 0.5), confidence=0.6)
    assert found.frames is None


def test_neutral_passages_are_thinned(tiny: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    assert labelled(tiny, monkeypatch, vote((0.1, 0.8, 0.1)), neutral=0.0) == []
    (found,) = labelled(tiny, monkeypatch, vote((0.1, 0.8, 0.1)), neutral=1.0)
    assert STANCES[int(np.argmax(found.soft["CN"]))] == "neutral"


RECIPE = """
name = "mine"
encoder = "some/encoder"
[[stage]]
name = "first"
[[stage]]
name = "second"
[stage.unlabelled]
teachers = ["first"]
corpora = { en = ["port"] }
passages = 10
"""


def test_a_stage_may_name_teachers_among_those_before_it(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE, encoding="utf-8")
    assert load_recipe(path).stages[1].unlabelled == SelfTrainingConfig(("first",), {"en": ["port"]}, 10)  # type: ignore[dict-item]
    path.write_text(RECIPE.replace('["first"]', '["second"]'), encoding="utf-8")
    with pytest.raises(UsageError, match=r"second.*no stages before it.*first"):
        load_recipe(path)
