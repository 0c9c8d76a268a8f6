"""How two groups of outlets differ: stance per target, tone and frames, each with its uncertainty.

The group of an article is the language of its outlet. Gaps are first group minus second. Those that come
straight from the classifier's labels are *uncorrected*: were its errors to differ between the languages, that
alone could open or close a gap. With a random sample of hand labels they are corrected for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from polystance.errors import UsageError
from polystance.inference.correction import FEWEST_LABELS
from polystance.inference.estimates import Weight
from polystance.inference.evidence import telling_sentences
from polystance.inference.gaps import (
    CORRECTED,
    FEW_ARTICLES,
    FEW_OUTLETS,
    UNCORRECTED,
    corrected_gaps,
    raw_gaps,
)
from polystance.inference.matching import event_table, matched_gaps
from polystance.inference.observations import UNKNOWN_OUTLET, Coverage, Observations, Period, Source
from polystance.inference.sampling import SampleLabels, read_labels
from polystance.inference.settings import Settings, checked
from polystance.inference.shares import frame_shares, target_frame_shares, tone_shares
from polystance.inference.trend import trend_of
from polystance.inference.wording import adjective, listed
from polystance.inference.words import marking_words

MOST_LINKED: Final = 100_000  # articles; above, events are linked on request only


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
            (Benjamini-Hochberg across targets), clear (the interval leaves out 0), correction (whether
            `corrected` has this gap: "corrected" or "uncorrected") and caveats (joined by "; ").
        corrected: One row per target, from hand labels: target, name, then for each group labels_G (hand
            labels), power_G (weight of the predictions, 0 to 1), error_G (mean of truth minus prediction),
            mean_G, mean_G_low, mean_G_high, favor_G, neutral_G, against_G, adjusted_favor_G,
            adjusted_neutral_G, adjusted_against_G (by adjusted counting, with the extra `stats`; else NaN),
            then gap, gap_low, gap_high, clear, labels_to_halve (hand labels in all that would halve the
            interval of the gap; missing if none would) and correction. NaN where a group has too few hand
            labels. Empty without hand labels.
        outlets: group, outlet, target, articles, mean.
        tones: tone, then share_G, share_G_low, share_G_high for each group, then difference,
            difference_low, difference_high. Over all articles of the groups, whatever their targets.
        frames: As `tones`, with frame in place of tone. An article may have none or several.
        target_frames: As `frames`, of the articles about each target, with target before frame.
        trend: target, period (YYYY-MM, or the Monday of a week), group, articles, outlets, mean, mean_low,
            mean_high; empty if all dates lie in one period.
        words: target, group, word, z, count, articles, share, background_share: words that mark the target in
            the group's own language, most telling first (see `words`). Empty if the run kept no texts.
        matched: One row per target, from events that both groups write about: target, name, events, then
            articles_G and outlets_G, gap, gap_low, gap_high, clear. Empty if events were not linked.
        events: Events with articles of both groups, most articles first: event, first, last, targets (that
            both have labels for), then articles_G, outlets_G, headline_G, outlet_G, url_G, article_id_G (of
            the first article), widest_target and widest_gap. Empty if events were not linked.
        evidence: target, group, label, score, sentence, in_headline, headline, outlet, published,
            text_language, url, article_id: the most telling sentences for each label but neutral.
        caveats: Plain warnings that belong beside the numbers.
    """

    settings: Settings
    coverage: Coverage
    run: Mapping[str, Any]
    table: pd.DataFrame
    corrected: pd.DataFrame
    outlets: pd.DataFrame
    tones: pd.DataFrame
    frames: pd.DataFrame
    target_frames: pd.DataFrame
    trend: pd.DataFrame
    words: pd.DataFrame
    matched: pd.DataFrame
    events: pd.DataFrame
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
    labels: str | PathLike[str] | SampleLabels | None = None,
    period: Period = "month",
    events: bool | None = None,
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
        labels: A sample of `draw_sample` with a person's labels, or the file of it: the gaps are also given
            corrected for the classifier's errors.
        period: "week" or "month", of the trend.
        events: Whether to link articles about the same event; None does so if the run kept its texts and the
            groups have no more than `MOST_LINKED` articles.

    Raises:
        UsageError: An option is outside of what is allowed, a group has no article, or a target no row.
        RunFolderError: The folder is no finished run, or of another schema.
        DataError: The hand labels can't be used; the message says why.
    """
    if isinstance(targets, str):
        raise UsageError(f'targets is a list, such as ["{targets}"]; got the text {targets!r}.')
    chosen = None if targets is None else tuple(dict.fromkeys(targets))
    first_and_second: Any = tuple(groups)  # a list from the command line is as good
    settings = checked(Settings(first_and_second, chosen, weight, draws, seed, min_articles, period))
    hand = labels if labels is None or isinstance(labels, SampleLabels) else read_labels(labels)
    with Observations(source, settings.groups) as observations:
        stances = observations.stances()
        shown, left_out = _choose(stances, settings)
        table = raw_gaps(stances, shown, settings)
        corrected = corrected_gaps(
            stances, observations.labelled(hand.rows) if hand else None, shown, settings
        )
        table["correction"] = corrected["correction"] if hand else UNCORRECTED
        coverage = observations.coverage(left_out)
        matched, occasions, unmatched = _matched(observations, shown, settings, events)
        outlets = stances[stances["target"].isin(shown)].assign(
            mean=lambda part: part["score_sum"] / part["articles"]
        )[["group", "outlet", "target", "articles", "mean"]]
        return Comparison(
            settings=settings,
            coverage=coverage,
            run=observations.run,
            table=table,
            corrected=corrected,
            outlets=outlets.reset_index(drop=True),
            tones=tone_shares(observations, settings),
            frames=frame_shares(observations, settings),
            target_frames=target_frame_shares(observations, shown, settings),
            trend=trend_of(observations, shown, settings),
            words=marking_words(observations, shown, seed=seed),
            matched=matched,
            events=occasions,
            evidence=telling_sentences(observations, shown),
            caveats=(*_caveats(table, corrected, hand, coverage, settings), *unmatched),
        )


def _matched(
    observations: Observations, shown: list[str], settings: Settings, wanted: bool | None
) -> tuple[pd.DataFrame, pd.DataFrame, tuple[str, ...]]:
    """The tables `matched` and `events`, empty with a word of why where events are not linked."""
    scores = observations.scores() if wanted is not False and observations.has_texts else None
    many = sum(observations.languages[group] for group in settings.groups) > MOST_LINKED
    if scores is None or (many and not wanted):
        none = pd.DataFrame(columns=["article_id", "target", "group", "outlet", "event", "score"])
        articles = pd.DataFrame(
            columns=["article_id", "group", "outlet", "published", "title", "url", "event"], dtype=object
        )
        if not observations.has_texts:
            why = "Events were not linked and words not counted: the run kept no texts."
        elif wanted is None:
            why = f"Events were not linked, as there are more than {MOST_LINKED:,} articles."
        else:
            why = ""
        found = matched_gaps(none, [], settings), event_table(articles, none, settings)
        return *found, (why,) if why else ()
    # torch and the checkpoint are loaded for this only: a comparison without events starts at once.
    from polystance.inference.events import link_events
    from polystance.models.checkpoint import load_checkpoint

    texts = observations.texts()
    about = scores.groupby("article_id")["target"].agg(frozenset)
    texts["targets"] = [about.get(key, frozenset()) for key in texts["article_id"]]
    texts["event"] = link_events(texts, load_checkpoint())
    linked = scores.merge(texts[["article_id", "event"]], on="article_id")
    return matched_gaps(linked, shown, settings), event_table(texts, linked, settings), ()


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


def _caveats(
    table: pd.DataFrame,
    corrected: pd.DataFrame,
    hand: SampleLabels | None,
    coverage: Coverage,
    settings: Settings,
) -> tuple[str, ...]:
    found = [_correction_caveat(table, hand, settings)]
    if hand is not None:
        for group in settings.groups:
            scarce = _under(corrected, f"labels_{group}", FEWEST_LABELS)
            if scarce:
                found.append(
                    f"Fewer than {FEWEST_LABELS} hand labels in {adjective(group)} outlets, so not "
                    f"corrected: {scarce}."
                )
        if hand.unlabelled:
            found.append(
                f"{hand.unlabelled:,} rows of the sample have no label. The correction takes them to be like "
                "the labelled ones; it does not hold if they were left out for being hard."
            )
    if coverage.sample_outlets:
        found.append(
            f"{coverage.sample_outlets:,} of the articles come from the invented outlets of the bundled "
            "sample corpus. They show what the tool does and say nothing about the press."
        )
    for group in settings.groups:
        for what, few in (("outlets", FEW_OUTLETS), ("articles", FEW_ARTICLES)):
            thin = _under(table, f"{what}_{group}", few)
            if thin:
                found.append(
                    f"Fewer than {few} {adjective(group)} {what}, so little can be concluded: {thin}."
                )
    if coverage.unknown_outlet:
        found.append(
            f"{coverage.unknown_outlet:,} articles name no outlet. Per group they count as one outlet, "
            f'"{UNKNOWN_OUTLET}".'
        )
    if table.empty:
        found.append("No target has enough articles in both groups; name targets or lower min_articles.")
    return tuple(found)


def _under(table: pd.DataFrame, column: str, few: int) -> str:
    """Targets with fewer than `few` in a column, with how many: "Germany (3), Vietnam (4)"."""
    return ", ".join(f"{row['name']} ({row[column]})" for _, row in table.iterrows() if row[column] < few)


def _correction_caveat(table: pd.DataFrame, hand: SampleLabels | None, settings: Settings) -> str:
    first, second = (adjective(group) for group in settings.groups)
    uncorrected = [str(row["name"]) for _, row in table.iterrows() if row["correction"] != CORRECTED]
    if hand is None or len(uncorrected) == len(table):
        return (
            "All gaps are uncorrected: they come straight from the classifier's labels, and errors that "
            f"differ between {first} and {second} text can make or hide a gap. `polystance sample` draws a "
            "random sample to label by hand; `compare --labels` corrects the gaps by it."
        )
    said = (
        f"Corrected gaps rest on {len(hand.rows):,} hand labels. They hold however wrong the classifier is, "
        "as long as the sample was drawn at random and its labels are right."
    )
    if uncorrected:
        said += f" Uncorrected still: {listed(uncorrected)}."
    return said
