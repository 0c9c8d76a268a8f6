"""The sentences that show best how each group presents a target."""

from __future__ import annotations

from typing import Final

import pandas as pd

from polystance.inference.observations import Observations

PER_CELL: Final = 3
COLUMNS: Final = (
    "target", "group", "label", "score", "sentence", "in_headline", "headline", "outlet", "published",
    "text_language", "url", "article_id",
)  # fmt: skip


def telling_sentences(
    observations: Observations, targets: list[str], per_cell: int = PER_CELL
) -> pd.DataFrame:
    """The sentences with the highest |score| for each target, group and label but neutral.

    A sentence counts once per target even if many outlets carry it, and a cell shows another outlet before
    a second sentence of the same one. Rows whose label is "uncertain", or that name no sentence, are passed
    over. Columns: `COLUMNS`; `score` from -1 to 1; `published` is an ISO 8601 date.
    """
    found = observations.frame(
        """
        WITH candidates AS (
            SELECT target, outlet_language AS "group", label, score::DOUBLE AS score, outlet, article_id,
                trim(regexp_replace(evidence, '\\s+', ' ', 'g')) AS sentence,
                evidence_start IS NULL AS in_headline
            FROM rows
            WHERE label IN ('favor', 'against') AND evidence IS NOT NULL
                AND ((label = 'favor') = (score > 0)) AND list_contains(?, target)
        ), once AS (
            SELECT *, row_number() OVER (
                PARTITION BY target, lower(sentence) ORDER BY abs(score) DESC, article_id) AS copy
            FROM candidates WHERE sentence != ''
        ), spread AS (
            SELECT *, row_number() OVER (
                PARTITION BY target, "group", label, outlet ORDER BY abs(score) DESC, article_id) AS turn
            FROM once WHERE copy = 1
        ), ranked AS (
            SELECT *, row_number() OVER (
                PARTITION BY target, "group", label ORDER BY turn, abs(score) DESC, article_id) AS place
            FROM spread
        )
        SELECT r.*, i.title AS headline, left(i.published, 10) AS published, i.text_language, i.url
        FROM ranked r LEFT JOIN (
            SELECT article_id, any_value(title) AS title, any_value(published) AS published,
                any_value(text_language) AS text_language, any_value(url) AS url
            FROM items GROUP BY article_id
        ) i USING (article_id)
        WHERE place <= ?
        ORDER BY target, "group", label, place
        """,
        [targets, per_cell],
    )
    order = {target: place for place, target in enumerate(targets)}
    sides = {group: place for place, group in enumerate(observations.groups)}
    found = found.sort_values(
        ["target", "group", "label", "place"],
        key=lambda column: (
            column.map(order if column.name == "target" else sides)
            if column.name in ("target", "group")
            else column
        ),
    )
    return found[list(COLUMNS)].reset_index(drop=True)
