"""Splits that share nothing, however they came about."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from polystance.errors import DataError
from polystance.training.examples import Example
from polystance.training.splits import SHARES, Leaks, check_labels, draw, groups_of, resolve_splits
from tests.unit.ownlabels import rows

STORY = "The harbour council met on {day} and put off its answer on the fees until the end of the month."
BERICHT = "港口委员会{day}开会，将收费问题的答复推迟到月底，并请各方在此之前提交意见。"


def example(text: str, document: str = "", stance: str = "neutral") -> Example:
    return Example(text, document or text, "en", "", text, {"US": stance})


def several(count: int) -> list[Example]:
    return [example(row["text"], stance=row["stance"]) for row in rows(count)]


def test_reprints_and_parts_of_a_document_form_groups() -> None:
    texts = [
        example(STORY.format(day="Monday")),
        example(BERICHT.format(day="周一")),
        example("Another text, of the same document.", "d"),
        example(STORY.format(day="Friday").upper()),
        example(BERICHT.format(day="周五")),
        example("Something else altogether.", "d"),
        example("Nothing like the others."),
    ]
    a, b, c, d, e, f, g = groups_of(texts)
    assert (a, b, c) == (d, e, f)
    assert len({a, b, c, g}) == 4


def test_drawn_splits_have_their_shares_and_stay_as_they_are() -> None:
    found, leaks = resolve_splits({"": several(400)})
    assert leaks == Leaks()
    for name, share in SHARES.items():
        assert len(found[name]) == pytest.approx(400 * share, abs=30)
    shuffled = several(400)
    Random(1).shuffle(shuffled)
    again = draw([*shuffled, example("One more text.")], tuple(SHARES), seed=0)
    for name in SHARES:
        assert {e.text for e in again[name]} - {"One more text."} == {e.text for e in found[name]}
    assert draw(shuffled, tuple(SHARES), seed=1)["test"] != again["test"]


def test_a_story_and_its_reprint_are_drawn_together() -> None:
    pairs = [
        [example(f"{row['text']} {row['text'][::-1]} {tail}") for tail in ("Reuters.", "AP, updated.")]
        for row in rows(60)
    ]
    found, _ = resolve_splits({"": [e for pair in pairs for e in pair]})
    where = {e.text: name for name, split in found.items() for e in split}
    assert all(where[one.text] == where[two.text] for one, two in pairs)
    assert set(where.values()) == set(SHARES)


def test_leaks_are_taken_out_of_what_is_trained_on() -> None:
    first, second, third, fourth = several(4)
    given = {
        "train": [first, example(STORY.format(day="Monday")), example("Its first part.", "d"), second],
        "dev": [third, example(BERICHT.format(day="周一")), example("Its second part.", "d")],
        "test": [example(STORY.format(day="Friday")), example(BERICHT.format(day="周五")), fourth],
    }
    found, leaks = resolve_splits(given)
    assert leaks == Leaks(document=1, near_duplicate=2)
    assert found["train"] == [first, second]
    assert found["dev"] == [third, given["dev"][2]]
    assert found["test"] == given["test"]


def test_only_what_is_lacking_is_drawn() -> None:
    texts = several(100)
    found, _ = resolve_splits({"train": texts[:60], "": texts[60:80], "test": texts[80:]})
    assert found["test"] == texts[80:]
    assert len(found["train"]) + len(found["dev"]) == 80
    assert found["dev"]


@pytest.mark.parametrize(
    "given",
    [
        {"train": several(3), "dev": several(3), "test": several(3)[:1]},
        {"": [example(STORY.format(day=str(n))) for n in range(50)]},
    ],
)
def test_a_split_that_is_left_empty_is_an_error(given: dict[str, Sequence[Example]]) -> None:
    with pytest.raises(DataError, match=r"No text is left for (train|dev|test).*Give more"):
        resolve_splits(given)


def test_labels_that_nothing_can_be_learnt_from() -> None:
    one = {"train": [example(str(n)) for n in range(40)], "dev": several(5), "test": several(5)}
    with pytest.raises(DataError, match="Every stance in train is 'neutral'"):
        check_labels(one, 30)
    with pytest.raises(DataError, match="train has 5 stance labels in 5 texts; at least 30"):
        check_labels({**one, "train": several(5)}, 30)
    with pytest.raises(DataError, match="dev has 1 stance labels in 1 texts; at least 3"):
        check_labels({**one, "train": several(40), "dev": several(1)}, 30)
    check_labels({**one, "train": several(40)}, 30)
