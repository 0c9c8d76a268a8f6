"""What the robustness checks change, and how they count; and the sentences that they use."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from polystance.models.checkpoint import Checkpoint
from polystance.models.labels import STANCES
from polystance.models.mentions import default_finder
from polystance.models.targets import is_country
from polystance.training import robustness
from polystance.training.corpora import Pair
from polystance.training.examples import Example
from polystance.training.robustness import read_probes, read_swaps, share
from tests.unit.tiny import CHINESE, ENGLISH

find = default_finder().find


def example(text: str, stances: dict[str, str], title: str = "") -> Example:
    return robustness.rewritten(
        Example(text, text, "en" if text.isascii() else "zh", title, text, stances), lambda same: same
    )


EXAMPLES = [
    example(ENGLISH[0], {"US": "favor", "JP": "neutral"}, "Ferry late"),
    example(ENGLISH[1], {"CN": "against", "RU": "neutral"}),
    example(CHINESE[0], {"US": "favor", "CN": "against"}, "港口条约"),
    example(CHINESE[1], {"RU": "neutral"}),
]


def test_share() -> None:
    found = share([True, True, True, False], ["a", "a", "b", "b"])
    assert (found.rows, found.value) == (4, 0.75)
    assert found.low <= 0.75 <= found.high
    assert share([], []).rows == 0


def test_only_what_a_check_is_about_is_counted(tiny: Checkpoint) -> None:
    assert robustness.one_target_a_pass(tiny, EXAMPLES).rows == 6
    assert robustness.other_order(tiny, EXAMPLES).rows == 6
    assert robustness.traditional(tiny, EXAMPLES).rows == 3
    assert robustness.without_title(tiny, EXAMPLES).rows == 4
    assert robustness.capitals(tiny, EXAMPLES).rows == 4
    assert robustness.stray_blanks(tiny, EXAMPLES).rows == 3


def test_what_changes_nothing_for_the_model_changes_no_label(tiny: Checkpoint) -> None:
    # The tiny vocabulary is lower case and simplified, as the shipped one is.
    assert robustness.capitals(tiny, EXAMPLES).value == 1.0
    assert robustness.traditional(tiny, EXAMPLES).value == 1.0
    assert robustness.agreement(tiny, EXAMPLES, EXAMPLES).value == 1.0


def test_a_changed_label_is_seen(tiny: Checkpoint) -> None:
    labels = robustness.label(tiny, EXAMPLES)
    other = [EXAMPLES[1], EXAMPLES[0], *EXAMPLES[2:]]
    with pytest.raises(KeyError):  # other targets: not the same example in another form
        robustness.agreement(tiny, EXAMPLES, other)
    swapped = [example(ENGLISH[1] + ENGLISH[0], dict(e.stances)) for e in EXAMPLES]
    changed = robustness.agreement(tiny, EXAMPLES, swapped)
    after = robustness.label(tiny, swapped)
    same = [a[t] == b[t] for a, b in zip(labels, after, strict=True) for t in a]
    assert changed.value == pytest.approx(sum(same) / len(same))


def test_translations_ask_for_what_both_sides_name(tiny: Checkpoint) -> None:
    pairs = [Pair(CHINESE[0], "The United States praised the treaty."), Pair(CHINESE[2], ENGLISH[2])]
    assert robustness.translations(tiny, pairs).rows == 1


KINDS = {"negation": 60, "sarcasm": 60, "metonym": 30}


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("kind", KINDS)
def test_probes_are_pairs(kind: str, language: str) -> None:
    pairs = defaultdict(list)
    for row in read_probes():
        if (row["kind"], row["lang"]) == (kind, language):
            pairs[row["pair"]].append(row)
    assert len(pairs) >= KINDS[kind]
    for name, (first, second) in pairs.items():
        assert list(first["stance"]) == list(second["stance"]), name
        assert first["text"] != second["text"], name
        assert (first["stance"] == second["stance"]) == (kind == "metonym"), name
        for row in (first, second):
            assert set(row["stance"].values()) <= set(STANCES)
            assert all(is_country(target) for target in row["stance"])
            assert set(row["stance"]) <= {m.target for m in find(row["text"])}, row["text"]
    labels = Counter(label for rows in pairs.values() for row in rows for label in row["stance"].values())
    assert min(labels[stance] for stance in STANCES) > 0.15 * labels.total()


def test_swaps_are_sentences_with_roles() -> None:
    rows = read_swaps()
    assert len(rows) >= 200
    assert len({row["id"] for row in rows}) == len({row["text"] for row in rows}) == len(rows)
    assert min(Counter(row["lang"] for row in rows).values()) >= 100
    for row in rows:
        assert set(row["stance"]) in ({"A"}, {"A", "B"})
        assert set(row["stance"].values()) <= set(STANCES)
        filled = robustness.filled(row["text"], {"A": "US", "B": "RU"}, row["lang"])
        assert "{" not in filled, row["id"]
        named = {m.target for m in find(filled)}
        assert {"US", "RU"} >= named >= {"US" if r == "A" else "RU" for r in row["stance"]}, filled


def test_swaps_are_filled_with_articles_and_adjectives() -> None:
    text = "{A} waited. {B:adj} envoys praised {A}. “{A} won.”"
    assert robustness.filled(text, {"A": "US", "B": "CN"}, "en") == (
        "The United States waited. Chinese envoys praised the United States. “The United States won.”"
    )
    assert robustness.filled("{A}批评{B}。", {"A": "RU", "B": "CN"}, "zh") == "俄罗斯批评中国。"


def test_bias_is_counted_over_pairs_of_fillings(tiny: Checkpoint) -> None:
    changed, right = robustness.swaps(tiny, "zh")
    rows = [row for row in read_swaps() if row["lang"] == "zh"]
    one = sum(len(row["stance"]) == 1 for row in rows)
    two = len(rows) - one
    # One role: three fillings, three pairs of them. Two roles: six fillings, fifteen pairs for each role.
    assert changed.rows == 3 * one + 2 * 15 * two
    assert right.rows == 3 * one + 2 * 6 * two
