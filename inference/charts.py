"""Geometry of the report's charts: where each mark lies, as percent of the width.

Charts are plain SVG with horizontal positions in percent and everything else in pixels, drawn by the
template. So they fit any width with no script, text keeps the reader's size and fonts, in either script,
and colours follow the reader's light or dark theme.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import pandas as pd

_MARGIN = 4.0  # percent left free at both ends, so that marks at an end are not cut


@dataclass(frozen=True)
class Tick:
    """A line of the grid: position in percent, the text beneath and whether it stands for zero."""

    x: float
    text: str
    zero: bool


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` as percent of the width, margins left free."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Position in percent, rounded to 0.01; values outside of the scale lie on its end."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(_MARGIN + share * (100 - 2 * _MARGIN), 2)

    def ticks(self, percent: bool = False) -> list[Tick]:
        """Four to six round values."""
        step = _round_up((self.high - self.low) / 6)
        found = []
        for i in range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1):
            value = i * step
            text = f"{value * 100:.0f}%" if percent else f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")
            if not percent:
                text = "0" if i == 0 else text.rstrip("0").rstrip(".") if step >= 0.1 else text
            found.append(Tick(self.at(value), text, i == 0))
        return found


@dataclass(frozen=True)
class Mark:
    """An estimate with its interval, in percent; `low` and `high` are None where there is none."""

    x: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Segment:
    """One part of a stacked bar: left end and width in percent, its label and the text it has room for."""

    x: float
    width: float
    label: str
    text: str


def _round_up(value: float) -> float:
    """The next of 1, 2 or 5 times a power of ten, or 2.5 for quarters."""
    if value <= 0:
        return 0.1
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value * (1 - 1e-9))


def symmetric_scale(values: Iterable[float], most: float = 1.0) -> Scale:
    """A scale around 0 that holds all values, in steps of 0.2, at most to `most`."""
    reach = max((abs(value) for value in values if not math.isnan(value)), default=0.0)
    limit = min(max(math.ceil(reach / 0.2 - 1e-9) * 0.2, 0.2), most)
    return Scale(-limit, limit)


def share_scale(values: Iterable[float]) -> Scale:
    """A scale from 0 that holds all shares, in steps of 0.1."""
    reach = max((value for value in values if not math.isnan(value)), default=0.0)
    return Scale(0.0, min(max(math.ceil(reach / 0.1 - 1e-9) * 0.1, 0.1), 1.0))


def mark(scale: Scale, value: float, low: float, high: float) -> Mark | None:
    """The mark of an estimate; None for NaN."""
    if math.isnan(value):
        return None
    if math.isnan(low) or math.isnan(high):
        return Mark(scale.at(value), None, None)
    return Mark(scale.at(value), scale.at(low), scale.at(high))


def stack(shares: Iterable[tuple[str, float]]) -> list[Segment]:
    """A bar over the full width from shares that sum to 1; empty if they are NaN."""
    found, x = [], 0.0
    for label, share in shares:
        if math.isnan(share):
            return []
        text = f"{share * 100:.0f}%" if share >= 0.095 else ""
        if share > 0:
            found.append(Segment(round(x * 100, 2), round(share * 100, 2), label, text))
        x += share
    return found


@dataclass(frozen=True)
class Point:
    """A period's mean: x in percent, y and the ends of its interval in pixels, and articles it rests on.

    `low` and `high` are None where there is no interval.
    """

    x: float
    y: float
    low: float | None
    high: float | None
    articles: int
    period: str
    mean: float


@dataclass(frozen=True)
class Timeline:
    """Means of one target over time: points per group in order of the groups, and lines between them."""

    points: tuple[list[Point], list[Point]]
    zero: float
    first: str
    last: str
    limit: str


def timeline(trend: pd.DataFrame, groups: tuple[str, str], scale: Scale, height: float) -> Timeline:
    """Lay out one target's rows of `Comparison.trend`; `height` in pixels."""
    places = {period: _place(period) for period in trend["period"].unique()}
    start, span = min(places.values()), max(max(places.values()) - min(places.values()), 1)

    def y(value: float) -> float:
        share = (min(max(value, scale.low), scale.high) - scale.low) / (scale.high - scale.low)
        return round(6 + (1 - share) * (height - 12), 1)

    def end(value: float) -> float | None:
        return None if math.isnan(value) else y(value)

    def points(group: str) -> list[Point]:
        rows = trend[trend["group"] == group]
        return [
            Point(
                round(12 + 84 * (places[row["period"]] - start) / span, 2), y(float(row["mean"])),
                end(float(row["mean_low"])), end(float(row["mean_high"])),
                int(row["articles"]), str(row["period"]), float(row["mean"]),
            )
            for _, row in rows.iterrows()
        ]  # fmt: skip

    return Timeline(
        (points(groups[0]), points(groups[1])), y(0.0), min(places), max(places), f"{scale.high:g}"
    )


def _place(period: str) -> int:
    """Weeks by day, months by number."""
    return (
        date.fromisoformat(period).toordinal() if len(period) > 7 else int(period[:4]) * 12 + int(period[5:])
    )
