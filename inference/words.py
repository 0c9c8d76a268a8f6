"""Words that mark a target in one language: what its sentences say more often than the rest of the press.

Log-odds with an informative Dirichlet prior (Monroe, Colaresi and Quinn 2008, "Fightin' Words", section 3.5).
Each group is set against its own background, the sentences of the same outlets that don't name the target, so
words of two languages never have to be set against each other.
"""

from __future__ import annotations

import calendar
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Final

import numpy as np
import pandas as pd
import rjieba

from polystance.inference.observations import Observations
from polystance.models.mentions import default_finder, find_literal
from polystance.models.records import Mention
from polystance.models.scripts import to_simplified
from polystance.models.sentences import split_sentences
from polystance.models.targets import is_country

PER_CELL: Final = 12
MOST_ARTICLES: Final = 4_000  # of each group, drawn at random: words settle long before
COLUMNS: Final = ("target", "group", "word", "z", "count", "articles", "share", "background_share")
_PRIOR: Final = 500.0  # words that the prior counts for, as in the paper
_LEAST: Final = 3  # times, and articles, that a word must occur
_CLEAR: Final = 1.96  # standard deviations
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_CHINESE: Final = re.compile(r"[㐀-鿿]")

# Words that carry the grammar and not the matter; the prior leaves few of them, these are the stubborn ones.
_CHINESE_STOP: Final = """
一个 一些 一种 一直 不是 不会 不能 为了 他们 他的 她的 以及 以来 但是 你们 其中 其他 其实 就是 及其 可以
可能 因为 因此 如果 如何 它们 对于 已经 并且 并不 应该 我们 或者 所以 所有 所谓 按照 据了解 是否 有关 有些
没有 然而 现在 由于 甚至 的话 目前 相关 看到 着眼 而且 而是 自己 虽然 表示 认为 许多 说道 起来 还是 还有
这个 这些 这样 这种 这里 进行 通过 那个 那些 那么 都是 需要 随着 非常 指出 同时 今年 去年 昨天 今天 什么
之后 之间 之前 之一 只是 只有 一样 一次 不少 不过 不同 两个 以上 以下 作为 使得 便是 关于 再次 十分 又是
向来 多个 她们 如此 对此 尤其 开始 很多 成为 才能 报道 日前 时候 更加 最后 最近 本报 本次 来自 根据 正在
此外 此前 此次 每个 然后 特别 直接 称为 等等 继续 能够 至今 记者 该国 让人
""".split()  # noqa: SIM905 - a list of two hundred strings is hard to read
_REPORTING: Final = ("said", "says", "say", "year", "years", "new")


@cache
def _stop_words() -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS  # a second to import

    dates = (word.lower() for word in (*calendar.day_name, *calendar.month_name))
    return frozenset((*_CHINESE_STOP, *ENGLISH_STOP_WORDS, *_REPORTING, *dates))


def log_odds(first: np.ndarray, second: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """How far each word leans to the first counts, in standard deviations (equations 16, 20 and 22).

    `first`, `second`: counts of each word, (words,). `prior`: pseudo-counts, (words,), all above 0. The
    variance has all four terms, as in scattertext, where the paper drops the two small ones.
    """
    n, m, whole = first.sum(), second.sum(), prior.sum()
    one, two = first + prior, second + prior
    rest_one, rest_two = n + whole - one, m + whole - two
    delta = np.log(one / rest_one) - np.log(two / rest_two)
    return np.asarray(delta / np.sqrt(1 / one + 1 / rest_one + 1 / two + 1 / rest_two))


def words_of(sentence: str, language: str) -> list[str]:
    """Words of a sentence as they are counted: lower case, simplified, no numbers, no single characters."""
    if language == "zh":
        text = to_simplified(sentence)
        found = [w for w in rjieba.cut(text) if _CHINESE.match(w) and len(w) > 1]
    else:
        found = [w.replace("’", "'").removesuffix("'s") for w in _WORD.findall(sentence.lower())]
        found = [w for w in found if len(w) > 2]
    return [w for w in found if w not in _stop_words()]


def marking_words(
    observations: Observations, targets: Sequence[str], per_cell: int = PER_CELL, seed: int = 0
) -> pd.DataFrame:
    """Words that mark each target in each group, most telling first.

    Left out: the target's own names, sentences that an outlet prints again and again (boilerplate counts
    once), and words of fewer than three articles. Columns: `COLUMNS`; share is per word of the sentences that
    name the target. Empty if the run kept no texts.
    """
    texts = observations.texts(MOST_ARTICLES, seed)
    rows: list[dict[str, object]] = []
    for group in observations.groups:
        part = texts[(texts["group"] == group) & (texts["language"] == group)]
        counts = _Counts(targets)
        for row in part.itertuples(index=False):
            counts.add(str(row.article_id), str(row.outlet), str(row.text), group)
        for target in targets:
            rows += ({"target": target, "group": group, **word} for word in counts.marking(target, per_cell))
    return pd.DataFrame(rows, columns=list(COLUMNS))


class _Counts:
    """Counts of words in the sentences of one group, in all and by target."""

    def __init__(self, targets: Sequence[str]) -> None:
        self.targets = targets
        self.free = [t for t in targets if not is_country(t)]
        self.all: Counter[str] = Counter()
        self.by_target: dict[str, Counter[str]] = {t: Counter() for t in targets}
        self.articles: dict[str, Counter[str]] = {t: Counter() for t in targets}
        self.names: dict[str, set[str]] = {t: set() for t in targets}
        self._seen: set[tuple[str, str]] = set()

    def add(self, article: str, outlet: str, text: str, language: str) -> None:
        mentions = [*default_finder().find(text), *find_literal(text, self.free)]
        here: dict[str, set[str]] = {t: set() for t in self.targets}
        for start, end in split_sentences(text):
            sentence = text[start:end]
            key = (outlet, " ".join(sentence.split()))
            if key in self._seen:
                continue
            self._seen.add(key)
            inside = [m for m in mentions if start <= m.start < end and m.target in self.by_target]
            words = words_of(_without(text, start, end, inside), language)
            self.all.update(words)
            for target in {m.target for m in inside}:
                self.by_target[target].update(words)
                here[target].update(words)
        for target, words_here in here.items():
            self.articles[target].update(words_here)

    def marking(self, target: str, most: int) -> Iterator[dict[str, object]]:
        mine = self.by_target[target]
        if not mine:
            return
        words = list(self.all)
        first = np.array([mine[w] for w in words], dtype=np.float64)
        whole = np.array([self.all[w] for w in words], dtype=np.float64)
        rest = whole - first
        if not rest.sum():
            return
        z = log_odds(first, rest, whole * (_PRIOR / whole.sum()))
        articles = self.articles[target]
        taken = 0
        for i in np.argsort(-z, kind="stable"):
            word = words[i]
            if z[i] < _CLEAR or taken == most:
                return
            if articles[word] < _LEAST or first[i] < _LEAST:
                continue
            taken += 1
            yield {
                "word": word,
                "z": float(z[i]),
                "count": int(first[i]),
                "articles": articles[word],
                "share": float(first[i] / first.sum()),
                "background_share": float(rest[i] / rest.sum()),
            }


def _without(text: str, start: int, end: int, mentions: Iterable[Mention]) -> str:
    """A sentence with a blank in the place of each mention."""
    parts, at = [], start
    for mention in sorted(mentions, key=lambda m: m.start):
        if mention.start >= at:
            parts.append(text[at : mention.start])
            at = min(mention.end, end)
    return " ".join([*parts, text[at:end]])
