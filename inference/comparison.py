"""How two groups of outlets differ: stance per target, tone and frames, each with its uncertainty.

The group of an article is the language of its outlet. Gaps are first group minus second and come straight
from the classifier's labels. They are *uncorrected*: were the classifier's errors to differ between the
languages, that alone could open or close a gap.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from polystance.errors import UsageError
from polystance.inference.estimates import (
    Clusters,
    Estimate,
    FloatArray,
    Weight,
    estimate,
    false_discovery,
    generator,
    hedges_g,
    interval,
    permutation_p,
)
from polystance.inference.evidence import telling_sentences
from polystance.inference.observations import (
    STANCE_SHARES,
    UNKNOWN_OUTLET,
    Coverage,
    Observations,
    Source,
)
from polystance.inference.wording import adjective
from polystance.models.labels import FRAMES, TONES
from polystance.models.targets import target_name

UNCORRECTED: Final = "uncorrected"
FEW_OUTLETS: Final = 5
FEW_ARTICLES: Final = 10


@dataclass(frozen=True)
class Settings:
    """The options of a comparison, as `compare` describes them. `targets` is None for all of the run's."""

    groups: tuple[str, str]
    targets: tuple[str, ...] | None
    weight: Weight
    draws: int
    seed: int
    min_articles: int


@dataclass(frozen=True)
class Comparison:
    """What `compare` found. The parts are tidy tables; scores go from -1 to 1, shares from 0 to 1.

    `G` in a column's name stands for each group's language, such as `mean_zh`. A bound is NaN where outlets
    give no idea of the uncertainty: there is only one, or they do not differ at all.

    Attributes:
        settings: Options that the numbers depend on.
        coverage: What was compared, and counts of all that was not.
        run: Contents of the run folder's run.json; empty without one.
        table: One row per target: target, name, then for each group articles_G, outlets_G, mean_G,
            mean_G_low, mean_G_high, favor_G, neutral_G, against_G, uncertain_G (shares of labels), then gap,
            gap_low, gap_high (mean of the first group minus the second), effect_size (gap in pooled
            standard deviations of article scores, Hedges' g), p (permutation over outlets), q
            (Benjamini-Hochberg across targets), clear (the interval leaves out 0), correction
            ("uncorrected") and caveats (joined by "; ").
        outlets: group, outlet, target, articles, mean.
        tones: tone, then share_G, share_G_low, share_G_high for each group, then difference,
            difference_low, difference_high. Over all articles of the groups, whatever their targets.
        frames: As `tones`, with frame in place of tone. An article may have none or several.
        months: target, month (YYYY-MM), group, articles, outlets, mean; empty if dates span one month.
        evidence: target, group, label, score, sentence, in_headline, headline, outlet, published,
            text_language, url, article_id: the most telling sentences for each label but neutral.
        caveats: Plain warnings that belong beside the numbers.
    """

    settings: Settings
    coverage: Coverage
    run: Mapping[str, Any]
    table: pd.DataFrame
    outlets: pd.DataFrame
    tones: pd.DataFrame
    frames: pd.DataFrame
    months: pd.DataFrame
    evidence: pd.DataFrame
    caveats: tuple[str, ...]

    @property
    def groups(self) -> tuple[str, str]:
        """Outlet languages that were compared; gaps are the first minus the second."""
        return self.settings.groups

    def to_json(self, path: str | PathLike[str]) -> None:
        """Write every part to one JSON file; NaN becomes null."""
        from polystance.inference.exports import write_json

        write_json(self, Path(path))

    def to_csv(self, path: str | PathLike[str]) -> list[Path]:
        """Write `table` to `path`, every other part beside it (`name.outlets.csv`); give the paths.

        Text that a spreadsheet would run as a formula gets a leading apostrophe.
        """
        from polystance.inference.exports import write_csv

        return write_csv(self, Path(path))

    def to_markdown(self, path: str | PathLike[str]) -> None:
        """Write the findings and main tables as Markdown."""
        from polystance.inference.exports import write_markdown

        write_markdown(self, Path(path))

    def to_html(self, path: str | PathLike[str]) -> None:
        """Write the report: one HTML file that needs no network and runs no script."""
        from polystance.inference.report import render_report

        Path(path).write_text(render_report(self), encoding="utf-8")


