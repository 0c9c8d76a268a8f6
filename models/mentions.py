"""Where a text names a country or the European Union, in Chinese and English.

One Aho-Corasick pass finds every name and every word that merely hides one; the longest match from the
left wins. One-character forms of Chinese (对华, 中美) are read afterwards from what is left.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from itertools import accumulate
from typing import Any, Final, NamedTuple

import ahocorasick
import rjieba

from polystance.models import context
from polystance.models.records import Mention
from polystance.models.scripts import STRAY_BLANKS, to_simplified
from polystance.models.targets import cldr_names, country_codes, is_country
from polystance.seeds import resource

_GRACE: Final = timedelta(days=31)  # news speaks of the elect and of the one who has just left
_TYPOGRAPHY: Final = str.maketrans("\u2019\u00a0\u202f\u2010\u2011", "'  --")


# What may stand next to a member of a list such as 中、美、俄三国.
_LIST: Final = frozenset("、，。；：“”（）与和跟同及在对由被等之是将都也两三四五六七各国 \n")


class _Entry(NamedTuple):
    """What one surface form stands for."""

    surface: str
    target: str | None  # None: a trap, which only keeps shorter names from matching
    kind: str  # "name", "exact", "prefix", "capital", "city", "office", "surname", "echo", "trap"
    terms: tuple[tuple[date, date], ...] = ()
    person: int = -1


class _Match(NamedTuple):
    start: int
    end: int
    entry: _Entry


@dataclass(frozen=True, slots=True)
class _Singles:
    """One-character forms: their code, the pairs they form, and what may stand before or after one alone."""

    codes: dict[str, str]
    pairs: dict[str, tuple[str, str]]
    not_before: dict[str, str]
    not_after: dict[str, str]
    prefixes: dict[str, tuple[str, ...]]
    suffixes: dict[str, tuple[str, ...]]
    runs: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "runs", re.compile("[" + "".join(self.codes) + "]+"))


class MentionFinder:
    """Finds mentions of countries and the EU by names, peoples, organs, capitals, leaders and compounds.

    Args:
        table: Parsed `countries.toml`; the one that ships when None.

    Example:
        >>> [(m.target, m.start, m.end) for m in MentionFinder().find("U.S.-China talks; 对华关税")]
        [('US', 0, 4), ('CN', 5, 10), ('CN', 19, 20)]
    """

    def __init__(self, table: dict[str, Any] | None = None) -> None:
        if table is None:
            table = tomllib.loads(resource("countries.toml").read_text(encoding="utf-8"))
        entries = [*_entries(table)]
        names = {entry.surface for entry in entries if entry.target and not entry.surface.isascii()}
        # A trap that hides a whole name competes with the names; the others only stop single characters,
        # or else 高中 in 最高中国法院 would swallow half of a country.
        traps = set(_words(table["traps_zh"]["words"])) - names
        hidden = {word for word in traps if any(name in word for name in names)}
        weak = traps - hidden
        entries += [_Entry(word, None, "trap") for word in sorted(hidden)]
        entries += [_Entry(word, None, "trap") for word in _words(table["traps_en"]["words"])]
        self._names = _automaton(entries)
        self._weak_traps = _automaton([_Entry(word, None, "trap") for word in sorted(weak)])
        self._singles = _singles(table)

    def find(self, text: str, published: str | None = None) -> list[Mention]:
        """Every mention, sorted by start; two of one target never overlap.

        Args:
            text: Any string, lone surrogates and NULs included.
            published: ISO 8601 date or date and time. Leaders count only while in office (and a month
                before and after); without a date, or with one that can't be read, they always count.

        Returns:
            Mentions with `0 <= start < end <= len(text)`, in characters of `text`.
        """
        tidy, day = to_simplified(text).translate(_TYPOGRAPHY), _day(published)
        mentions = self._find(tidy, day)
        if STRAY_BLANKS.search(tidy):
            mentions += _apart(mentions, self._across_blanks(tidy, day))
        return sorted(mentions, key=lambda mention: (mention.start, mention.end))

    def _across_blanks(self, tidy: str, day: date | None) -> Iterator[Mention]:
        """Mentions that a stray blank cuts in two (美 国), unless it is what parts them (高中 国际)."""
        blank = {at for match in STRAY_BLANKS.finditer(tidy) for at in range(*match.span())}
        origin = [at for at in range(len(tidy)) if at not in blank]
        joined = "".join(tidy[at] for at in origin)
        bounds = {0, *accumulate(len(word) for word in rjieba.cut(joined))}
        for mention in self._find(joined, day):
            start, end = origin[mention.start], origin[mention.end - 1] + 1
            cut = end - start > mention.end - mention.start
            words = {mention.start, mention.end} <= bounds
            if cut and (words or bounds.isdisjoint(range(mention.start + 1, mention.end))):
                yield Mention(mention.target, start, end)

    def _find(self, tidy: str, day: date | None) -> list[Mention]:
        matches = _leftmost_longest(self._candidates(tidy, day))
        place = context.PlaceFilter(tidy)
        full = {match.entry.person for match in matches if match.entry.kind == "office"}
        outright = {match.entry.target for match in matches if match.entry.kind != "echo"}
        mentions = []
        mask = bytearray(len(tidy))
        for start, end, entry in matches:
            mask[start:end] = b"\x01" * (end - start)
            if entry.target is None or (entry.kind == "surname" and entry.person not in full):
                continue
            if entry.kind == "echo" and entry.target not in outright:
                continue
            if place.rejects(entry.target, entry.kind, start, end):
                continue
            if entry.kind == "prefix":
                end -= 1  # noqa: PLW2901 - the hyphen of "Sino-" is no part of the mention
            mentions.append(Mention(entry.target, start, end))
        mentions += self._single_characters(tidy, mask, place)
        return mentions

    def _candidates(self, tidy: str, day: date | None) -> Iterator[_Match]:
        """Names and traps that stand as whole words, in the right case, in office on the day."""
        lowered = _lower(tidy)
        for last, entries in self._names.iter(lowered):
            entry: _Entry
            for entry in entries:
                start, end = last + 1 - len(entry.surface), last + 1
                if _fits(tidy, start, end, entry) and (day is None or _in_office(entry, day)):
                    yield _Match(start, end, entry)

    def _single_characters(self, tidy: str, mask: bytearray, place: context.PlaceFilter) -> Iterator[Mention]:
        singles = self._singles
        traps = (
            _Match(last + 1 - len(entry.surface), last + 1, entry)
            for last, entries in self._weak_traps.iter(tidy)
            for entry in entries
        )
        blocked = bytearray(mask)
        for start, end, _ in _leftmost_longest(traps):
            blocked[start:end] = b"\x01" * (end - start)
        for run in singles.runs.finditer(tidy):
            for start, end in _free(blocked, run.start(), run.end()):
                for at, code in self._read_run(tidy, start, end):
                    if not place.in_dateline(at):
                        yield Mention(code, at, at + 1)

    def _read_run(self, tidy: str, start: int, end: int) -> Iterator[tuple[int, str]]:
        """Characters of `tidy[start:end]`, all of them one-character forms, that stand for a country."""
        singles = self._singles
        found: dict[int, str] = {}
        for at in range(start, end - 1):
            pair = tidy[at : at + 2]
            if pair not in singles.pairs or _is_day_of_month(tidy, at):
                continue
            after, before = tidy[at + 2 : at + 3], tidy[at - 1 : at] if at else ""
            if (after and after in singles.not_before.get(pair, "")) or (
                before and before in singles.not_after.get(pair, "")
            ):
                continue
            first, second = singles.pairs[pair]
            found.setdefault(at, first)
            found[at + 1] = second
        for at in range(start, end):
            if at not in found and self._stands_alone(tidy, at):
                found[at] = singles.codes[tidy[at]]
        yield from found.items()

    def _stands_alone(self, tidy: str, at: int) -> bool:
        singles, character = self._singles, tidy[at]
        if _is_day_of_month(tidy, at):
            return False
        if tidy.startswith(singles.suffixes.get(character, ()), at + 1):
            return True
        if tidy.endswith(singles.prefixes.get(character, ()), max(0, at - 4), at):
            return True
        # 中、俄、韩: a list of at least two, each but the last with its mark right behind it
        codes = singles.codes
        near = tidy[at + 1 : at + 4]
        leads = len(near) == 3 and near[0] == "、" and near[1] in codes and near[2] in _LIST
        ends = tidy[at - 1 : at] == "、" and at > 1 and tidy[at - 2] in codes
        return (leads and (not at or tidy[at - 1] in _LIST)) or (
            ends and at + 1 < len(tidy) and tidy[at + 1] in _LIST
        )


def _apart(known: Sequence[Mention], found: Iterable[Mention]) -> list[Mention]:
    """Those found that overlap none of the known."""
    return [m for m in found if all(m.end <= k.start or k.end <= m.start for k in known)]


def _is_day_of_month(tidy: str, at: int) -> bool:
    """Whether 日 at this place counts days: 9月3日."""
    if tidy[at] != "日" or not at:
        return False
    return tidy[at - 1].isdigit() or tidy[at - 1] in "一二三四五六七八九十几两"


@cache
def default_finder() -> MentionFinder:
    """The finder over the table that ships, built once per process."""
    return MentionFinder()


def find_literal(text: str, targets: Iterable[str]) -> list[Mention]:
    """Occurrences of free-text targets as they are written, whatever their case."""
    return [
        Mention(target, match.start(), match.end())
        for target in targets
        for match in re.finditer(re.escape(target), text, re.IGNORECASE)
    ]


def _entries(table: dict[str, Any]) -> Iterator[_Entry]:
    for locale in ("en", "zh_Hans", "zh_Hant"):
        for code, name in cldr_names(locale).items():
            for variant in _cldr_variants(to_simplified(name)):
                yield _Entry(variant, code, "name")
    kinds = {
        "en": "name", "en_exact": "exact", "en_prefix": "prefix", "echo": "echo", "zh": "name",
        "organs_en": "name", "organs_zh": "name", "capitals_en": "capital", "cities_en": "city",
        "capitals_zh": "capital",
    }  # fmt: skip
    for section, kind in kinds.items():
        for code, surfaces in table[section].items():
            _check(code, section)
            for surface in _words(surfaces):
                yield _Entry(surface, code, kind)
    person = 0
    for code, lines in table["office"].items():
        _check(code, "office")
        for line in filter(None, lines.splitlines()):
            names, _, written = line.rpartition(" : ")
            person += 1
            terms = tuple(_term(term) for term in written.split())
            for name in _words(names):
                kind = "surname" if name.startswith("~") else "office"
                yield _Entry(name.lstrip("~"), code, kind, terms, person)


def _cldr_variants(name: str) -> Iterator[str]:
    """Spellings of one of CLDR's names: "St. Lucia", "Bosnia & Herzegovina", "Hong Kong SAR China"."""
    name = name.replace("\u2019", "'")
    if "SAR" in name or "特别行政区" in name or name in _AMBIGUOUS_CLDR:
        return
    yield name
    if " & " in name:
        yield name.replace(" & ", " and ")
    if name.startswith("St. "):
        yield name.replace("St. ", "Saint ")


