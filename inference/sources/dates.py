"""Dates as news pages write them, in English, German and Chinese, to ISO 8601."""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january januar", "feb february februar", "mar march mär märz maerz mrz", "apr april",
            "may mai", "jun june juni", "jul july juli", "aug august", "sep sept september",
            "oct october okt oktober", "nov november", "dec december dez dezember",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_MONTH = "(?P<month_name>" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\b\.?"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_DAY = r"(?P<day>\d{1,2})"
_NUMBER = r"(?P<month>\d{1,2})"
_DATES = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?<!\d){_YEAR}\s*年\s*{_NUMBER}\s*月\s*{_DAY}\s*[日号號]",
        rf"(?<!\d){_YEAR}(?P<sep>[-/.])\s?{_NUMBER}(?P=sep)\s?{_DAY}(?!\d)",
        rf"(?<![\d.]){_DAY}\.\s?{_NUMBER}\.\s?(?P<year>(?:19|20)?\d\d)(?![\d.,])",
        rf"\b{_MONTH}\s*{_DAY}(?:st|nd|rd|th)?\s*,?\s+{_YEAR}(?!\d)",
        rf"(?<!\d){_DAY}(?:st|nd|rd|th)?\.?[\s-]+{_MONTH},?[\s-]+{_YEAR}(?!\d)",
        rf"(?<![\d/]){_NUMBER}/{_DAY}/{_YEAR}(?![\d/])",
    )
]
_SLASHED = 5  # position in _DATES of 10/8/2025, which alone may be day first or month first
_TIME = re.compile(
    r"(?:T|[\s,，|·•]|\bat\b|\bum\b|[-–—]\s)*"
    r"(?P<half>上午|下午|晚上|凌晨|中午|早上)?\s*"
    r"(?P<hour>\d{1,2})(?:[:：]|\s*[时時点點]\s*)(?P<minute>\d\d)(?:\s*分)?"
    r"(?:[:：]?(?P<second>\d\d)(?:[.,]\d+)?\s*秒?)?(?!\d)"
    r"\s*(?P<ampm>[ap]\.?m\b\.?)?\s*(?:Uhr\b)?"
    r"\s*(?P<zone>Z\b|(?:UTC|GMT)?[+-]\d\d:?\d\d\b|UTC\b|GMT\b)?",
    re.IGNORECASE,
)
_COMPACT = re.compile(
    r"(?P<year>(?:19|20)\d\d)(?P<month>\d\d)(?P<day>\d\d)(?:[T_ ]?(?P<time>\d{4}(?:\d\d)?)Z?)?"
)


def to_iso(value: object) -> str | None:
    """ISO 8601 date, or date and time, of a cell or a line; as exact as the source, None if there is none.

    Takes text, `date` and `datetime`, and Unix times in seconds or milliseconds (years 1980 to 2100, given
    in UTC). Dotted dates are day first (German), slashed ones month first unless only the other order is
    possible; a slashed date that could be either (03/04/2025) is None, as a wrong date is worse than none.
    Relative ones ("3 hours ago", 昨天) are None.
    """
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        try:
            return _from_number(float(value))
        except OverflowError:  # JSON may hold an integer of thousands of digits
            return None
    text = unicodedata.normalize("NFKC", str(value)).strip()[:200]
    if re.fullmatch(r"\d{9,13}(?:\.\d{1,9})?", text) and text.isascii():
        return _from_number(float(text))
    if match := _COMPACT.fullmatch(text):
        clock = match["time"] or ""
        return _iso(
            int(match["year"]), int(match["month"]), int(match["day"]),
            hour=clock[:2] or None, minute=clock[2:4] or None, second=clock[4:] or None,
        )  # fmt: skip
    found = find_date(text)
    if found:
        return found[0]
    try:
        return parsedate_to_datetime(text).isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def find_date(text: str) -> tuple[str, int, int] | None:
    """The first date in a line: its ISO form, and the start and end of it with its time; None without one."""
    best: tuple[str, int, int] | None = None
    for number, pattern in enumerate(_DATES):
        for match in pattern.finditer(text):
            if best and match.start() >= best[1]:
                break
            iso, end = _read(text, match, slashed=number == _SLASHED)
            if iso:
                best = iso, match.start(), end
                break
    return best


def _read(text: str, match: re.Match[str], *, slashed: bool) -> tuple[str | None, int]:
    parts = match.groupdict()
    year, day = int(parts["year"]), int(parts["day"])
    if year < 100:
        year += 2000 if year < 70 else 1900
    month = _MONTHS[parts["month_name"].casefold()] if parts.get("month_name") else int(parts["month"])
    if slashed:
        if month != day and month <= 12 and day <= 12:
            return None, match.end()
        if month > 12:
            month, day = day, month
    clock = _TIME.match(text, match.end())
    if clock:
        iso = _iso(year, month, day, hour=clock["hour"], minute=clock["minute"], second=clock["second"],
                   half=clock["half"] or clock["ampm"] or "", zone=clock["zone"] or "")  # fmt: skip
        if iso:
            return iso, clock.end()
    return _iso(year, month, day), match.end()


def _iso(
    year: int, month: int, day: int, *, hour: str | None = None, minute: str | None = None,
    second: str | None = None, half: str = "", zone: str = "",
) -> str | None:  # fmt: skip
    """The parts as ISO 8601 if they are a real date and time, else None."""
    try:
        if hour is None or minute is None:
            return date(year, month, day).isoformat()
        hours = int(hour)
        if half.lower().startswith(("p", "下", "晚")) and hours < 12:
            hours += 12
        elif half.lower().startswith(("a", "凌")) and hours == 12:
            hours = 0
        stamp = datetime(year, month, day, hours, int(minute), int(second or 0))
    except ValueError:
        return None
    iso = stamp.isoformat(timespec="seconds" if second is not None else "minutes")
    offset = re.sub("UTC|GMT|Z", "", zone.upper())
    if offset and ":" not in offset:
        offset = offset[:3] + ":" + offset[3:]
    return iso + (offset or ("+00:00" if zone else ""))


def _from_number(number: float) -> str | None:
    """A Unix time in seconds or milliseconds, or the digits 20251008."""
    if not math.isfinite(number):
        return None
    if 19000101 <= number <= 21001231 and number == int(number):
        return to_iso(str(int(number)))
    seconds = number / 1000 if number > 1e11 else number
    if not 315532800 <= seconds <= 4102444800:  # 1980 to 2100
        return None
    return datetime.fromtimestamp(int(seconds), UTC).isoformat()
