"""Shares of tones and frames in each group, over all articles and per target, and their differences."""

from __future__ import annotations

import pandas as pd

from polystance.inference.estimates import Clusters, Estimate, FloatArray, estimate, generator, interval
from polystance.inference.observations import Observations
from polystance.inference.settings import Settings
from polystance.models.labels import FRAMES, TONES


def tone_shares(observations: Observations, settings: Settings) -> pd.DataFrame:
    """The table of `Comparison.tones`."""
    tones = observations.tones()
    clusters = [clusters_of(tones[tones["group"] == group], list(TONES)) for group in settings.groups]
    return _shares(clusters, "tone", list(TONES), settings)


def frame_shares(observations: Observations, settings: Settings) -> pd.DataFrame:
    """The table of `Comparison.frames`."""
    articles = observations.tones()[["group", "outlet", "articles"]]
    return _frame_shares(articles, observations.frames(), settings)


def target_frame_shares(observations: Observations, shown: list[str], settings: Settings) -> pd.DataFrame:
    """The table of `Comparison.target_frames`: frames that no article about the target has are left out."""
    found = observations.target_frames(shown)
    tables = []
    for target in shown:
        part = found[found["target"] == target].drop(columns="target")
        articles, frames = part[part["frame"] == ""], part[part["frame"] != ""]
        table = _frame_shares(articles.drop(columns="frame"), frames, settings, target)
        used = (table[[f"share_{group}" for group in settings.groups]] > 0).any(axis=1)
        table.insert(0, "target", target)
        tables.append(table[used])
    columns = ["target", *_columns("frame", settings)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def clusters_of(part: pd.DataFrame, columns: list[str]) -> Clusters:
    """The outlets of `part` and the sums of `columns`."""
    return Clusters(part["articles"].to_numpy(dtype=float), part[columns].to_numpy(dtype=float))


def _frame_shares(
    articles: pd.DataFrame, frames: pd.DataFrame, settings: Settings, target: str = ""
) -> pd.DataFrame:
    keys = [*FRAMES, *sorted(set(frames["frame"]) - set(FRAMES))]
    counts = frames.pivot_table(index=["group", "outlet"], columns="frame", values="articles", aggfunc="sum")
    counts = counts.reindex(columns=keys).reset_index()
    # Outlets whose articles have no frame at all are still outlets.
    joined = articles.merge(counts, on=["group", "outlet"], how="left").fillna(dict.fromkeys(keys, 0))
    clusters = [clusters_of(joined[joined["group"] == group], keys) for group in settings.groups]
    return _shares(clusters, "frame", keys, settings, target)


def _shares(
    clusters: list[Clusters], what: str, keys: list[str], settings: Settings, target: str = ""
) -> pd.DataFrame:
    """A row per key: share in each group and their difference, all with intervals."""
    columns: dict[str, list[str] | FloatArray] = {what: keys}
    estimates: list[Estimate] = []
    for group, cluster in zip(settings.groups, clusters, strict=True):
        rng = generator(settings.seed, what, *([target] if target else []), group)
        found = estimate(cluster, settings.draws, rng, settings.weight)
        low, high = interval(found, 0, 1)
        columns |= {f"share_{group}": found.value, f"share_{group}_low": low, f"share_{group}_high": high}
        estimates.append(found)
    difference = estimates[0] - estimates[1]
    low, high = interval(difference, -1, 1)
    columns |= {"difference": difference.value, "difference_low": low, "difference_high": high}
    return pd.DataFrame(columns, columns=_columns(what, settings))


def _columns(what: str, settings: Settings) -> list[str]:
    per_group = [f"share_{group}{end}" for group in settings.groups for end in ("", "_low", "_high")]
    return [what, *per_group, "difference", "difference_low", "difference_high"]