# CLDR's names that mean something else in running text, or are covered by the table.
_AMBIGUOUS_CLDR: Final = frozenset(
    ["Jersey", "Congo - Kinshasa", "Congo - Brazzaville", "Myanmar (Burma)", "Antarctica", "南极洲",
     "Palestinian Territories", "东加", "查德", "尼日", "Saint Martin", "Christmas Island", "圣诞岛"]
)  # fmt: skip


def _words(listed: str) -> list[str]:
    return [word for word in (part.strip() for part in re.split(r"[|\n]", listed)) if word]


def _check(code: str, section: str) -> None:
    if not is_country(code):
        raise ValueError(f"countries.toml [{section}]: {code} is none of the {len(country_codes())} codes")


def _term(written: str) -> tuple[date, date]:
    start, _, end = written.partition("/")
    return date.fromisoformat(start), date.fromisoformat(end) if end else date.max


def _automaton(entries: Iterable[_Entry]) -> Any:
    grouped: dict[str, list[_Entry]] = {}
    for entry in entries:
        same = grouped.setdefault(_lower(entry.surface), [])
        if entry not in same:
            same.append(entry)
    automaton = ahocorasick.Automaton()
    for surface, same in grouped.items():
        automaton.add_word(surface, same)
    automaton.make_automaton()
    return automaton


