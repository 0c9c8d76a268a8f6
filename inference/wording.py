"""Names and sentences of a comparison, the same in the terminal, the Markdown and the report."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Final

from babel import Locale

from polystance.models.targets import target_name

if TYPE_CHECKING:
    from polystance.inference.comparison import Comparison

_WITH_ARTICLE: Final = frozenset(
    (
        "AE",
        "BS",
        "CD",
        "CF",
        "CG",
        "DO",
        "EU",
        "GB",
        "GM",
        "KM",
        "KY",
        "MH",
        "MV",
        "NL",
        "PH",
        "SB",
        "US",
        "VA",
    )
)
_MINUS: Final = "\N{MINUS SIGN}"


@cache
def _english() -> Locale:
    return Locale.parse("en")


def running_name(target: str) -> str:
    """The name as it stands in a sentence: "the United States"."""
    name = target_name(target, "en")
    return f"the {name}" if target in _WITH_ARTICLE else name


def adjective(group: str) -> str:
    """ "Chinese-language" for "zh"."""
    name = _english().languages.get(group.replace("-", "_"))
    return f"{name}-language" if name else f"{group}-language"


def frame_name(frame: str) -> str:
    """A frame's key as words: "Security and defense"."""
    words = frame.replace("legality_constitutionality_and_jurisprudence", "law_and_courts").replace("_", " ")
    return words[:1].upper() + words[1:]


def signed(value: float, digits: int = 2) -> str:
    """A score with its sign and a true minus; an en dash for NaN."""
    if math.isnan(value):
        return "\N{EN DASH}"
    text = f"{abs(value):.{digits}f}"
    if not float(text):
        return text
    return f"{_MINUS if value < 0 else '+'}{text}"


def signed_interval(low: float, high: float, digits: int = 2) -> str:
    """ "−0.40 to −0.22", or "not known" where there is no interval."""
    if math.isnan(low) or math.isnan(high):
        return "not known"
    return f"{signed(low, digits)} to {signed(high, digits)}"


def percent(share: float, digits: int = 0) -> str:
    """ "12%"; an en dash for NaN."""
    return "\N{EN DASH}" if math.isnan(share) else f"{share * 100:.{digits}f}%"


