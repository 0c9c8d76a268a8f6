from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from datasets import Dataset, DatasetDict
from hypothesis import given, settings
from hypothesis import strategies as st

from polystance.errors import TargetError, UsageError
from polystance.inference.classifier import StanceClassifier, as_article, pick_device
from polystance.models.labels import FRAMES, STANCES, TONES
from polystance.models.records import Article, ArticleLabels
from tests.unit.tiny import CHINESE, ENGLISH, TWENTY

TITLED = Article("a", "No harbour was named.\nChina said nothing. The ferry was late.", title="China waits")


def close(first: ArticleLabels, second: ArticleLabels, targets: tuple[str, ...]) -> None:
    for target in targets:
        a, b = first.stances[target], second.stances[target]
        assert (a.label, a.mentions, a.evidence) == (b.label, b.mentions, b.evidence)
        assert a.probabilities == pytest.approx(b.probabilities, abs=1e-5)


def test_labels_come_in_input_order_whatever_the_batches(classifier: StanceClassifier) -> None:
    texts = [*ENGLISH, *CHINESE, " ".join(ENGLISH) * 8, "Rain in Japan.", "印度无雨。"] * 2
    articles = [Article(f"n{i}", text) for i, text in enumerate(texts)]
    together = classifier.classify(articles)
    assert [labels.article.id for labels in together] == [a.id for a in articles]
    backwards = StanceClassifier(classifier.checkpoint, batch_tokens=300, batch_articles=64)
    for labels, again in zip(together, reversed(backwards.classify(articles[::-1])), strict=True):
        assert labels.article == again.article
        close(labels, again, tuple(labels.stances))
        assert labels.frame_probabilities == pytest.approx(again.frame_probabilities, abs=1e-5)


def test_strings_mappings_and_articles_are_the_same(classifier: StanceClassifier) -> None:
    text = ENGLISH[0]
    forms: list[Any] = [text, {"text": text}, {"text": text, "id": "1"}, Article("1", text)]
    results = [classifier.classify(form) for form in forms]
    assert all(result == results[0] for result in results)
    assert [r.article.id for r in classifier.classify([text, {"text": text}])] == ["1", "2"]
    assert classifier.classify([]) == []


def test_auto_labels_what_is_mentioned_in_order(classifier: StanceClassifier) -> None:
    (labels,) = classifier.classify("Russia said China was late. Russia left.")
    assert list(labels.stances) == ["RU", "CN"]
    assert [s.mentions for s in labels.stances.values()] == [2, 1]
    (none,) = classifier.classify("A quiet week in the valley.")
    assert none.stances == {}
    assert none.tone.label in TONES


def test_explicit_targets_are_scored_mentioned_or_not(classifier: StanceClassifier) -> None:
    (labels,) = classifier.classify("Russia said China was late.", ["Japan", "cn", "JP"])
    assert list(labels.stances) == ["JP", "CN"]
    absent, named = labels.stances["JP"], labels.stances["CN"]
    assert (absent.mentions, absent.evidence, absent.windows) == (0, None, 1)
    assert named.mentions == 1
    assert named.evidence is not None


def test_free_text_targets_count_wherever_they_stand(classifier: StanceClassifier) -> None:
    text = "Rare Earth Export Controls stay. China said nothing about rare earth export controls."
    (labels,) = classifier.classify(text, ["rare earth export controls", "water (fresh)"])
    assert [s.mentions for s in labels.stances.values()] == [2, 0]
    evidence = labels.stances["rare earth export controls"].evidence
    assert evidence is not None
    assert text[evidence.start : evidence.end] == evidence.text
    (odd,) = classifier.classify("rain", ["talks \ud800"])
    assert list(odd.stances) == ["talks \ud800"]


