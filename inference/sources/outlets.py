"""The outlet registry: whose a name or an address is, and in which language that publisher writes."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from polystance.models.scripts import to_simplified
from polystance.seeds import resource

_HAN = re.compile("[\u3400-\u9fff]")
_KANA = re.compile("[\u3041-\u30ff]")
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_DOMAIN = re.compile(r"^(?:[a-z0-9-]+\.)+[a-z]{2,}(?:/\S*)?$", re.IGNORECASE)
_TOP_LEVEL = {"cn": "zh", "tw": "zh", "ru": "ru", "jp": "ja", "de": "de", "at": "de", "fr": "fr", "uk": "en",
              "us": "en", "au": "en", "nz": "en", "ie": "en", "kr": "ko"}  # fmt: skip
# Every syllable of Mandarin is an initial and a final of these; a few pairs too many do no harm.
_SYLLABLE = re.compile(
    r"(?:[bpmf](?:a|o|ai|ei|ao|ou|an|en|ang|eng|i|ie|iao|iu|ian|in|ing|u)|"
    r"[dtnl](?:a|e|ai|ei|ao|ou|an|en|ang|eng|ong|i|ia|ie|iao|iu|ian|in|iang|ing|u|uo|ui|uan|un|v|ue|ve)|"
    r"[gkh](?:a|e|ai|ei|ao|ou|an|en|ang|eng|ong|u|ua|uo|uai|ui|uan|un|uang)|"
    r"[jqx](?:i|ia|ie|iao|iu|ian|in|iang|ing|iong|u|ue|uan|un)|"
    r"(?:zh|ch|sh|r|z|c|s)(?:a|e|i|ai|ei|ao|ou|an|en|ang|eng|ong|u|ua|uo|uai|ui|uan|un|uang)|"
    r"y(?:a|e|i|o|ao|ou|an|in|ang|ing|ong|u|ue|uan|un)|w(?:a|o|ai|ei|an|en|ang|eng|u)|"
    r"a|e|ai|ei|ao|ou|an|en|ang|er)"
)
# English (and French) words that are syllables too: a name of nothing but these says nothing.
_ALSO_ENGLISH = frozenset({
    "a", "an", "ban", "bang", "bin", "can", "change", "chin", "china", "dan", "de", "den", "die", "fan",
    "fang", "gang", "gun", "hang", "he", "hen", "hue", "hung", "in", "la", "le", "lie", "line", "long",
    "lung", "man", "me", "men", "mine", "nine", "pan", "pen", "pie", "pin", "ping", "ran", "run",
    "sang", "she", "shun", "song", "sue", "sun", "sung", "tan", "ten", "tie", "tin", "wan", "wang",
    "win", "wing", "yang", "you", "young",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outlet:
    """A publisher, in one language: the Chinese service of the BBC is an outlet of its own.

    Attributes:
        name: Canonical name.
        language: ISO 639-1 code of what it publishes.
        country: ISO 3166-1 alpha-2 code of where it is based.
        kind: agency, newspaper, broadcaster, magazine, portal, aggregator, trade, state, thinktank or sample.
        domains: Hosts, some with the start of a path ("bbc.com/zhongwen").
        aliases: Other names, in both scripts and in pinyin.
        edition_of: Name of the outlet whose edition in this language it is. Both may share aliases.
    """

    name: str
    language: str
    country: str
    kind: str
    domains: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    edition_of: str | None = None


class OutletRegistry:
    """Finds outlets by name or address."""

    def __init__(self, outlets: Iterable[Outlet]) -> None:
        self.outlets = tuple(outlets)
        self._names: dict[str, list[Outlet]] = {}
        self._domains: dict[str, Outlet] = {}
        for outlet in self.outlets:
            for name in dict.fromkeys(_key(name) for name in (outlet.name, *outlet.aliases)):
                self._names.setdefault(name, []).append(outlet)
            for domain in outlet.domains:
                self._domains.setdefault(domain, outlet)
        for sharers in self._names.values():  # the main edition first
            sharers.sort(key=lambda outlet: outlet.edition_of is not None)

    @classmethod
    def shipped(cls) -> OutletRegistry:
        """The registry in the package's data; read once."""
        return _shipped()

    def lookup(
        self, name: str | None = None, url: str | None = None, *, language: str | None = None
    ) -> Outlet | None:
        """The outlet of that name or at that address, None if neither is known.

        Case, width, spaces, punctuation, a leading "The" and traditional against simplified characters
        don't matter in names; a name may also be a domain. The name wins over the address, as portals
        republish others, unless the address is the edition in another language of the outlet named.
        `language` chooses between editions that share a name ("Xinhua").
        """
        at = self._by_url(url) if url else None
        if name and (named := self._by_name(name, language)):
            editions = {at.name, at.edition_of} if at else set()
            return at if at and named.name in editions else named
        return at

    def _by_name(self, name: str, language: str | None) -> Outlet | None:
        sharers = self._names.get(_key(name))
        if sharers:
            return next((outlet for outlet in sharers if outlet.language == language), sharers[0])
        bare = name.strip()
        return self._by_url(bare) if "://" in bare or _DOMAIN.match(bare) else None

    def _by_url(self, url: str) -> Outlet | None:
        host, path = _host_and_path(url)
        labels = host.split(".")
        for start in range(len(labels) - 1):
            domain = ".".join(labels[start:])
            parts = [part for part in path.split("/") if part][:2]
            for depth in range(len(parts), -1, -1):
                outlet = self._domains.get("/".join([domain, *parts[:depth]]))
                if outlet:
                    return outlet
        return None


