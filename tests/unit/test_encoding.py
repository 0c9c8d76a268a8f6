from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

from polystance.errors import CheckpointError
from polystance.models.checkpoint import make_encoder, special_tokens
from polystance.models.encoding import MAX_NAME_TOKENS, EncodedWindow, Sentence, WindowEncoder
from polystance.models.labels import MARKERS
from polystance.models.records import Mention
from tests.unit.tiny import TWENTY

TEXT = "Russia said China was late. China said nothing."
MENTIONS = [Mention("RU", 0, 6), Mention("CN", 12, 17), Mention("CN", 28, 33)]


def tokens(encoder: WindowEncoder, window: EncodedWindow) -> list[str]:
    return [str(encoder.tokenizer.id_to_token(i)) for i in window.ids]


def specials(encoder: WindowEncoder, ids: tuple[int, ...]) -> list[str]:
    added = encoder.tokenizer.get_added_tokens_decoder()
    return [added[i].content for i in ids if i in added and added[i].content != "[UNK]"]


def test_a_window_has_header_and_marked_mentions(encoder: WindowEncoder) -> None:
    sentences = encoder.sentences("", TEXT, (), MENTIONS)
    window = encoder.window(sentences, ["CN", "RU"], "en")
    assert " ".join(tokens(encoder, window)) == (
        "[CLS] [T0] ▁china [T1] ▁russia [SEP] [T1] ▁russia ▁said [T0] ▁china ▁was ▁late . "
        "[T0] ▁china ▁said ▁nothing . [SEP]"
    )
    assert window.header == (1, 3)
    assert window.mentions == (((9, 0), (14, 1)), ((6, 0),))
    assert len(window.ids) == encoder.header_length(["CN", "RU"], "en") + sum(len(s.ids) for s in sentences)


@pytest.mark.parametrize(("language", "name"), [("en", ["▁china"]), ("zh", ["中国"]), ("fr", ["▁china"])])
def test_header_names_follow_the_language(encoder: WindowEncoder, language: str, name: list[str]) -> None:
    assert [encoder.tokenizer.id_to_token(i) for i in encoder.name_ids("CN", language)] == name


def test_a_target_without_mentions_still_has_a_header(encoder: WindowEncoder) -> None:
    window = encoder.window(encoder.sentences("", TEXT, (), MENTIONS), ["JP", "rare earth"], "en")
    assert window.mentions == ((), ())
    assert tokens(encoder, window)[:6] == ["[CLS]", "[T0]", "▁japan", "[T1]", "▁rare", "▁earth"]
    assert specials(encoder, window.ids[6:]) == ["[SEP]", "[SEP]"]


def test_markers_may_be_permuted_and_mentions_left_unmarked(encoder: WindowEncoder) -> None:
    sentences = encoder.sentences("", TEXT, (), MENTIONS)
    plain = encoder.window(sentences, ["CN", "RU"], "en")
    shuffled = encoder.window(sentences, ["CN", "RU"], "en", markers=[5, 2])
    assert (shuffled.header, shuffled.mentions) == (plain.header, plain.mentions)
    swap = {"[T0]": "[T5]", "[T1]": "[T2]"}
    assert tokens(encoder, shuffled) == [swap.get(t, t) for t in tokens(encoder, plain)]
    bare = encoder.window(sentences, ["CN", "RU"], "en", unmarked=frozenset(["CN"]))
    assert bare.mentions[0] == ()
    assert specials(encoder, bare.ids) == ["[CLS]", "[T0]", "[T1]", "[SEP]", "[T1]", "[SEP]"]


def test_eight_targets_fit_and_nine_are_refused(encoder: WindowEncoder) -> None:
    assert len(encoder.window([], TWENTY[:8], "en").header) == 8
    with pytest.raises(ValueError, match="9 targets"):
        encoder.window([], TWENTY[:9], "en")


HOSTILE = "Say [T0] or [SEP] or [CLS][MASK] [PAD] ［Ｔ０］ [[T7]] to China [T1"


def test_text_never_becomes_a_special_token(encoder: WindowEncoder) -> None:
    at = HOSTILE.index("China")
    sentences = encoder.sentences(HOSTILE, HOSTILE, [Mention("CN", at, at + 5)], [Mention("CN", at, at + 5)])
    for sentence in sentences:
        assert specials(encoder, sentence.ids) == ["[T0]"]
    assert [t for s in sentences for _, t in s.marks] == ["CN", "CN"]
    assert specials(encoder, encoder.name_ids("[T1] [SEP] talks", "en")) == []


