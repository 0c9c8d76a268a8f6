"""Clean text and its language: what every reader does to a string before it becomes part of an article."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

# Line breaks and tabs stay. The rest of C0/C1 breaks JSON or XML writers; bidi embeddings, overrides and
# isolates can make a report show text in another order than it has; zero-width characters hide inside names.
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\u200b\u2060\ufeff]")
_LINE_ENDS = re.compile("\r\n|\r|\u2028|\u2029|\x85")
_SURROGATE = re.compile("[\ud800-\udfff]")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_KANA = re.compile("[\u3041-\u30ff]")
_HANGUL = re.compile("[\uac00-\ud7a3]")
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_ARABIC = re.compile("[\u0600-\u06ff]")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f]")

_SAMPLE = 1000  # characters that decide the language; enough for any rule here, and it bounds the cost
_LATIN_SAMPLE = 400  # the identifier is certain long before, and costs by the character
_LATIN_LANGUAGES = ["en", "de", "fr", "es", "it", "pt", "nl"]
_NAMES = {
    "chinese": "zh", "中文": "zh", "汉语": "zh", "简体中文": "zh", "繁体中文": "zh", "繁體中文": "zh",
    "zho": "zh", "chi": "zh", "cmn": "zh", "cn": "zh", "mandarin": "zh",
    "english": "en", "英文": "en", "英语": "en", "英語": "en", "eng": "en",
    "russian": "ru", "rus": "ru", "japanese": "ja", "jpn": "ja", "jp": "ja", "german": "de", "deu": "de",
    "ger": "de", "french": "fr", "fra": "fr", "fre": "fr", "spanish": "es", "spa": "es", "korean": "ko",
}  # fmt: skip


def clean_text(text: str) -> str:
    """`text` that any writer accepts: no lone surrogates, NULs or other controls; line ends are newlines.

    Surrogate pairs are joined, lone surrogates become U+FFFD. Ordinary text comes back unchanged.
    """
    if _SURROGATE.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return _UNWANTED.sub("", _LINE_ENDS.sub("\n", text))


def one_line(text: str) -> str:
    """`clean_text` on one line, for titles and names: runs of white space become one space."""
    return " ".join(clean_text(text).split())


def detect_language(text: str) -> str | None:
    """ISO 639-1 code of the language of `text`, None if it holds no letters.

    Scripts decide first, since they are cheap and certain: a fifth of the letters in Chinese characters is
    Chinese (English words are common in Chinese news), with kana Japanese, and so on. Latin text goes to
    py3langid among a few European languages, and is English unless something else is nearly certain.
    """
    sample = text[:_SAMPLE]
    latin = len(_LATIN.findall(sample))
    han, kana, hangul, cyrillic, arabic = (
        (0, 0, 0, 0, 0)
        if sample.isascii()
        else (len(script.findall(sample)) for script in (_HAN, _KANA, _HANGUL, _CYRILLIC, _ARABIC))
    )
    # A Chinese character is about as much text as three or four Latin letters; hence the weight.
    letters = han + kana + hangul + cyrillic + arabic + latin
    if not letters:
        return None
    if (han + kana) * 5 >= letters:
        return "ja" if kana * 10 > han + kana else "zh"
    for code, count in (("ko", hangul), ("ru", cyrillic), ("ar", arabic)):
        if count * 2 > letters:
            return code
    if latin < 60:  # the identifier guesses on headlines; nearly all short Latin text we see is English
        return "en"
    code, confidence = _identifier().classify(sample[:_LATIN_SAMPLE])
    return str(code) if confidence > 0.95 else "en"


def language_code(value: str) -> str | None:
    """Two-letter code for what a language column says: "zh-CN", "en_US", "Chinese", "中文"; else None."""
    name = unicodedata.normalize("NFKC", value).strip().casefold()
    if name in _NAMES:
        return _NAMES[name]
    code = re.split("[-_]", name)[0]
    return _NAMES.get(code, code) if re.fullmatch("[a-z]{2,3}", code) else None


@cache
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(_LATIN_LANGUAGES)
    return identifier