def compare(
    source: Source,
    groups: tuple[str, str] = ("zh", "en"),
    *,
    targets: Sequence[str] | None = None,
    weight: Weight = "outlet",
    draws: int = 2000,
    seed: int = 0,
    min_articles: int = 3,
) -> Comparison:
    """Compare how the outlets of two languages present each target.

    Args:
        source: A run folder, or the labels of `StanceClassifier.classify`.
        groups: Two outlet languages. Gaps are the first minus the second.
        targets: Targets to show, in this order; all of the run's when None, most written about first.
        weight: "outlet" lets every outlet count the same, however much it publishes; "article" every article.
        draws: Bootstrap samples, and random divisions of outlets in the permutation test.
        seed: Seed of both.
        min_articles: Articles that each group must have on a target. Others are listed in
            `coverage.left_out`, unless `targets` names them.

    Raises:
        UsageError: An option is outside of what is allowed, a group has no article, or a target no row.
        RunFolderError: The folder is no finished run, or of another schema.
    """
    if isinstance(targets, str):
        raise UsageError(f'targets is a list, such as ["{targets}"]; got the text {targets!r}.')
    chosen = None if targets is None else tuple(dict.fromkeys(targets))
    first_and_second: Any = tuple(groups)  # a list from the command line is as good
    settings = _checked(Settings(first_and_second, chosen, weight, draws, seed, min_articles))
    with Observations(source, settings.groups) as observations:
        stances = observations.stances()
        shown, left_out = _choose(stances, settings)
        table = _table(stances, shown, settings)
        coverage = observations.coverage(left_out)
        months = observations.months(weight)
        months = months[months["target"].isin(shown)].reset_index(drop=True)
        tones = _shares(_tone_clusters(observations.tones(), settings), "tone", list(TONES), settings)
        keys, clusters = _frame_clusters(observations, settings)
        frames = _shares(clusters, "frame", keys, settings)
        outlets = stances[stances["target"].isin(shown)].assign(
            mean=lambda part: part["score_sum"] / part["articles"]
        )[["group", "outlet", "target", "articles", "mean"]]
        return Comparison(
            settings=settings,
            coverage=coverage,
            run=observations.run,
            table=table,
            outlets=outlets.reset_index(drop=True),
            tones=tones,
            frames=frames,
            months=months,
            evidence=telling_sentences(observations, shown),
            caveats=_caveats(table, coverage, settings),
        )


def _checked(settings: Settings) -> Settings:
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
    if settings.min_articles < 1:
        raise UsageError(f"min_articles is 1 or more; got {settings.min_articles}.")
    return settings


def _choose(stances: pd.DataFrame, settings: Settings) -> tuple[list[str], list[tuple[str, int, int]]]:
    """Targets to show, in order, and those left out for want of articles."""
    counts = stances.pivot_table(index="target", columns="group", values="articles", aggfunc="sum")
    counts = counts.reindex(columns=list(settings.groups)).fillna(0).astype(int)
    counts = counts.iloc[np.argsort(-counts.sum(axis=1).to_numpy(), kind="stable")]
    if settings.targets is not None:
        unknown = [target for target in settings.targets if target not in counts.index]
        if unknown:
            raise UsageError(
                f"No article of these outlets was labelled for {', '.join(unknown)}. "
                f"Targets there are: {', '.join(counts.index) or 'none'}."
            )
        return list(settings.targets), []
    enough = (counts >= settings.min_articles).all(axis=1)
    left_out = [
        (str(target), int(row.iloc[0]), int(row.iloc[1])) for target, row in counts[~enough].iterrows()
    ]
    return [str(target) for target in counts.index[enough]], left_out


def _table(stances: pd.DataFrame, shown: list[str], settings: Settings) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for target in shown:
        parts = [
            stances[(stances["target"] == target) & (stances["group"] == group)] for group in settings.groups
        ]
        row: dict[str, Any] = {"target": target, "name": target_name(target, "en")}
        clusters = [_clusters(part, ["score_sum", *STANCE_SHARES]) for part in parts]
        estimates = []
        for group, part, cluster in zip(settings.groups, parts, clusters, strict=True):
            rng = generator(settings.seed, "stance", target, group)
            found = estimate(cluster, settings.draws, rng, settings.weight)
            low, high = interval(found, -1, 1)
            estimates.append(found)
            row |= {f"articles_{group}": int(cluster.counts.sum()), f"outlets_{group}": len(part)}
            row |= {
                f"mean_{group}": found.value[0],
                f"mean_{group}_low": low[0],
                f"mean_{group}_high": high[0],
            }
            row |= {f"{label}_{group}": found.value[i] for i, label in enumerate(STANCE_SHARES, start=1)}
        gap = estimates[0] - estimates[1]
        low, high = interval(gap, -2, 2)
        rng = generator(settings.seed, "permutation", target)
        totals = [
            (part["articles"].sum(), part["score_sum"].sum(), part["square_sum"].sum()) for part in parts
        ]
        counts, sums, squares = zip(*totals, strict=True)
        row |= {
            "gap": gap.value[0],
            "gap_low": low[0],
            "gap_high": high[0],
            "effect_size": hedges_g(float(gap.value[0]), counts, sums, squares),
            "p": permutation_p(clusters[0], clusters[1], settings.draws, rng, settings.weight),
            "q": math.nan,
            "clear": bool(low[0] > 0 or high[0] < 0),
            "correction": UNCORRECTED,
            "caveats": "",
        }
        row["caveats"] = "; ".join(_warnings(row, settings.groups))
        rows.append(row)
    table = pd.DataFrame(rows, columns=_columns(settings.groups))
    table["clear"] = table["clear"].astype(bool)  # of no rows too, where pandas would guess text
    table["q"] = false_discovery(table["p"].to_numpy(dtype=np.float64))
    return table


