"""The options of a comparison."""

from __future__ import annotations

from dataclasses import dataclass

from polystance.errors import UsageError
from polystance.inference.estimates import Weight
from polystance.inference.observations import Period


@dataclass(frozen=True)
class Settings:
    """The options of a comparison, as `compare` describes them. `targets` is None for all of the run's."""

    groups: tuple[str, str]
    targets: tuple[str, ...] | None
    weight: Weight
    draws: int
    seed: int
    min_articles: int
    period: Period = "month"


def checked(settings: Settings) -> Settings:
    """The same settings, if all are within what is allowed."""
    groups = settings.groups
    if len(groups) != 2 or groups[0] == groups[1]:
        raise UsageError(f'groups are two different outlet languages, such as ("zh", "en"); got {groups!r}.')
    if settings.weight not in ("outlet", "article"):
        raise UsageError(f'weight is "outlet" or "article"; got {settings.weight!r}.')
    if not 100 <= settings.draws <= 1_000_000:
        raise UsageError(
            f"draws is from 100 to 1,000,000; got {settings.draws}. 2000 is enough for 95% intervals."
        )
    if settings.seed < 0:
        raise UsageError(f"seed is 0 or more; got {settings.seed}.")
    if settings.period not in ("week", "month"):
        raise UsageError(f'period is "week" or "month"; got {settings.period!r}.')
    if settings.min_articles < 1:
        raise UsageError(f"min_articles is 1 or more; got {settings.min_articles}.")
    return settings
