"""A bilingual vocabulary for an English encoder: which entries, how text is cut, where new ones start.

English word pieces that news does not need are dropped; Chinese characters and words are added. A
unigram tokenizer (Kudo 2018) cuts Chinese into its most probable words without a segmenter at run
time, and keeps English whole words whole, so that their pre-trained embeddings go on to fit.

New entries start as the mean of the English embeddings they translate to, with translation
probabilities from IBM Model 1 (Brown et al. 1993) on the parallel sentences and a dictionary.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import rjieba
from numpy.typing import NDArray
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from polystance.models.labels import MARKERS
from polystance.models.scripts import to_simplified
from polystance.training.corpora import Pair

SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_WORD = "▁"  # marks the start of a Latin word or number; Chinese has no such mark
_HAN = re.compile(r"[\u3400-\u9fff]+")
_LATIN = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True)
class VocabularyConfig:
    """Sizes of the parts of the vocabulary.

    Attributes:
        english: Word pieces kept from the English encoder, the most frequent in news.
        characters: Chinese characters (simplified).
        words: Chinese words of two or more characters.
        sample_chars: Characters of text counted in each language.
    """

    english: int = 14_000
    characters: int = 4_600
    words: int = 7_400
    sample_chars: int = 30_000_000


def count_pieces(texts: Sequence[str], teacher: Tokenizer) -> Counter[str]:
    """Frequencies of the English encoder's word pieces (`##` marks a continuation)."""
    counts: Counter[str] = Counter()
    for start in range(0, len(texts), 512):
        for encoding in teacher.encode_batch(texts[start : start + 512], add_special_tokens=False):
            counts.update(encoding.tokens)
    return counts


def count_words(texts: Iterable[str]) -> tuple[Counter[str], Counter[str]]:
    """Frequencies of Chinese characters and of words of two to six characters."""
    characters: Counter[str] = Counter()
    words: Counter[str] = Counter()
    for text in texts:
        for run in _HAN.findall(to_simplified(text)):
            characters.update(run)
            words.update(word for word in rjieba.cut(run) if 2 <= len(word) <= 6)
    return characters, words


def _entry(piece: str) -> str:
    """The name in our vocabulary of a word piece of the English encoder."""
    if piece.startswith("##"):
        return piece[2:]
    return _WORD + piece if _LATIN.match(piece) else piece


def build_tokenizer(
    pieces: Counter[str], characters: Counter[str], words: Counter[str], config: VocabularyConfig
) -> tuple[Tokenizer, dict[str, str]]:
    """The tokenizer, and for each English entry the word piece that it stands for."""
    ascii_pieces = {p for p in pieces if not _HAN.search(p) and p not in SPECIALS and p.isascii()}
    alphabet = list("abcdefghijklmnopqrstuvwxyz0123456789")
    always = [
        *alphabet,
        *(f"##{c}" for c in alphabet),
        *(chr(c) for c in range(33, 127) if not chr(c).isalnum()),
    ]
    signs = [
        p
        for p, n in pieces.most_common()
        if not p.isascii() and len(p) == 1 and n >= 20 and not _HAN.match(p)
    ]
    ranked = [p for p, _ in pieces.most_common() if p in ascii_pieces]
    kept = list(dict.fromkeys([*always, *signs, *ranked]))[: config.english]
    english = {_entry(piece): piece for piece in kept}
    scores: dict[str, float] = {}

    def add(counts: Counter[str], names: Iterable[tuple[str, str]]) -> None:
        pairs = [(entry, counts[key] + 1) for entry, key in names]
        total = sum(count for _, count in pairs)
        scores.update({entry: math.log(count / total) for entry, count in pairs})

    add(pieces, english.items())
    chinese = [c for c, _ in characters.most_common(config.characters)]
    chinese += [w for w, _ in words.most_common(config.words) if set(w) <= set(chinese)]
    # A character inside a known word doesn't count for the character on its own.
    alone = characters.copy()
    for word in chinese:
        if len(word) > 1:
            for character in word:
                alone[character] -= words[word]
    counts = Counter({c: max(alone[c], 1) for c in chinese if len(c) == 1})
    counts.update({w: words[w] for w in chinese if len(w) > 1})
    add(counts, ((c, c) for c in chinese))
    for mark in "。、「」《》·—…“”‘’":
        scores.setdefault(mark, -8.0)
    # A blank mark left alone, before a word that must be spelt out.
    scores.setdefault(_WORD, -6.0)
    vocabulary = [(special, 0.0) for special in SPECIALS] + [(m, 0.0) for m in MARKERS] + list(scores.items())
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=SPECIALS.index("[UNK]"), byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFKC(),  # full-width letters, digits and punctuation share their ASCII entries
            normalizers.BertNormalizer(
                clean_text=True, handle_chinese_chars=False, strip_accents=True, lowercase=True
            ),
            normalizers.Replace(Regex(r"(?<![a-z0-9▁])(?=[a-z0-9])"), _WORD),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    cls, sep = SPECIALS.index("[CLS]"), SPECIALS.index("[SEP]")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[("[CLS]", cls), ("[SEP]", sep)],
    )
    tokenizer.add_special_tokens(
        [AddedToken(t, special=True, normalized=False) for t in (*SPECIALS, *MARKERS)]
    )
    return tokenizer, english


