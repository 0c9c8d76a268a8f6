from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polystance.models.encoding import Sentence, WindowEncoder
from polystance.models.windows import Window, make_windows, spots
from tests.unit.tiny import ENGLISH, TWENTY

LONG_TARGETS = tuple(f"the zebra quality question number {i} in every quarry" for i in range(8))


def make(sizes: list[int], title: int = 0, marked: str = "CN") -> list[Sentence]:
    """Sentences of `sizes` tokens, each token with an id of its own from 1000 on."""
    sentences, number = [], 1000
    for index, size in enumerate([title, *sizes]):
        if index or title:
            ids = tuple(range(number, number + size))
            sentences.append(Sentence(index, index + 1, not index, ids, ((0, marked),) if index else ()))
            number += size
    return sentences


def read(windows: list[Window]) -> list[int]:
    """Tokens in reading order, those of the title that each window begins with once."""
    heads = {w.sentences[0] for w in windows if w.sentences and w.sentences[0].start == 0}
    assert len(heads) < 2
    body = [s for w in windows for s in w.sentences if s not in heads]
    return [i for s in (*heads, *body) for i in s.ids]


@given(
    sizes=st.lists(st.integers(1, 150), max_size=30),
    title=st.integers(0, 90),
    targets=st.sampled_from([(), ("CN",), TWENTY[:8], TWENTY[:9], TWENTY, LONG_TARGETS]),
    limit=st.sampled_from([96, 128, 256]),
    language=st.sampled_from(["zh", "en"]),
)
def test_every_token_is_in_exactly_one_window_and_none_is_too_long(
    encoder: WindowEncoder, sizes: list[int], title: int, targets: tuple[str, ...], limit: int, language: str
) -> None:
    sentences = make(sizes, title)
    windows = make_windows(encoder, sentences, targets, language, limit)
    given_tokens = [i for s in sentences for i in s.ids]
    assert read(windows) == given_tokens
    for window in windows:
        assert all(len(encoded.ids) <= limit for encoded in window.passes)
        assert [t for encoded in window.passes for t in encoded.targets] == list(targets)
        assert window.tokens == sum(len(s.ids) for s in window.sentences)


@given(sizes=st.lists(st.integers(1, 30), min_size=1, max_size=30))
def test_sentences_stay_whole_and_windows_are_evenly_full(encoder: WindowEncoder, sizes: list[int]) -> None:
    windows = make_windows(encoder, make(sizes), ["CN"], "en", 96)
    assert [len(s.ids) for w in windows for s in w.sentences] == sizes
    if len(windows) > 1:
        assert len(windows[-1].sentences) >= 1
        assert len(windows) <= 2 * -(-sum(sizes) // (96 - encoder.header_length(["CN"], "en")))


def test_no_text_and_no_targets_still_give_a_window(encoder: WindowEncoder) -> None:
    (empty,) = make_windows(encoder, [], [], "en", 96)
    assert (len(empty.passes), empty.tokens, len(empty.passes[0].ids)) == (1, 0, 3)
    (headline,) = make_windows(encoder, encoder.sentences("Rain", ""), ["CN"], "en", 96)
    assert headline.tokens == len(headline.sentences[0].ids)


def test_a_long_title_is_repeated_in_part_and_read_whole(encoder: WindowEncoder) -> None:
    sentences = make([40, 40, 40], title=60)
    windows = make_windows(encoder, sentences, ["CN"], "en", 96)
    assert read(windows) == list(range(1000, 1180))
    heads = [w.sentences[0] for w in windows]
    assert all(h.in_title and h.ids == tuple(range(1000, 1024)) for h in heads)
    assert windows[0].sentences[1].ids == tuple(range(1024, 1060))


def test_a_sentence_longer_than_a_window_is_cut_with_its_marks(encoder: WindowEncoder) -> None:
    sentence = Sentence(0, 9, False, tuple(range(1000, 1300)), ((0, "CN"), (200, "CN"), (299, "CN")))
    windows = make_windows(encoder, [sentence], ["CN"], "en", 96)
    assert [i for w in windows for s in w.sentences for i in s.ids] == list(range(1000, 1300))
    assert sum(len(w.passes[0].mentions[0]) for w in windows) == 3
    assert {(s.start, s.end) for w in windows for s in w.sentences} == {(0, 9)}


@pytest.mark.parametrize(("count", "passes"), [(0, 1), (1, 1), (8, 1), (9, 2), (20, 3)])
def test_eight_targets_to_a_pass(encoder: WindowEncoder, count: int, passes: int) -> None:
    windows = make_windows(encoder, encoder.sentences("", ENGLISH[0]), TWENTY[:count], "en", 128)
    assert [len(w.passes) for w in windows] == [passes]


def test_spots_are_the_windows_that_name_the_target_or_all(encoder: WindowEncoder) -> None:
    sentences = [*make([60, 60]), *make([60], marked="US")]
    windows = make_windows(encoder, sentences, TWENTY, "en", 96)
    outputs = [
        [np.full((len(p.ids), 20), 10 * w + i, np.float32) for i, p in enumerate(window.passes)]
        for w, window in enumerate(windows)
    ]
    assert [s.index for s in spots(windows, outputs, "CN")] == [0, 1]
    assert [s.index for s in spots(windows, outputs, "US")] == [2]
    assert [s.index for s in spots(windows, outputs, "ES")] == [0, 1, 2]
    assert [s.logits.tolist() for s in spots(windows, outputs, "US")] == [[20.0] * 3]
    assert spots(windows, outputs, "ES")[0].logits.tolist() == [2.0] * 3
    assert spots(windows, outputs, "NZ") == []
