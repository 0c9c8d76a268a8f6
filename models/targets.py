"""Targets: countries by ISO 3166-1 alpha-2 code, the European Union, and anything else as free text."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from functools import cache
from typing import Final

from babel import Locale

from polystance.errors import TargetError

# CLDR's two-letter territories that are neither ISO 3166-1 countries nor the EU: groupings, placeholders,
# and codes reserved for parts of countries. Kosovo (XK) stays: CLDR has it and news speaks of it.
_NOT_COUNTRIES: Final = frozenset(
    ["AC", "CP", "CQ", "DG", "EA", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"]
)
_ALIASES: Final = {"UK": "GB", "EL": "GR"}

# CLDR's names where newspapers write something shorter or else: code -> (English, Chinese).
_USUAL_NAMES: Final = {
    "BA": ("Bosnia and Herzegovina", "波黑"),
    "CD": ("DR Congo", "刚果（金）"),
    "CG": ("Republic of the Congo", "刚果（布）"),
    "CI": ("Ivory Coast", "科特迪瓦"),
    "AE": ("United Arab Emirates", "阿联酋"),
    "HK": ("Hong Kong", "香港"),
    "MO": ("Macao", "澳门"),
    "MM": ("Myanmar", "缅甸"),
    "PS": ("Palestine", "巴勒斯坦"),
    "SA": ("Saudi Arabia", "沙特阿拉伯"),
    "TR": ("Turkey", "土耳其"),
    "ID": ("Indonesia", "印度尼西亚"),
}
# A typing mistake looks like a code; anything longer that is no country's name is free text.
_LOOKS_LIKE_CODE: Final = re.compile(r"[A-Za-z]{2}")
_MAX_FREE_TEXT: Final = 200


def parse_targets(values: Iterable[str]) -> tuple[str, ...]:
    """Targets as the rest of the package writes them, in the order given, each once.

    Args:
        values: Each a code in any case ("US", "eu", "UK" for GB), a country's name in English or Chinese
            ("United States", "美国", "美國"), or free text ("rare earth export controls").

    Returns:
        ISO 3166-1 alpha-2 codes, "EU", and free text with its blanks tidied.

    Raises:
        TargetError: A value is empty, too long, not text, or two letters that are no known code.

    Example:
        >>> parse_targets(["us", "European Union", "rare earth export controls"])
        ('US', 'EU', 'rare earth export controls')
    """
    if isinstance(values, str):
        raise TargetError(
            f"targets must be a list of texts, not the single text {values!r}. Write [{values!r}] instead."
        )
    return tuple(dict.fromkeys(_parse(value) for value in values))


def is_country(code: str) -> bool:
    """Whether `code` is one of the codes that a target may have: ISO 3166-1 alpha-2, "EU" or "XK"."""
    return code in country_codes()


def target_name(code: str, language: str) -> str:
    """The usual short name of a target; free text comes back as it is.

    Args:
        code: A target as `parse_targets` returns it.
        language: "zh" (simplified, also for "zh-TW" and the like) or "en"; any other language gets English.
    """
    return _names("zh" if language.lower().startswith("zh") else "en").get(code, code)


@cache
def country_codes() -> frozenset[str]:
    """Every code of a country that CLDR names, and "EU"."""
    names = Locale.parse("en").territories
    return frozenset(code for code in map(str, names) if len(code) == 2 and code not in _NOT_COUNTRIES)


@cache
def cldr_names(locale: str) -> dict[str, str]:
    """Code -> CLDR's name in a locale such as "en", "zh_Hans" or "zh_Hant", unedited."""
    names = Locale.parse(locale).territories
    return {code: str(names[code]) for code in sorted(country_codes()) if code in names}


@cache
def _names(language: str) -> dict[str, str]:
    column = 1 if language == "zh" else 0
    names = cldr_names("zh_Hans" if language == "zh" else "en")
    tidied = {code: name.replace(" & ", " and ").replace("St. ", "Saint ") for code, name in names.items()}
    return tidied | {code: pair[column] for code, pair in _USUAL_NAMES.items()}


@cache
def _codes_by_name() -> dict[str, str]:
    """Case-folded name in English, simplified or traditional Chinese -> code."""
    codes: dict[str, str] = {}
    for locale in ("zh_Hant", "zh_Hans", "en"):  # the later one wins where two names clash
        codes |= {name.casefold(): code for code, name in cldr_names(locale).items()}
    for language in ("zh", "en"):
        codes |= {name.casefold(): code for code, name in _names(language).items()}
    extra = {"usa": "US", "u.s.": "US", "u.k.": "GB", "america": "US", "britain": "GB", "burma": "MM"}
    return codes | extra | {"türkiye": "TR", "czech republic": "CZ", "ivory coast": "CI"}


def _parse(value: str) -> str:
    if not isinstance(value, str):
        raise TargetError(f"target {value!r} is not text. {_ALLOWED}")
    text = " ".join(value.split())
    if not text:
        raise TargetError(f"an empty target was given. {_ALLOWED}")
    if len(text) > _MAX_FREE_TEXT:
        raise TargetError(
            f"the target {text[:40]!r}... has {len(text)} characters; at most {_MAX_FREE_TEXT} are allowed. "
            "Give a short phrase that names the topic."
        )
    code = _ALIASES.get(text.upper(), text.upper())
    if is_country(code):
        return code
    if named := _codes_by_name().get(text.casefold()):
        return named
    if _LOOKS_LIKE_CODE.fullmatch(text):
        raise TargetError(f"target {text!r} is no country code that we know. {_ALLOWED}{_suggestion(text)}")
    return text


_ALLOWED: Final = (
    "Allowed are ISO 3166-1 alpha-2 codes such as US, CN or RU, EU for the European Union, "
    'names of countries, and free text of three letters or more such as "rare earth export controls".'
)


def _suggestion(text: str) -> str:
    """Codes that share a letter in its place, those of large news weight first."""
    given = text.upper()
    usual = ["US", "CN", "RU", "GB", "EU", "JP", "KR", "KP", "IN", "DE", "FR", "UA", "TW", "IR", "IL"]
    swapped = given[::-1]
    near = [swapped] if is_country(swapped) else []
    near += [code for code in usual if code[0] == given[0] or code[1] == given[1]]
    near += difflib.get_close_matches(given, sorted(country_codes()), n=3, cutoff=0.5)
    best = list(dict.fromkeys(near))[:3]
    if not best:
        return " Look the code up in ISO 3166-1, or write the country's name."
    listed = ", ".join(f"{code} ({target_name(code, 'en')})" for code in best)
    return f" Did you mean {listed}? Otherwise write the country's name."
