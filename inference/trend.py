"""Mean score per target and group over time."""

from __future__ import annotations

import pandas as pd

from polystance.inference.estimates import interval, linearised
from polystance.inference.observations import Observations
from polystance.inference.settings import Settings
from polystance.inference.shares import clusters_of

COLUMNS = ("target", "period", "group", "articles", "outlets", "mean", "mean_low", "mean_high")


def trend_of(observations: Observations, shown: list[str], settings: Settings) -> pd.DataFrame:
    """The table of `Comparison.trend`; empty if all dates lie in one period.

    There are many cells, so intervals come from a linearisation over outlets and not from a bootstrap.
    """
    found = observations.periods(settings.period)
    found = found[found["target"].isin(shown)]
    rows = []
    if found["period"].nunique() > 1:
        for (target, period, group), part in found.groupby(["target", "period", "group"], sort=True):
            estimate = linearised(clusters_of(part, ["score_sum"]), settings.weight)
            low, high = interval(estimate, -1, 1)
            counts = (int(part["articles"].sum()), len(part))
            rows.append((target, period, group, *counts, float(estimate.value[0]), low[0], high[0]))
    return pd.DataFrame(rows, columns=list(COLUMNS))
