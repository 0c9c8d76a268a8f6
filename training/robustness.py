"""How far labels stay what they are when the text says the same in another guise, and change when it doesn't.

Every figure is a share of labels with a 95% interval by bootstrap over texts. `seeds/probes.jsonl` and
`seeds/swaps.jsonl` hold the sentences that were written for this; other figures are taken on any labelled
passages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from random import Random
from typing import Any, Final

import numpy as np
import opencc

from polystance.models.checkpoint import Checkpoint
from polystance.models.labels import STANCES
from polystance.models.targets import target_name
from polystance.seeds import resource
from polystance.training.corpora import Pair
from polystance.training.examples import Example, find_mentions
from polystance.training.metrics import Score, scored
from polystance.training.prediction import predict_windows

Labels = list[dict[str, str]]
SWAPPED: Final = ("US", "CN", "RU")
_SENTENCE_START: Final = re.compile(r"((?:^|[.!?][\"”’]?\s+)[\"“‘]?)the (?=United States)")
_ADJECTIVES: Final = {"US": "American", "CN": "Chinese", "RU": "Russian"}


@dataclass(frozen=True)
class Share(Score):
    """A share of `rows`."""

    rows: int


def share(hits: Sequence[bool], documents: Sequence[str]) -> Share:
    """Of hits, documents drawn together. No rows give a share of 0 from 0 to 1."""
    if not hits:
        return Share(0.0, 0.0, 1.0, rows=0)
    values = np.array(hits, dtype=np.float64)
    found = scored(lambda rows: float(values[rows].mean()), documents)
    return Share(found.value, found.low, found.high, rows=len(hits))


def label(checkpoint: Checkpoint, examples: Sequence[Example]) -> Labels:
    """The most probable stance per target."""
    return [
        {target: STANCES[int(logits.argmax())] for target, logits in prediction.stances.items()}
        for prediction in predict_windows(checkpoint.model, checkpoint.encoder, examples)
    ]


def agreement(checkpoint: Checkpoint, examples: Sequence[Example], changed: Sequence[Example]) -> Share:
    """Share of labels that are the same for each example and its changed form."""
    hits, documents = [], []
    pairs = zip(examples, label(checkpoint, examples), label(checkpoint, changed), strict=True)
    for example, before, after in pairs:
        for target in before:
            hits.append(before[target] == after[target])
            documents.append(example.document)
    return share(hits, documents)


def one_target_a_pass(checkpoint: Checkpoint, examples: Sequence[Example]) -> Share:
    """All targets in one pass against each in a pass of its own."""
    together = label(checkpoint, examples)
    single = [
        (number, target, replace(e, stances={target: stance}))
        for number, e in enumerate(examples)
        for target, stance in e.stances.items()
        if len(e.stances) > 1
    ]
    alone = label(checkpoint, [e for _, _, e in single])
    hits = [together[n][t] == labels[t] for (n, t, _), labels in zip(single, alone, strict=True)]
    return share(hits, [e.document for _, _, e in single])


def other_order(checkpoint: Checkpoint, examples: Sequence[Example]) -> Share:
    """Targets in reverse order, with the other markers that this gives them."""
    several = [e for e in examples if len(e.stances) > 1]
    turned = [replace(e, stances=dict(reversed([*e.stances.items()]))) for e in several]
    return agreement(checkpoint, several, turned)


def rewritten(example: Example, change: Callable[[str], str]) -> Example:
    """The example with title and text changed, and its countries found anew."""
    title, text = change(example.title), change(example.text)
    title_mentions, text_mentions = find_mentions(title, text, targets=example.stances)
    return replace(
        example, title=title, text=text, title_mentions=title_mentions, text_mentions=text_mentions
    )


def traditional(checkpoint: Checkpoint, examples: Sequence[Example]) -> Share:
    """Simplified against traditional characters, as OpenCC converts them (phrases included)."""
    back, forth = opencc.OpenCC("t2s"), opencc.OpenCC("s2t")
    chinese = [e for e in examples if e.language == "zh"]
    simplified = [rewritten(e, back.convert) for e in chinese]
    return agreement(checkpoint, simplified, [rewritten(e, forth.convert) for e in simplified])


def without_title(checkpoint: Checkpoint, examples: Sequence[Example]) -> Share:
    titled = [e for e in examples if e.title]
    return agreement(checkpoint, titled, [replace(e, title="", title_mentions=()) for e in titled])


def capitals(checkpoint: Checkpoint, examples: Sequence[Example]) -> Share:
    """English text in capitals throughout."""
    english = [rewritten(e, lambda text: text) for e in examples if e.language == "en"]
    return agreement(checkpoint, english, [rewritten(e, str.upper) for e in english])


def stray_blanks(checkpoint: Checkpoint, examples: Sequence[Example]) -> Share:
    """Chinese text with a blank after one character in ten."""
    rng = Random(0)
    chinese = [rewritten(e, lambda text: text) for e in examples if e.language == "zh"]

    def spaced(text: str) -> str:
        return "".join(c + " " if c.isalpha() and not c.isascii() and rng.random() < 0.1 else c for c in text)

    return agreement(checkpoint, chinese, [rewritten(e, spaced) for e in chinese])


CHECKS: Final = (one_target_a_pass, other_order, traditional, without_title, capitals, stray_blanks)


def _sentence(id: str, document: str, language: str, text: str, stances: Mapping[str, str] | None) -> Example:
    """A sentence with its marks; without stances, "neutral" stands for each country that it names."""
    _, mentions = find_mentions("", text, targets=stances)
    named = stances or dict.fromkeys((m.target for m in mentions), "neutral")
    return Example(id, document, language, "", text, named, (), mentions)


def translations(checkpoint: Checkpoint, pairs: Iterable[Pair]) -> Share:
    """The same sentence in both languages, for the countries that both are seen to name."""
    zh: list[Example] = []
    en: list[Example] = []
    for number, pair in enumerate(pairs):
        name = str(number)
        sides = [_sentence(name, name, "zh", pair.zh, None), _sentence(name, name, "en", pair.en, None)]
        both = {t: "neutral" for t in sides[0].stances if t in sides[1].stances}
        if both:
            for side, kept in zip(sides, (zh, en), strict=True):
                kept.append(_sentence(name, name, side.language, side.text, both))
    return agreement(checkpoint, zh, en)


def read_probes() -> list[dict[str, Any]]:
    """Rows of `seeds/probes.jsonl`: `id, kind, pair, lang, text, stance`."""
    return [json.loads(line) for line in resource("probes.jsonl").read_text(encoding="utf-8").splitlines()]


def probes(checkpoint: Checkpoint, kind: str, language: str) -> tuple[Share, Share]:
    """Share of labels that are right, and of pairs in which all are.

    Kinds: "negation" and "sarcasm" (two sentences that differ in little and in their labels), "metonym" (the
    same sentence with the country's name and with its capital, seat of government, ... instead).
    """
    examples = _probes(kind, language)
    right, documents = [], []
    whole: dict[str, bool] = {}
    for example, labels in zip(examples, label(checkpoint, examples), strict=True):
        for target, gold in example.stances.items():
            right.append(labels[target] == gold)
            documents.append(example.document)
            whole[example.document] = whole.get(example.document, True) and right[-1]
    return share(right, documents), share(list(whole.values()), list(whole))


def _probes(kind: str, language: str) -> list[Example]:
    return [
        _sentence(row["id"], row["pair"], language, row["text"], row["stance"])
        for row in read_probes()
        if (row["kind"], row["lang"]) == (kind, language)
    ]


@dataclass(frozen=True)
class Failure:
    """A sentence that a checkpoint gets wrong."""

    kind: str
    language: str
    text: str
    target: str
    gold: str
    given: str


def first_failure(checkpoint: Checkpoint, kind: str, language: str) -> Failure | None:
    """The first wrong label among the probes of a kind; None if all are right."""
    examples = _probes(kind, language)
    for example, labels in zip(examples, label(checkpoint, examples), strict=True):
        for target, gold in example.stances.items():
            if labels[target] != gold:
                return Failure(kind, language, example.text, target, gold, labels[target])
    return None


def read_swaps() -> list[dict[str, Any]]:
    """Rows of `seeds/swaps.jsonl`: `id, lang, text`, `stance` by role.

    In the text {A} stands for a country, {A:adj} for its adjective (English only), {B} for another country.
    """
    return [json.loads(line) for line in resource("swaps.jsonl").read_text(encoding="utf-8").splitlines()]


def filled(text: str, roles: Mapping[str, str], language: str) -> str:
    """A sentence with countries in its roles: `roles` has the code for each."""
    for role, code in roles.items():
        noun = target_name(code, language)
        noun = f"the {noun}" if (code, language) == ("US", "en") else noun
        text = text.replace(f"{{{role}}}", noun).replace(f"{{{role}:adj}}", _ADJECTIVES[code])
    return _SENTENCE_START.sub(lambda match: f"{match[1]}The ", text)


def swaps(checkpoint: Checkpoint, language: str | None = None) -> tuple[Share, Share]:
    """Entity bias: United States, China and Russia in each other's place.

    Returns:
        Share of roles whose label changes between two fillings, over all pairs of fillings; and share
        of labels that are right.
    """
    rows = [row for row in read_swaps() if language in (None, row["lang"])]
    examples, places = [], []
    for row in rows:
        roles = list(row["stance"])
        for codes in permutations(SWAPPED, len(roles)):
            cast = dict(zip(roles, codes, strict=True))
            text = filled(row["text"], cast, row["lang"])
            stances = {cast[role]: stance for role, stance in row["stance"].items()}
            examples.append(_sentence(row["id"], row["id"], row["lang"], text, stances))
            places.append(cast)
    by_role: dict[tuple[str, str], list[str]] = {}
    right, documents = [], []
    for example, cast, labels in zip(examples, places, label(checkpoint, examples), strict=True):
        for role, code in cast.items():
            by_role.setdefault((example.id, role), []).append(labels[code])
            right.append(labels[code] == example.stances[code])
            documents.append(example.id)
    changed = [
        (first != second, name)
        for (name, _), found in by_role.items()
        for number, first in enumerate(found)
        for second in found[number + 1 :]
    ]
    return share([c for c, _ in changed], [name for _, name in changed]), share(right, documents)