def _singles(table: dict[str, Any]) -> _Singles:
    codes: dict[str, str] = table["chars"]
    compounds, single = table["compounds"], table["single"]
    pairs = {pair: (codes[pair[0]], codes[pair[1]]) for pair in compounds["pairs"].split()}
    for line in compounds["special"]:
        pair, first, second = line.split()
        pairs[pair] = (first, second)
    return _Singles(
        codes,
        pairs,
        compounds["not_before"],
        compounds["not_after"],
        {character: tuple(words.split()) for character, words in single["prefixes"].items()},
        {character: tuple(words.split()) for character, words in single["suffixes"].items()},
    )


def _lower(text: str) -> str:
    """Lower case of the same length: the few letters that grow ("İ") are left as they are."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(low if len(low := character.lower()) == 1 else character for character in text)


def _is_latin(character: str) -> bool:
    return character.isalnum() if character.isascii() else "\u00c0" <= character <= "\u024f"


def _fits(tidy: str, start: int, end: int, entry: _Entry) -> bool:
    """Whether a match is a whole word in the right case."""
    if not _is_latin(entry.surface[0]):
        return True
    if start and _is_latin(tidy[start - 1]):
        return False
    if end < len(tidy) and entry.kind != "prefix" and _is_latin(tidy[end]) and _is_latin(tidy[end - 1]):
        return False
    written = tidy[start:end]
    if entry.kind == "trap" or written == entry.surface:
        return True
    return entry.kind != "exact" and written == entry.surface.upper()


def _in_office(entry: _Entry, day: date) -> bool:
    if not entry.terms:
        return True
    return any(
        start - _GRACE <= day and (end == date.max or day <= end + _GRACE) for start, end in entry.terms
    )


def _day(published: str | None) -> date | None:
    """The day of an ISO 8601 date or date and time; None if there is none to be read."""
    try:
        return date.fromisoformat(published[:10]) if published else None
    except ValueError:
        return None


def _leftmost_longest(matches: Iterable[_Match]) -> list[_Match]:
    """The matches that a reader from the left takes: the longest at each place, none overlapping."""
    taken: list[_Match] = []
    end = 0
    order = {"trap": 0, "office": 1}
    for match in sorted(matches, key=lambda m: (m.start, -m.end, order.get(m.entry.kind, 2))):
        if match.start >= end:
            taken.append(match)
            end = match.end
    return taken


def _free(blocked: bytearray, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Stretches of `start:end` that no name and no trap covers."""
    begin = start
    for at in range(start, end + 1):
        if at == end or blocked[at]:
            if begin < at:
                yield begin, at
            begin = at + 1