def guess_language(name: str | None, url: str | None) -> str | None:
    """Language of an outlet that the registry doesn't know, from its script or domain; None if not clear.

    Chinese characters, and names spelt in pinyin ("Mou Mou Cai Jing"), are zh; kana is ja, Cyrillic ru. Then
    the top-level domain, where that leaves little doubt (.cn but not .hk), with "en." before it as English.
    """
    if name:
        if _KANA.search(name):
            return "ja"
        if _HAN.search(name) or is_pinyin(name):
            return "zh"
        if _CYRILLIC.search(name):
            return "ru"
    address = url or (name if name and _DOMAIN.match(name.strip()) else None)
    if address:
        host, _ = _host_and_path(address)
        labels = host.split(".")
        if labels[0] in ("en", "english", "eng"):
            return "en"
        return _TOP_LEVEL.get(labels[-1])
    return None


def is_pinyin(name: str) -> bool:
    """True for a name of two or more pinyin syllables set apart by spaces, as feeds write Chinese outlets."""
    words = unicodedata.normalize("NFKC", name).casefold().split()
    if len(words) < 2 or not all(_SYLLABLE.fullmatch(word) for word in words):
        return False
    return any(word not in _ALSO_ENGLISH for word in words)


def _key(name: str) -> str:
    folded = to_simplified(unicodedata.normalize("NFKC", name)).casefold()
    bare = "".join(char for char in folded if char.isalnum())
    return bare.removeprefix("the") if folded.strip().startswith("the ") else bare


def _host_and_path(url: str) -> tuple[str, str]:
    """Lower-case host without port, and path; empty strings for what is no address."""
    try:
        parts = urlsplit(url.strip() if "://" in url else "//" + url.strip().removeprefix("//"))
        return (parts.hostname or "").rstrip("."), parts.path.casefold()
    except ValueError:  # such as "http://[broken"
        return "", ""


@cache
def _shipped() -> OutletRegistry:
    outlets = []
    for line in resource("outlets.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        row["domains"], row["aliases"] = tuple(row.get("domains", ())), tuple(row.get("aliases", ()))
        outlets.append(Outlet(**row))
    return OutletRegistry(outlets)
