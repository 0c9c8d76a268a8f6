"""How Chinese is written: traditional characters and stray blanks; and lone surrogates.

Characters are replaced one by one, so that offsets stay true.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

# A blank between two Chinese characters, as PDF files and justified lines leave it: 美 国.
STRAY_BLANKS = re.compile(r"(?<=[\u3400-\u9fff])[ \t\u00a0\u3000]+(?=[\u3400-\u9fff])")
_SURROGATE = re.compile("[\ud800-\udfff]")
_VARIANTS = ("HKVariantsRev.txt", "TWVariantsRev.txt")


def without_surrogates(text: str) -> str:
    """`text` with U+FFFD for each lone half of a surrogate pair, which no file and no tokenizer takes."""
    return _SURROGATE.sub("\ufffd", text)


def to_simplified(text: str) -> str:
    """`text` with every traditional Chinese character replaced by its simplified form.

    Works on single characters, never on phrases, so `len(to_simplified(text)) == len(text)` for any
    string and an offset into one is an offset into the other. Everything but traditional characters,
    lone surrogates and NULs included, is left as it is. Simplified text comes back unchanged but for
    characters that both scripts share and simplification replaced (乾 in 乾隆 becomes 干).
    """
    return text.translate(_table())


@cache
def _table() -> dict[int, str]:
    """Code point of a traditional character -> its most usual simplified form, always one character."""
    table = _pairs("TSCharacters.txt")
    for name in _VARIANTS:  # spellings of Hong Kong and Taiwan: first to the standard form, then on
        for variant, standard in _pairs(name).items():
            if not _is_simplified(chr(variant)):  # 著 is written for 着 in Taiwan, but 著名 has it everywhere
                table.setdefault(variant, table.get(ord(standard), standard))
    return {code: to for code, to in table.items() if chr(code) != to}


def _is_simplified(character: str) -> bool:
    """Whether simplified text uses the character: GB 2312 holds these and hardly any others."""
    try:
        character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def _pairs(name: str) -> dict[int, str]:
    """A dictionary file of OpenCC; of several conversions the first, which is the most frequent, is taken."""
    content = (files("opencc") / "dictionary" / name).read_text(encoding="utf-8")
    pairs: dict[int, str] = {}
    for line in content.splitlines():
        source, _, targets = line.lstrip("\ufeff").partition("\t")
        first = targets.split(" ")[0].strip()
        if len(source) == 1 and len(first) == 1:
            pairs[ord(source)] = first
    return pairs