def translation_table(
    pairs: Sequence[Pair], tokenizer: Tokenizer, iterations: int = 5
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """IBM Model 1: parallel arrays of Chinese entry, English entry, and p(English | Chinese)."""
    size = tokenizer.get_vocab_size()
    zh_ids = tokenizer.encode_batch([p.zh for p in pairs], add_special_tokens=False)
    en_ids = tokenizer.encode_batch([p.en for p in pairs], add_special_tokens=False)
    keys, groups, group = [], [], 0
    for zh, en in zip(zh_ids, en_ids, strict=True):
        # Types, not tokens, and sentences of moderate length: enough for a start, and much faster.
        source, target = np.unique(zh.ids[:60]), np.unique(en.ids[:60])
        if not len(source) or not len(target):
            continue
        keys.append((source[None, :] * size + target[:, None]).ravel())
        groups.append(np.repeat(np.arange(group, group + len(target)), len(source)))
        group += len(target)
    unique, inverse = np.unique(np.concatenate(keys), return_inverse=True)
    slots = np.concatenate(groups)
    del keys, groups
    zh_of, en_of = unique // size, unique % size
    t = np.ones(len(unique))
    for _ in range(iterations):
        weight = t[inverse]
        weight /= np.bincount(slots, weight, minlength=group)[slots]
        expected = np.bincount(inverse, weight, minlength=len(unique))
        t = expected / np.bincount(zh_of, expected, minlength=size)[zh_of]
    return zh_of, en_of, t


def initial_embeddings(
    tokenizer: Tokenizer,
    english: dict[str, str],
    teacher: Tokenizer,
    teacher_embeddings: NDArray[np.float32],
    pairs: Sequence[Pair],
    seed: int,
) -> NDArray[np.float32]:
    """Start of the embedding table, (entries, width): English ones copied, the rest translated.

    What no sentence pair explains starts as the mean of its characters, or at random.
    """
    vocabulary = tokenizer.get_vocab()
    rng = np.random.default_rng(seed)
    width = teacher_embeddings.shape[1]
    table = rng.normal(0.0, teacher_embeddings.std(), (tokenizer.get_vocab_size(), width)).astype(np.float32)
    known = np.zeros(len(table), dtype=bool)
    sources = {**english, **{special: special for special in SPECIALS}}
    sources.update(
        {"。": ".", "、": ",", "《": '"', "》": '"', "“": '"', "”": '"', "‘": "'", "’": "'", "…": "..."}
    )
    for entry, piece in sources.items():
        index = teacher.token_to_id(piece)
        if index is not None and entry in vocabulary:
            table[vocabulary[entry]] = teacher_embeddings[index]
            known[vocabulary[entry]] = True
    english_ids = np.array([vocabulary[entry] for entry in english])
    usable = np.zeros(len(table), dtype=bool)
    usable[english_ids] = [bool(re.search(r"[a-z0-9]{2}", entry)) for entry in english]
    zh_of, en_of, t = translation_table(pairs, tokenizer)
    keep = usable[en_of] & ~known[zh_of] & (t > 0.02)
    zh_of, en_of, t = zh_of[keep], en_of[keep], t[keep]
    # Function words explain a little of everything: weigh an English entry by how few it explains.
    spread = np.bincount(en_of, minlength=len(table))
    weight = t * np.log(1 + len(table) / (1 + spread[en_of]))
    mass = np.bincount(zh_of, weight, minlength=len(table))
    mean = np.zeros_like(table)
    np.add.at(mean, zh_of, weight[:, None].astype(np.float32) * table[en_of])
    found = mass > 0
    mean[found] /= mass[found, None].astype(np.float32)
    # Means are shorter than what they are means of.
    usual = float(np.linalg.norm(teacher_embeddings, axis=1).mean())
    scale = usual / np.linalg.norm(mean[found], axis=1, keepdims=True)
    table[found] = mean[found] * np.minimum(scale, 1.5).astype(np.float32)
    known |= found
    for entry, index in vocabulary.items():
        parts = [vocabulary[c] for c in entry if c in vocabulary and known[vocabulary[c]]]
        if not known[index] and _HAN.match(entry) and len(entry) > 1 and parts:
            table[index] = table[parts].mean(axis=0)
    return table