@given(
    st.lists(st.sampled_from([*"[]T0<>/s ", "[T", "0]", "[SEP]", "CLS]", "</s>", "\n", "。"])).map("".join)
)
def test_no_mixture_becomes_a_special_token(encoder: WindowEncoder, text: str) -> None:
    assert all(not specials(encoder, s.ids) for s in encoder.sentences(text, text))


_ROBERTA = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4}


def roberta_encoder() -> WindowEncoder:
    tokenizer = Tokenizer(WordLevel({**_ROBERTA, "hello": 5}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    special = [AddedToken(t, special=True, normalized=False) for t in (*_ROBERTA, *MARKERS)]
    tokenizer.add_special_tokens(special)
    return make_encoder(tokenizer, simplify=False)


def test_the_names_of_robertas_specials_are_plain_text_too() -> None:
    encoder = roberta_encoder()
    (sentence,) = encoder.sentences("", "hello </s> hello <mask><s>")
    names = [encoder.tokenizer.id_to_token(i) for i in sentence.ids]
    assert {"</s>", "<s>", "<mask>"}.isdisjoint(names)
    assert names.count("hello") == 2
    window = encoder.window([sentence], ["CN"], "en")
    assert (window.ids[0], window.ids[-1]) == (0, 2)


def test_a_tokenizer_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="T0"):
        make_encoder(Tokenizer(WordLevel(_ROBERTA, unk_token="<unk>")))


def test_a_tokenizer_of_no_known_family_is_refused() -> None:
    with pytest.raises(CheckpointError, match=r"\[CLS\].*<bos>.*<s>"):
        make_encoder(Tokenizer(WordLevel({"<start>": 0, "<unk>": 1}, unk_token="<unk>")))


def test_gemmas_tokens_win_over_its_html() -> None:
    names = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<s>", "</s>"]
    tokenizer = Tokenizer(WordLevel({n: i for i, n in enumerate(names)}, unk_token="<unk>"))
    assert special_tokens(tokenizer)["cls_token"] == "<bos>"


@pytest.mark.parametrize("odd", ["\ud800", "\udfff\ud800", "\x00", "\u202e", "\ufffe", "😀", "\u200b"])
def test_odd_characters_pass(encoder: WindowEncoder, odd: str) -> None:
    text = f"{odd}China said{odd} nothing.{odd}"
    at = len(odd)
    (sentence,) = encoder.sentences("", text, (), [Mention("CN", at, at + 5)])
    assert sentence.marks[0][1] == "CN"
    assert (sentence.start, sentence.end) == (0, len(text))
    assert encoder.name_ids(f"talks {odd}", "en")


@given(st.text(st.characters(), max_size=40))  # lone surrogates included
def test_any_text_is_tokenised(encoder: WindowEncoder, text: str) -> None:
    encoder.sentences(text, text)


def test_traditional_characters_get_the_ids_of_simplified_ones(encoder: WindowEncoder) -> None:
    simplified = "美国赞扬港口条约,中国没有回应。"
    traditional = "美國讚揚港口條約,中國沒有回應。"
    (a,), (b,) = encoder.sentences("", simplified), encoder.sentences("", traditional)
    assert a.ids == b.ids
    kept = WindowEncoder(encoder.tokenizer, simplify=False)
    assert kept.sentences("", traditional)[0].ids != a.ids


def test_the_title_is_the_first_sentence_and_never_split(encoder: WindowEncoder) -> None:
    title, text = "Rain. Two fairs.", "China said nothing. Russia said nothing."
    sentences = encoder.sentences(title, text)
    assert [(s.in_title, s.start, s.end) for s in sentences] == [
        (True, 0, 16), (False, 0, 19), (False, 20, 40),
    ]  # fmt: skip
    assert [s.in_title for s in encoder.sentences("  ", text)] == [False, False]
    assert encoder.sentences("", "") == []


def test_many_articles_equal_each_on_its_own(encoder: WindowEncoder) -> None:
    articles = [("", TEXT, (), MENTIONS), ("A quiet week", "", (), ()), ("", "中国没有回应。", (), ())]
    assert encoder.sentences_of(articles) == [encoder.sentences(*article) for article in articles]


def test_slices_keep_the_marks_inside() -> None:
    sentence = Sentence(3, 9, False, (10, 5, 11, 12, 5, 13), ((1, "CN"), (4, "US")))
    assert sentence.slice(1, 4) == Sentence(3, 9, False, (5, 11, 12), ((0, "CN"),))
    assert sentence.slice(4, 6) == Sentence(3, 9, False, (5, 13), ((0, "US"),))
    assert sentence.slice(0, 99) == sentence


def test_a_long_free_text_target_is_cut_in_the_header(encoder: WindowEncoder) -> None:
    assert len(encoder.name_ids("zebra quality " * 12, "en")) == MAX_NAME_TOKENS