@pytest.mark.parametrize(
    ("targets", "error"),
    [(["XX"], TargetError), (["US", ""], TargetError), ("US", UsageError), ([], UsageError)],
)
def test_bad_targets(classifier: StanceClassifier, targets: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        classifier.classify("China", targets)


@pytest.mark.parametrize(
    ("article", "message"),
    [
        ("", "no text"),
        (" \n", "no text"),
        ({"text": None}, "no text"),
        ({"text": float("nan")}, "text"),
        ({"text": 5}, "text"),
        ({"text": "x", "title": 5}, "title"),
        ({"text": "x", "published": 20250102}, "published"),
        ({"text": "x", "headline": "y"}, "headline"),
        (Article("q", None), "text is None"),  # type: ignore[arg-type]
        ({"title": "x"}, "'text'"),
        (7, "int"),
        (Article("z", ""), "'z'"),
    ],
)
def test_bad_articles(classifier: StanceClassifier, article: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        classifier.classify([article])


def test_empty_fields_of_a_row_are_as_if_left_out(classifier: StanceClassifier) -> None:
    row = {"text": ENGLISH[0], "title": None, "outlet": None, "language": None, "published": None, "id": None}
    assert classifier.classify(row) == classifier.classify(ENGLISH[0])


def test_a_title_alone_is_enough(classifier: StanceClassifier) -> None:
    (labels,) = classifier.classify({"text": "", "title": "China waits"})
    evidence = labels.stances["CN"].evidence
    assert evidence is not None
    assert (evidence.text, evidence.start, evidence.end, evidence.in_title) == ("China waits", 0, 11, True)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_min_confidence_out_of_range(classifier: StanceClassifier, value: float) -> None:
    with pytest.raises(UsageError, match="min_confidence"):
        classifier.classify("China", min_confidence=value)


def test_min_confidence_turns_weak_labels_to_uncertain(classifier: StanceClassifier) -> None:
    plain = [s for r in classifier.classify([*ENGLISH, *CHINESE]) for s in r.stances.values()]
    tops = sorted(max(s.probabilities.values()) for s in plain)
    middle = tops[len(tops) // 2]
    strict = classifier.classify([*ENGLISH, *CHINESE], min_confidence=middle)
    for before, after in zip(plain, [s for r in strict for s in r.stances.values()], strict=True):
        weak = max(after.probabilities.values()) < middle
        assert after.label == ("uncertain" if weak else before.label)
    assert {s.label == "uncertain" for r in strict for s in r.stances.values()} == {True, False}


def test_many_targets_equal_separate_passes(classifier: StanceClassifier) -> None:
    text = f"{ENGLISH[0]} {ENGLISH[1]} India, Mexico and Italy sent rain."
    (all_at_once,) = classifier.classify(text, TWENTY)
    for start in range(0, len(TWENTY), 8):
        part = TWENTY[start : start + 8]
        (alone,) = classifier.classify(text, part)
        close(all_at_once, alone, part)
    assert list(all_at_once.stances) == list(TWENTY)


def test_probabilities_are_distributions(classifier: StanceClassifier) -> None:
    for labels in classifier.classify([*ENGLISH, *CHINESE], ["US", "CN", "the valley"]):
        for stance in labels.stances.values():
            assert tuple(stance.probabilities) == STANCES
            assert sum(stance.probabilities.values()) == pytest.approx(1)
            assert stance.label == max(stance.probabilities, key=stance.probabilities.__getitem__)
            assert stance.score == stance.probabilities["favor"] - stance.probabilities["against"]
        assert tuple(labels.tone.probabilities) == TONES
        assert sum(labels.tone.probabilities.values()) == pytest.approx(1)
        assert tuple(labels.frame_probabilities) == FRAMES
        assert all(0 <= p <= 1 for p in labels.frame_probabilities.values())
        over = [p for p in labels.frame_probabilities.values() if p >= 0.4]
        assert [labels.frame_probabilities[f] for f in labels.frames] == sorted(over, reverse=True)[:3]


SOME = st.sampled_from(
    [*ENGLISH, *CHINESE, "\n", "中美、", "U.S. ", "“Russia!” ", "。", "\ud800", "\x00", "😀"]
)


@settings(max_examples=25, deadline=None)
@given(
    title=st.lists(SOME, max_size=2).map("".join), text=st.lists(SOME, min_size=1, max_size=40).map("".join)
)
def test_evidence_points_at_the_exact_text(classifier: StanceClassifier, title: str, text: str) -> None:
    (labels,) = classifier.classify(Article("a", text + "China.", title=title))
    assert "CN" in labels.stances
    for stance in labels.stances.values():
        evidence = stance.evidence
        assert evidence is not None
        source = labels.article.title if evidence.in_title else labels.article.text
        assert source[evidence.start : evidence.end] == evidence.text
        assert evidence.text.strip()
        spans = [(m.start, m.end) for m in classifier.finder.find(source) if m.target == stance.target]
        assert any(evidence.start <= start < evidence.end for start, end in spans)
    assert (len(labels.article.title), len(labels.article.text)) == (len(title), len(text) + 6)


def test_a_long_article_is_read_to_its_end(classifier: StanceClassifier) -> None:
    text = "".join(CHINESE) * (50_000 // len("".join(CHINESE)) + 1) + "最后印度来了。"
    (labels,) = classifier.classify(text)
    tokens = sum(len(s.ids) for s in classifier.checkpoint.encoder.sentences("", text))
    mentions = sum(s.mentions for s in labels.stances.values())
    assert labels.tokens == tokens + mentions  # each mention has a marker before it
    assert mentions > 1000
    assert labels.windows > 100
    last = labels.stances["IN"]
    assert (last.windows, last.mentions) == (1, 1)
    assert last.evidence is not None
    assert last.evidence.text == "最后印度来了。"
    assert last.evidence.end == len(text)


def test_a_stream_reads_no_further_ahead_than_asked(classifier: StanceClassifier) -> None:
    taken: list[int] = []

    def source() -> Iterator[str]:
        for number in range(1000):
            taken.append(number)
            yield f"{ENGLISH[number % 3]} {number}"

    stream = classifier.classify_stream(source())
    assert taken == []
    for asked in range(1, 11):
        next(stream)
        # one chunk in use, one waiting, one in the making
        assert len(taken) <= asked - 1 + 3 * classifier.batch_articles


@pytest.mark.parametrize(
    ("fields", "language", "outlet_language"),
    [
        ({"text": CHINESE[0]}, "zh", None),
        ({"text": ENGLISH[0]}, "en", None),
        ({"text": ENGLISH[0], "language": "de"}, "de", None),
        ({"text": CHINESE[0], "language": "zh-TW"}, "zh", None),
        ({"text": ENGLISH[0], "outlet": "新华社"}, "en", "zh"),
        ({"text": ENGLISH[0], "outlet": "Xinhua"}, "en", "en"),
        ({"text": CHINESE[0], "outlet": "Xinhua"}, "zh", "zh"),
        ({"text": ENGLISH[0], "outlet": "新华社", "outlet_language": "fr"}, "en", "fr"),
        ({"text": CHINESE[0], "url": "https://www.bbc.com/news/x"}, "zh", "en"),
        ({"text": ENGLISH[0], "title": "美国赞扬条约", "outlet": "Xinhua"}, "en", "zh"),
        ({"text": "2025"}, None, None),
    ],
)
def test_languages_are_filled_in(
    fields: dict[str, str], language: str | None, outlet_language: str | None
) -> None:
    article = as_article(fields, 1)
    assert (article.language, article.outlet_language) == (language, outlet_language)


def test_lone_surrogates_never_reach_a_writer() -> None:
    article = as_article({"text": "a\ud800b", "title": "\udfff", "outlet": "x\ud800", "id": "\ud800"}, 1)
    for value in (article.text, article.title, article.outlet, article.id):
        assert value is not None
        value.encode("utf-8")


def test_devices() -> None:
    assert pick_device("cpu") == "cpu"
    for bad in ("abacus", "mps:x"):
        with pytest.raises(UsageError, match=bad.split(":")[0]):
            pick_device(bad)


def test_data_sets_are_taken_as_tables_are(classifier: StanceClassifier) -> None:
    rows = {"headline": ["A", "B"], "content": list(ENGLISH[:2]), "picture": [1, 2]}
    whole = Dataset.from_dict(rows)
    for dataset in (whole, whole.to_iterable_dataset(), whole.with_format("numpy")):
        found = classifier.classify(dataset)
        assert [(x.article.title, x.article.text) for x in found] == list(zip("AB", ENGLISH[:2], strict=True))
    with pytest.raises(UsageError, match="one of its splits: train"):
        classifier.classify(DatasetDict(train=whole))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="Row 2 of the data set"):
        classifier.classify(Dataset.from_dict({"text": ["Rain.", None]}))
    with pytest.raises(UsageError, match="no text column"):
        classifier.classify(Dataset.from_dict({"a": ["b"]}))