def _columns(groups: tuple[str, str]) -> list[str]:
    per_group = ["articles_{}", "outlets_{}", "mean_{}", "mean_{}_low", "mean_{}_high"]
    per_group += [f"{label}_{{}}" for label in STANCE_SHARES]
    tests = ["gap", "gap_low", "gap_high", "effect_size", "p", "q", "clear", "correction", "caveats"]
    return ["target", "name", *(name.format(group) for group in groups for name in per_group), *tests]


def _clusters(part: pd.DataFrame, columns: list[str]) -> Clusters:
    return Clusters(part["articles"].to_numpy(dtype=np.float64), part[columns].to_numpy(dtype=np.float64))


def _tone_clusters(tones: pd.DataFrame, settings: Settings) -> list[Clusters]:
    return [_clusters(tones[tones["group"] == group], list(TONES)) for group in settings.groups]


def _frame_clusters(observations: Observations, settings: Settings) -> tuple[list[str], list[Clusters]]:
    """Frames and, for each group, how many articles of each outlet have them."""
    found = observations.frames()
    keys = [*FRAMES, *sorted(set(found["frame"]) - set(FRAMES))]
    articles = observations.tones()[["group", "outlet", "articles"]]
    counts = found.pivot_table(index=["group", "outlet"], columns="frame", values="articles", aggfunc="sum")
    counts = counts.reindex(columns=keys).reset_index()
    # Outlets whose articles have no frame at all are still outlets.
    joined = articles.merge(counts, on=["group", "outlet"], how="left").fillna(dict.fromkeys(keys, 0))
    return keys, [_clusters(joined[joined["group"] == group], keys) for group in settings.groups]


def _shares(clusters: list[Clusters], what: str, keys: list[str], settings: Settings) -> pd.DataFrame:
    """A row per key: share in each group and their difference, all with intervals."""
    columns: dict[str, list[str] | FloatArray] = {what: keys}
    estimates: list[Estimate] = []
    for group, cluster in zip(settings.groups, clusters, strict=True):
        found = estimate(cluster, settings.draws, generator(settings.seed, what, group), settings.weight)
        low, high = interval(found, 0, 1)
        columns |= {f"share_{group}": found.value, f"share_{group}_low": low, f"share_{group}_high": high}
        estimates.append(found)
    difference = estimates[0] - estimates[1]
    low, high = interval(difference, -1, 1)
    columns |= {"difference": difference.value, "difference_low": low, "difference_high": high}
    return pd.DataFrame(columns)


def _warnings(row: Mapping[str, Any], groups: tuple[str, str]) -> list[str]:
    """What a reader has to know about one target's gap."""
    found = []
    for group in groups:
        for what, few in (("outlets", FEW_OUTLETS), ("articles", FEW_ARTICLES)):
            n = row[f"{what}_{group}"]
            if n < few:
                found.append(f"{n or 'no'} {adjective(group)} {what if n != 1 else what[:-1]} (under {few})")
    return found


def _caveats(table: pd.DataFrame, coverage: Coverage, settings: Settings) -> tuple[str, ...]:
    first, second = (adjective(group) for group in settings.groups)
    found = [
        "All gaps are uncorrected: they come straight from the classifier's labels, and errors that differ "
        f"between {first} and {second} text can make or hide a gap. Hand-label a random sample to check them."
    ]
    if coverage.sample_outlets:
        found.append(
            f"{coverage.sample_outlets:,} of the articles come from the invented outlets of the bundled "
            "sample corpus. They show what the tool does and say nothing about the press."
        )
    for group in settings.groups:
        for what, few in (("outlets", FEW_OUTLETS), ("articles", FEW_ARTICLES)):
            thin = [
                f"{row['name']} ({row[f'{what}_{group}']})"
                for _, row in table.iterrows()
                if row[f"{what}_{group}"] < few
            ]
            if thin:
                found.append(
                    f"Fewer than {few} {adjective(group)} {what}, so little can be concluded: "
                    f"{', '.join(thin)}."
                )
    if coverage.unknown_outlet:
        found.append(
            f"{coverage.unknown_outlet:,} articles name no outlet. Per group they count as one outlet, "
            f'"{UNKNOWN_OUTLET}".'
        )
    if table.empty:
        found.append("No target has enough articles in both groups; name targets or lower min_articles.")
    return tuple(found)
