"""Which encoding a file is in, and whether it is text at all."""

from __future__ import annotations

import codecs
import re

from polystance.inference.sources.failures import UnreadableError

SAMPLE_BYTES = 1 << 20

_MAGIC = (
    (b"\x89PNG", "a PNG image"), (b"\xff\xd8\xff", "a JPEG image"), (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF; save it as text or HTML first"),
    (b"PK\x03\x04", "a zip archive (or .docx, .xlsx, .epub, which are zips); unpack it and give the folder"),
    (b"PK\x05\x06", "an empty zip archive"), (b"Rar!", "a RAR archive; unpack it and give the folder"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it and give the folder"),
    (b"\x1f\x8b", "gzip data in gzip data; unpack it once"),
    (b"BZh", "bzip2 data; only gzip and zstandard are unpacked"),
    (b"\xfd7zXZ", "xz data; only gzip and zstandard are unpacked"),
    (b"\xd0\xcf\x11\xe0", "an old Office document; save it as text first"), (b"\x7fELF", "a program"),
    (b"SQLite format 3", "an SQLite database; export its table as CSV"), (b"RIFF", "a RIFF media file"),
    (b"OggS", "an Ogg media file"), (b"ID3", "an MP3 file"), (b"II*\x00", "a TIFF image"),
    (b"\x00\x00\x01\x00", "an icon"),
)  # fmt: skip
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_META = re.compile(rb"""<(?:meta|\?xml)[^>]{0,300}?(?:charset|encoding)\s*=\s*["']?\s*([\w-]{2,30})""", re.I)
# The commonest characters of running Chinese, of both scripts: a wrong decoding holds hardly any of them.
_COMMON = frozenset(
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行"
    "這為個國時來們對會發動過說產種後與關報導兩開東業從將長經現實還進點讓應關资与关报导两开东业从将长经现实还进点让应"
    "美俄日月本新社电本报记者表示，。、：；“”「」（）"
)
_READABLE = re.compile("[ -~\r\n\t\u4e00-\u9fff\u3001-\u3011\uff01-\uff5e\u2018-\u201d]")
_WIDE = ("gb18030", "big5hkscs")
# Codecs of Python that no file is written in; some take quadratic time or raise other errors than text does.
_NO_FILES = frozenset({"idna", "punycode", "raw_unicode_escape", "undefined", "unicode_escape"})
_CERTAIN = 8  # this many characters beyond ASCII that all fit UTF-8 are no coincidence


def known_encoding(name: str) -> str | None:
    """Python's name of a text encoding, widened where the narrow one loses characters; None if unknown."""
    try:
        info = codecs.lookup(name)
        if info.name.replace("-", "_") in _NO_FILES:
            return None
        b"0000".decode(info.name, "replace")  # bytes-to-bytes codecs such as "hex" are no text encodings
    except (LookupError, ValueError):
        return None
    return {"gb2312": "gb18030", "gbk": "gb18030", "big5": "big5hkscs"}.get(info.name, info.name)


def declared_encoding(head: bytes) -> str | None:
    """The charset that an HTML or XML page declares in its first 4,096 bytes."""
    match = _META.search(head[:4096])
    name = known_encoding(match[1].decode("ascii")) if match else None
    # A declaration that can be read as ASCII is not in UTF-16 or UTF-32, whatever it says.
    return None if name is None or name.startswith(("utf-16", "utf-32")) else name


def detect_encoding(sample: bytes, *, whole: bool = False, declared: str | None = None) -> str:
    """The encoding of a text file from its first bytes (`SAMPLE_BYTES` are enough).

    Order: byte order mark; UTF-16 by its zero bytes; UTF-8; the declared charset; GB18030 and Big5 by how
    much common Chinese they give; charset-normalizer. `whole`: the sample is the whole file, so that a cut
    character at its end is an error.

    Raises:
        UnreadableError: The bytes are not text.
    """
    for magic, kind in _MAGIC:
        if sample.startswith(magic):
            raise UnreadableError(f"not text: it is {kind}")
    for bom, name in _BOMS:
        if sample.startswith(bom):
            return name
    if b"\x00" in sample:
        many = sample.count(0) * 20 > len(sample)
        # Every two letters of ASCII are a Chinese character of UTF-16: few zeros in valid UTF-8 are strays.
        if (many or _decode(sample, "utf-8", whole) is None) and (wide := _utf16(sample)):
            return wide
        if many:
            raise UnreadableError("not text: it is full of zero bytes; give a text file")
    controls = sum(sample.count(byte) for byte in (*range(1, 9), *range(14, 27), *range(28, 32)))
    if controls * 50 > len(sample):
        raise UnreadableError("not text: it is full of control characters; give a text file")
    # Most bytes of GB18030 are Big5 too and the reverse, so a declaration of either proves nothing.
    vague = declared in _WIDE
    for candidate in ("utf-8", None if vague else declared):
        if candidate and _decode(sample, candidate, whole) is not None:
            return candidate
    if chinese := _chinese(sample, whole):
        return chinese
    if declared and vague and _decode(sample, declared, whole) is not None:
        return declared
    return _guess(sample)


def decode(data: bytes, *, encoding: str | None = None, declared: str | None = None) -> str:
    """A whole file as text; see `detect_encoding`. A few stray bytes become U+FFFD, never an error.

    Raises:
        UnreadableError: The bytes are not text, or not in the encoding that was asked for.
    """
    # An encoding that was asked for and doesn't fit must be said; one that we chose is our own guess.
    whole = len(data) <= SAMPLE_BYTES
    name = encoding or detect_encoding(data[:SAMPLE_BYTES], whole=whole, declared=declared)
    try:
        if encoding:
            check_given(data[:SAMPLE_BYTES], encoding)
        return data.decode(name, "strict" if encoding else "replace")
    except UnicodeDecodeError as error:
        raise UnreadableError(f"not {encoding} at byte {error.start}; try another --encoding") from error
    except UnicodeError as error:  # UTF-16 without its mark
        raise UnreadableError(f"not {name}: {error}; try another --encoding") from error


def check_given(sample: bytes, encoding: str) -> None:
    """Hold an encoding that was asked for against the bytes: UTF-8 decodes as GB18030 to wrong characters.

    Raises:
        UnreadableError: The bytes are UTF-8 beyond doubt, and something else was asked for.
    """
    if encoding.startswith("utf"):
        return
    text = _decode(sample, "utf-8", False)
    if text and sum(char > "\x7f" for char in text) >= _CERTAIN:
        raise UnreadableError(f"not {encoding}: the bytes are UTF-8; leave --encoding out for this file")


def _decode(sample: bytes, name: str, whole: bool) -> str | None:
    try:
        return codecs.getincrementaldecoder(name)("strict").decode(sample, whole)
    except (UnicodeDecodeError, LookupError):
        return None


def _utf16(sample: bytes) -> str | None:
    """UTF-16 without a mark: the order in which most of the text is ASCII or common Chinese."""
    best: str | None = None
    share = 0.7
    for name in ("utf-16-le", "utf-16-be"):
        text = _decode(sample[: len(sample) // 2 * 2], name, False)
        if text:
            good = len(_READABLE.findall(text))
            if good / len(text) > share:
                best, share = name, good / len(text)
    return best


def _chinese(sample: bytes, whole: bool) -> str | None:
    """GB18030 or Big5, whichever gives more common Chinese, if that is a fifth of the non-ASCII text."""
    best: str | None = None
    share = 0.2
    for name in _WIDE:
        text = _decode(sample, name, whole)
        wide = [char for char in text[:100_000] if char > "\x7f"] if text else []
        common = sum(char in _COMMON for char in wide) / len(wide) if wide else 0.0
        if common > share:
            best, share = name, common
    return best


def _guess(sample: bytes) -> str:
    from charset_normalizer import from_bytes

    match = from_bytes(sample[:65536]).best()
    if match is None:
        raise UnreadableError("the encoding was not recognised; name it with --encoding, such as gb18030")
    return known_encoding(match.encoding) or match.encoding
