"""Countries exchanged for others: labels and marks go along."""

from __future__ import annotations

from random import Random

import pytest

from polystance.models.mentions import default_finder
from polystance.training.augmentation import exchange_countries
from polystance.training.examples import Example


def example(title: str, text: str, stances: dict[str, str]) -> Example:
    find = default_finder().find
    return Example(
        "e", "d", "en" if text.isascii() else "zh", title, text, stances,
        tuple(m for m in find(title) if m.target in stances),
        tuple(m for m in find(text) if m.target in stances),
        evidence={"CN": (text,)},
    )  # fmt: skip


CASES = [
    example(
        "China waits", "Russia said China was late, and China shrugged.", {"CN": "against", "RU": "neutral"}
    ),
    example(
        "", "中美两国会谈,美方提出批评,俄罗斯没有回应。", {"US": "favor", "CN": "against", "RU": "neutral"}
    ),
    example("", "Harbour talks went on.", {"the mayor": "favor"}),
    example("", "China met the mayor.", {"CN": "neutral", "the mayor": "favor"}),
]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_labels_and_marks_go_along(number: int) -> None:
    before = CASES[number]
    for seed in range(20):
        after = exchange_countries(before, Random(seed))
        assert list(after.stances.values()) == list(before.stances.values())
        assert (after.document, after.evidence) == ("d", {})
        renamed = dict(zip(before.stances, after.stances, strict=True))
        assert len(set(renamed.values())) == len(renamed)
        assert renamed.get("the mayor", "the mayor") == "the mayor"
        for marks, marked in (
            (before.title_mentions, after.title_mentions),
            (before.text_mentions, after.text_mentions),
        ):
            assert [renamed[m.target] for m in marks] == [m.target for m in marked]
        found = default_finder().find(after.text)
        assert {(m.target, m.start, m.end) for m in after.text_mentions} <= {
            (m.target, m.start, m.end) for m in found
        }


def test_what_is_said_stays() -> None:
    after = exchange_countries(CASES[0], Random(1))
    pieces = [
        after.text[a.end : b.start]
        for a, b in zip(after.text_mentions, after.text_mentions[1:], strict=False)
    ]
    assert pieces == [" said ", " was late, and "]
    assert after.text.endswith(" shrugged.")


def test_countries_are_drawn_and_change_places() -> None:
    pairs = {tuple(exchange_countries(CASES[0], Random(seed)).stances) for seed in range(200)}
    assert len(pairs) > 50
    assert ("RU", "CN") in pairs


def test_soft_labels_go_along() -> None:
    from dataclasses import replace

    soft = replace(CASES[0], soft={"CN": (0.1, 0.2, 0.7)})
    after = exchange_countries(soft, Random(5))
    assert list(after.soft.values()) == [(0.1, 0.2, 0.7)]
    assert set(after.soft) <= set(after.stances)
