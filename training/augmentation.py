"""Labelled texts made into others with the same labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Final

from polystance.models.records import Mention
from polystance.models.targets import is_country, target_name
from polystance.training.examples import Example

# Countries that news often speaks of; what is said of one could be said of another.
_OTHERS: Final = (
    "US", "CN", "RU", "JP", "DE", "FR", "GB", "IN", "IR", "IL", "UA", "KR",
    "KP", "BR", "MX", "CA", "AU", "IT", "TR", "SA", "PK", "VN", "PL", "ZA",
)  # fmt: skip


def exchange_countries(example: Example, rng: Random) -> Example:
    """The text with each of its countries exchanged for another, drawn at random; the labels go along.

    A label says what a text does with a target, never which country that is, so a model that learns
    "Russia: against" from the frequency of such labels is wrong by the codebook. Demonyms, leaders and
    capitals are replaced by the bare name, so the result may read oddly.
    """
    countries = [target for target in example.stances if is_country(target)]
    free = [code for code in _OTHERS if code not in example.stances]
    drawn = rng.sample(free, len(countries)) if len(countries) <= len(free) else []
    # Some change places with each other, as the United States and China would.
    pool = [*countries, *drawn]
    rng.shuffle(pool)
    renamed = dict(zip(countries, pool, strict=False))
    title, title_mentions = _rewrite(example.title, example.title_mentions, renamed, example.language)
    text, text_mentions = _rewrite(example.text, example.text_mentions, renamed, example.language)
    return replace(
        example,
        id=f"{example.id}~exchanged",
        title=title,
        text=text,
        title_mentions=title_mentions,
        text_mentions=text_mentions,
        stances={renamed.get(t, t): label for t, label in example.stances.items()},
        soft={renamed.get(t, t): label for t, label in example.soft.items()},
        evidence={},
    )


def _rewrite(
    text: str, mentions: Sequence[Mention], renamed: Mapping[str, str], language: str
) -> tuple[str, tuple[Mention, ...]]:
    parts: list[str] = []
    moved: list[Mention] = []
    previous = length = 0
    for mention in sorted(mentions, key=lambda m: m.start):
        if mention.start < previous:
            continue
        target = renamed.get(mention.target, mention.target)
        name = target_name(target, language) if is_country(target) else text[mention.start : mention.end]
        parts += [text[previous : mention.start], name]
        length += mention.start - previous
        moved.append(Mention(target, length, length + len(name)))
        length += len(name)
        previous = mention.end
    return "".join([*parts, text[previous:]]), tuple(moved)
