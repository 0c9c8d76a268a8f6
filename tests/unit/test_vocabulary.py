from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import BertPreTokenizer

from polystance.models.labels import MARKERS
from polystance.training.corpora import Pair
from polystance.training.vocabulary import (
    SPECIALS,
    VocabularyConfig,
    build_tokenizer,
    count_pieces,
    count_words,
    initial_embeddings,
    translation_table,
)

PIECES = Counter(
    {"harbour": 40, "treaty": 30, "late": 20, "##ness": 9, "the": 90, "ship": 25, "ferry": 12, "é": 30}
)
ZH = ["港口条约", "渡轮晚点", "港口晚点"] * 3
PAIRS = [
    Pair("港口", "harbour"),
    Pair("条约", "treaty"),
    Pair("港口条约", "the harbour treaty"),
    Pair("渡轮晚点", "the ferry late"),
    Pair("港口渡轮", "the harbour ferry"),
    Pair("条约晚点", "the treaty late"),
]


@pytest.fixture(scope="module")
def built() -> tuple[Tokenizer, dict[str, str]]:
    words = Counter({"港口": 9, "条约": 8, "渡轮": 7, "晚点": 6})
    config = VocabularyConfig(english=200, characters=50, words=10)
    return build_tokenizer(PIECES, Counter("".join(ZH)), words, config)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The harbour treaty", ["▁the", "▁harbour", "▁treaty"]),
        ("HARBOUR, treaty!", ["▁harbour", ",", "▁treaty", "!"]),
        ("lateness", ["▁late", "ness"]),
        ("港口条约", ["港口", "条约"]),
        ("港条", ["港", "条"]),
        ("港口ship晚点", ["港口", "▁ship", "晚点"]),
        ("ｓｈｉｐ（晚点）", ["▁ship", "(", "晚点", ")"]),
        ("zap", ["▁z", "a", "p"]),
        ("42", ["▁4", "2"]),
        ("晚点。", ["晚点", "。"]),
        ("[T3] ship[SEP]", ["[T3]", "▁ship", "[SEP]"]),
    ],
)
def test_english_words_stay_whole_and_chinese_is_cut_into_words(
    built: tuple[Tokenizer, dict[str, str]], text: str, tokens: list[str]
) -> None:
    assert built[0].encode(text, add_special_tokens=False).tokens == tokens


def test_specials_come_first_and_frame_a_text(built: tuple[Tokenizer, dict[str, str]]) -> None:
    tokenizer, english = built
    assert [tokenizer.id_to_token(i) for i in range(13)] == [*SPECIALS, *MARKERS]
    assert tokenizer.encode("ship").tokens == ["[CLS]", "▁ship", "[SEP]"]
    assert tokenizer.encode("ship", "late").tokens == ["[CLS]", "▁ship", "[SEP]", "▁late", "[SEP]"]
    assert (english["▁ship"], english["ness"], english["a"]) == ("ship", "##ness", "##a")


def test_sizes_are_kept_and_the_most_frequent_stay() -> None:
    words = Counter({"港口": 9, "条约": 8, "渡轮": 7})
    config = VocabularyConfig(english=125, characters=4, words=2)
    tokenizer, english = build_tokenizer(PIECES, Counter("港港港口口口条条约约渡轮"), words, config)
    assert len(english) <= 125
    vocabulary = tokenizer.get_vocab()
    assert {"港口", "条约", "港", "口", "条", "约"} <= set(vocabulary)
    assert {"渡轮", "渡", "轮"}.isdisjoint(vocabulary)
    assert tokenizer.encode("渡轮", add_special_tokens=False).ids == [SPECIALS.index("[UNK]")]


def teacher() -> Tokenizer:
    names = [*SPECIALS, "harbour", "treaty", "late", "the", "ship", "ferry", ".", ",", "a", "##a", "##ness"]
    tokenizer = Tokenizer(WordPiece({n: i for i, n in enumerate(names)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = BertPreTokenizer()
    return tokenizer


def test_counts() -> None:
    assert count_pieces(["late ship", "lateness"], teacher()) == Counter({"late": 2, "ship": 1, "##ness": 1})
    characters, words = count_words(["中國的港口", "ship 中国"])
    assert characters["国"] == 2
    assert words["中国"] == 2
    assert all(len(word) >= 2 for word in words)


def test_a_toy_dictionary_is_learnt(built: tuple[Tokenizer, dict[str, str]]) -> None:
    tokenizer = built[0]
    zh, en, p = translation_table(PAIRS, tokenizer, iterations=20)
    table = {
        (tokenizer.id_to_token(a), tokenizer.id_to_token(b)): x for a, b, x in zip(zh, en, p, strict=True)
    }
    for word, gloss in (("港口", "▁harbour"), ("条约", "▁treaty"), ("渡轮", "▁ferry"), ("晚点", "▁late")):
        candidates = {b: x for (a, b), x in table.items() if a == word}
        assert max(candidates, key=candidates.__getitem__) == gloss
        assert sum(candidates.values()) == pytest.approx(1)
    assert table["港口", "▁harbour"] > 0.7


def test_new_embeddings_start_at_their_translations(built: tuple[Tokenizer, dict[str, str]]) -> None:
    tokenizer, english = built
    old = teacher()
    vectors = np.random.default_rng(0).normal(0, 1, (old.get_vocab_size(), 64)).astype(np.float32)
    table = initial_embeddings(tokenizer, english, old, vectors, PAIRS, seed=1)
    assert table.shape == (tokenizer.get_vocab_size(), 64)
    assert np.isfinite(table).all()

    def row(entry: str) -> np.ndarray:
        return table[tokenizer.token_to_id(entry)]

    for entry, piece in (("▁harbour", "harbour"), ("ness", "##ness"), ("[CLS]", "[CLS]"), ("。", ".")):
        np.testing.assert_array_equal(row(entry), vectors[old.token_to_id(piece)])
    for word, gloss in (("港口", "harbour"), ("条约", "treaty"), ("渡轮", "ferry")):
        vector, goal = row(word), vectors[old.token_to_id(gloss)]
        assert vector @ goal > 0.7 * np.linalg.norm(vector) * np.linalg.norm(goal)
    again = initial_embeddings(tokenizer, english, old, vectors, PAIRS, seed=1)
    np.testing.assert_array_equal(table, again)
