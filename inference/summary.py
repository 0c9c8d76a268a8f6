"""A comparison in the terminal: one table that fits 80 columns, and what has to be said beside it."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from polystance.inference.comparison import Comparison
from polystance.inference.pagetext import clean
from polystance.inference.wording import adjective, correction, headline, signed
from polystance.models.labels import UNCERTAIN

MOST_ROWS = 20
MOST_OTHER = 8
FEW_ARTICLES = 12
_ORDER = ("against", "neutral", "favor", UNCERTAIN)


def summary_text(comparison: Comparison) -> RenderableType:
    """Headline, means and gap per target, and caveats; print it with a `rich.console.Console`.

    A gap whose interval leaves out zero is marked with a star. Corpus text is never read as rich markup.
    """
    a, b = comparison.groups
    coverage = comparison.coverage
    parts: list[RenderableType] = [
        Text(clean(headline(comparison)), style="bold"),
        Text(
            f"{coverage.compared[a]:,} articles of {adjective(a)} ({a}) and {coverage.compared[b]:,} of "
            f"{adjective(b)} ({b}) outlets. Scores from \N{MINUS SIGN}1 (against) to +1 (favor); "
            f"gap = {a} minus {b}, {correction(comparison)}."
        ),
    ]
    if len(comparison.table):
        parts += ["", _table(comparison), Text("* the 95% interval of the gap leaves out zero", style="dim")]
        parts += _other_gaps(comparison)
        hidden = len(comparison.table) - MOST_ROWS
        if hidden > 0:
            parts.append(Text(f"and {hidden} more targets in the report", style="dim"))
    parts.append("")
    parts += [Text(f"! {clean(caveat)}", style="yellow") for caveat in comparison.caveats]
    outside = sum(coverage.other_languages.values()) + coverage.unknown_language
    if outside:
        parts.append(
            Text(f"{outside:,} articles of other or unknown outlet languages were not compared.", style="dim")
        )
    if coverage.left_out:
        parts.append(
            Text(
                f"{len(coverage.left_out):,} targets have fewer than {comparison.settings.min_articles} "
                "articles in a group and were left out.",
                style="dim",
            )
        )
    if coverage.failures:
        parts.append(Text(f"Inputs that failed: {coverage.failures:,}; see failures.jsonl.", style="dim"))
    return Group(*parts)


def _other_gaps(comparison: Comparison) -> list[RenderableType]:
    """Gaps corrected by hand labels, and within events, where there are any: a line per target."""
    parts: list[RenderableType] = []
    kinds = (
        ("Corrected by hand labels", comparison.corrected, "labels_{}", "hand labels"),
        ("Within events that both report", comparison.matched, "articles_{}", "articles"),
    )
    for title, table, column, what in kinds:
        known = table[table["gap"].notna()]
        if known.empty:
            continue
        lines = [
            f"{row['name']} {_numbers(row['gap'], row['gap_low'], row['gap_high'])}"
            f"{' *' if row['clear'] else ''} "
            f"({sum(row[column.format(g)] for g in comparison.groups):,} {what})"
            for _, row in known.head(MOST_OTHER).iterrows()
        ]
        parts += ["", Text(f"{title}: gap [95%]", style="bold"), *(Text(f"  {clean(x)}") for x in lines)]
    return parts


def labels_text(run_folder: Path) -> RenderableType:
    """What a run says: every article and its labels if there are at most 12, else counts per target."""
    if pq.ParquetFile(run_folder / "articles.parquet").metadata.num_rows > FEW_ARTICLES:
        return _counts(run_folder / "stances.parquet")
    stances = pq.read_table(run_folder / "stances.parquet", columns=["article_id", "target", "label"])
    rows = list(zip(*(stances.column(name).to_pylist() for name in stances.column_names), strict=True))
    names = ["article_id", "title", "outlet", "outlet_language", "tone"]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("article", "outlet", "tone", "stance"):
        table.add_column(name)
    for article in pq.read_table(run_folder / "articles.parquet", columns=names).to_pylist():
        said = ", ".join(f"{target} {label}" for key, target, label in rows if key == article["article_id"])
        outlet = f"{article['outlet'] or '?'} ({article['outlet_language'] or '?'})"
        title = article["title"] or article["article_id"]
        cells = (title, outlet, article["tone"], said or "no target mentioned")
        table.add_row(*(Text(clean(cell)) for cell in cells))
    return table


def _counts(stances: Path) -> RenderableType:
    """Labels of each target, counted a batch at a time: a run may have more rows than fit into memory."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("target")
    for name in ("articles", *_ORDER):
        table.add_column(name, justify="right")
    counts: dict[str, Counter[str]] = {}
    for batch in pq.ParquetFile(stances).iter_batches(columns=["target", "label"]):
        for target, label in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            counts.setdefault(target, Counter())[label] += 1
    for target, seen in sorted(counts.items(), key=lambda item: -item[1].total())[:MOST_ROWS]:
        table.add_row(Text(clean(target)), f"{seen.total():,}", *(f"{seen[label]:,}" for label in _ORDER))
    return table


def _table(comparison: Comparison) -> Table:
    a, b = comparison.groups
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("target", max_width=18, overflow="ellipsis", no_wrap=True)
    for name in (f"{a} mean [95%]", f"{b} mean [95%]", "gap [95%]"):
        table.add_column(Text(name), justify="right", no_wrap=True)  # Text: brackets are not markup here
    table.add_column("", width=1)
    for _, row in comparison.table.head(MOST_ROWS).iterrows():
        cells = [
            Text(_numbers(row[name], row[f"{name}_low"], row[f"{name}_high"]))
            for name in (f"mean_{a}", f"mean_{b}", "gap")
        ]
        style = "bold" if row["clear"] else ""
        table.add_row(Text(clean(row["name"])), *cells, "*" if row["clear"] else "", style=style)
    return table


def _numbers(value: float, low: float, high: float) -> str:
    # Without the leading zero, as journals print scores, three estimates fit into 80 columns.
    ends = "no interval" if math.isnan(low) or math.isnan(high) else f"{signed(low)}, {signed(high)}"
    return f"{signed(value)} [{ends}]".replace("0.", ".")