def probability(value: float) -> str:
    """A p or q value with three digits: "0.012", "<0.001"."""
    if math.isnan(value):
        return "\N{EN DASH}"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def listed(words: list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def correction(comparison: Comparison) -> str:
    """How far gaps are corrected by hand labels: "uncorrected", "partly corrected" or "corrected"."""
    done = comparison.table["correction"] == "corrected"
    return "uncorrected" if not done.any() else "corrected" if done.all() else "partly corrected"


def headline(comparison: Comparison) -> str:
    """The comparison in one sentence, no stronger than its intervals allow."""
    first, second = (adjective(group) for group in comparison.groups)
    table = comparison.table
    if table.empty:
        return f"No target has enough articles in both {first} and {second} outlets to compare them."
    clear = table[table["clear"]].sort_values("gap", key=abs, ascending=False)
    known = table[table["gap_low"].notna()]
    if clear.empty:
        if known.empty:
            return (
                f"There are too few outlets to say whether {first} and {second} outlets differ on "
                f"{listed([running_name(target) for target in table['target'][:4]])}."
            )
        return f"No clear difference between {first} and {second} outlets on any target."
    parts = []
    for direction, rows in (("less", clear[clear["gap"] < 0]), ("more", clear[clear["gap"] > 0])):
        if len(rows):
            names = [running_name(target) for target in rows["target"][:3]]
            if len(rows) > 3:
                names.append(f"{len(rows) - 3} more")
            parts.append((abs(rows["gap"]).max(), f"{listed(names)} {direction} favourably"))
    told = " and ".join(text for _, text in sorted(parts, reverse=True))
    return f"{first} outlets present {told} than {second} outlets do."


def findings(comparison: Comparison, most: int = 5) -> list[str]:
    """Findings in words: each clear gap with its numbers, then where there is no clear difference."""
    a, b = comparison.groups
    first, second = adjective(a), adjective(b)
    said = []
    table = comparison.table
    for _, row in table[table["clear"]].sort_values("gap", key=abs, ascending=False).head(most).iterrows():
        direction = "less" if row["gap"] < 0 else "more"
        said.append(
            f"{first} outlets present {running_name(row['target'])} {direction} favourably than {second} "
            f"outlets: mean score {signed(row[f'mean_{a}'])} against {signed(row[f'mean_{b}'])}, gap "
            f"{signed(row['gap'])} (95% interval {signed_interval(row['gap_low'], row['gap_high'])}, "
            "uncorrected)."
        )
    unclear = table[~table["clear"] & table["gap_low"].notna()]
    if len(unclear):
        names = [running_name(target) for target in unclear["target"][:6]]
        if len(unclear) > 6:
            names.append(f"{len(unclear) - 6} more")
        said.append(
            f"No clear difference on {listed(names)}: the interval of "
            f"{'each gap' if len(unclear) > 1 else 'the gap'} includes zero. "
            "That is not evidence that the two groups agree."
        )
    said += _corrected_findings(comparison) + _matched_findings(comparison)
    unknown = table[table["gap_low"].isna()]
    if len(unknown):
        names = [running_name(target) for target in unknown["target"][:6]]
        said.append(
            f"No interval can be given for {listed(names)}: too few outlets, or outlets that do not vary."
        )
    apart = comparison.frames[
        (comparison.frames["difference_low"] > 0) | (comparison.frames["difference_high"] < 0)
    ].sort_values("difference", key=abs, ascending=False)
    for _, row in apart.head(1).iterrows():
        more, less, x, y = (first, second, a, b) if row["difference"] > 0 else (second, first, b, a)
        low, high = sorted((abs(row["difference_low"]), abs(row["difference_high"])))
        said.append(
            f"{more} outlets use the frame \N{LEFT DOUBLE QUOTATION MARK}{frame_name(row['frame'])}"
            f"\N{RIGHT DOUBLE QUOTATION MARK} more often: {percent(row[f'share_{x}'])} of articles against "
            f"{percent(row[f'share_{y}'])} in {less} outlets, a difference of "
            f"{abs(row['difference']) * 100:.0f} points (95% interval {low * 100:.0f} to {high * 100:.0f})."
        )
    return said


def _corrected_findings(comparison: Comparison) -> list[str]:
    """Where hand labels leave a gap standing, and where they don't."""
    both = comparison.table.merge(comparison.corrected, on=["target", "name"], suffixes=("", "_corrected"))
    both = both[both["gap_corrected"].notna() & both["clear"]]
    if both.empty:
        return []
    stays = both["clear_corrected"] & (both["gap"] * both["gap_corrected"] > 0)
    said = []
    for rows, verdict in ((both[stays], "still there"), (both[~stays], "no longer clear")):
        if len(rows):
            told = [
                f"{running_name(row['target'])} (gap {signed(row['gap_corrected'])}, 95% interval "
                f"{signed_interval(row['gap_low_corrected'], row['gap_high_corrected'])})"
                for _, row in rows.head(4).iterrows()
            ]
            said.append(f"Corrected by hand labels, the difference is {verdict} on {listed(told)}.")
    return said


def _matched_findings(comparison: Comparison) -> list[str]:
    """How much of the clearest gap is left among articles about the same events."""
    table = comparison.table.merge(comparison.matched, on=["target", "name"], suffixes=("", "_matched"))
    table = table[table["clear"] & table["gap_matched"].notna() & (table["events"] >= 3)]
    if table.empty:
        return []
    row = table.iloc[int(table["gap"].abs().argmax())]
    events, name = f"Within {row['events']:,} events that both report,", running_name(row["target"])
    numbers = (
        f"{signed(row['gap_matched'])} (95% interval "
        f"{signed_interval(row['gap_low_matched'], row['gap_high_matched'])}, uncorrected)"
    )
    if row["clear_matched"] and row["gap"] * row["gap_matched"] > 0:
        return [f"{events} the gap on {name} is {numbers}: it does not come from a choice of events alone."]
    return [f"{events} no clear gap on {name} is left: {numbers}."]
