"""The tables of a run folder: `articles.parquet`, `stances.parquet` and, unless left out, `texts.parquet`.

`stances` is tidy: one row per article and target. The schemas are part of the public contract;
`SCHEMA_VERSION` is written into each file and goes up when a column changes its meaning.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pyarrow as pa

from polystance.models.records import ArticleLabels

SCHEMA_VERSION: Final = "1"
_METADATA: Final = {"polystance_schema": SCHEMA_VERSION}

ARTICLES: Final = pa.schema(
    [
        pa.field("article_id", pa.string(), nullable=False),
        ("title", pa.string()),
        ("outlet", pa.string()),
        ("outlet_language", pa.string()),
        ("text_language", pa.string()),
        ("published", pa.string()),
        ("url", pa.string()),
        ("source_file", pa.string()),
        ("source_position", pa.int64()),
        pa.field("tone", pa.string(), nullable=False),
        pa.field("p_positive", pa.float32(), nullable=False),
        pa.field("p_neutral", pa.float32(), nullable=False),
        pa.field("p_negative", pa.float32(), nullable=False),
        pa.field("frames", pa.list_(pa.string()), nullable=False),
        pa.field("windows", pa.int32(), nullable=False),
        pa.field("tokens", pa.int32(), nullable=False),
    ],
    metadata=_METADATA,
)

STANCES: Final = pa.schema(
    [
        pa.field("article_id", pa.string(), nullable=False),
        ("outlet", pa.string()),
        ("outlet_language", pa.string()),
        ("text_language", pa.string()),
        ("published", pa.string()),
        pa.field("target", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("p_favor", pa.float32(), nullable=False),
        pa.field("p_neutral", pa.float32(), nullable=False),
        pa.field("p_against", pa.float32(), nullable=False),
        pa.field("score", pa.float32(), nullable=False),
        pa.field("plausible", pa.list_(pa.string()), nullable=False),
        pa.field("mentions", pa.int32(), nullable=False),
        pa.field("windows", pa.int32(), nullable=False),
        pa.field("tokens", pa.int32(), nullable=False),
        ("evidence", pa.string()),  # null if the article never mentions the target
        ("evidence_start", pa.int64()),  # characters into the body; null if the evidence is the title
        ("evidence_end", pa.int64()),
    ],
    metadata=_METADATA,
)

# Apart from the others, so that labels can be passed on where texts may not.
TEXTS: Final = pa.schema(
    [
        pa.field("article_id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
    ],
    metadata=_METADATA,
)


def articles_table(labels: Iterable[ArticleLabels]) -> pa.Table:
    """One row per article, in the order given."""
    rows = [
        {
            "article_id": item.article.id,
            "title": item.article.title,
            "outlet": item.article.outlet,
            "outlet_language": item.article.outlet_language,
            "text_language": item.article.language,
            "published": item.article.published,
            "url": item.article.url,
            "source_file": item.article.source_file,
            "source_position": item.article.source_position,
            "tone": item.tone.label,
            **{f"p_{label}": p for label, p in item.tone.probabilities.items()},
            "frames": list(item.frames),
            "windows": item.windows,
            "tokens": item.tokens,
        }
        for item in labels
    ]
    return pa.Table.from_pylist(rows, schema=ARTICLES)


def stances_table(labels: Iterable[ArticleLabels]) -> pa.Table:
    """One row per article and target, in the order given."""
    rows = []
    for item in labels:
        for stance in item.stances.values():
            evidence = stance.evidence
            in_body = evidence is not None and not evidence.in_title
            rows.append(
                {
                    "article_id": item.article.id,
                    "outlet": item.article.outlet,
                    "outlet_language": item.article.outlet_language,
                    "text_language": item.article.language,
                    "published": item.article.published,
                    "target": stance.target,
                    "label": stance.label,
                    **{f"p_{label}": p for label, p in stance.probabilities.items()},
                    "score": stance.score,
                    "plausible": list(stance.plausible),
                    "mentions": stance.mentions,
                    "windows": stance.windows,
                    "tokens": stance.tokens,
                    "evidence": evidence.text if evidence else None,
                    "evidence_start": evidence.start if evidence and in_body else None,
                    "evidence_end": evidence.end if evidence and in_body else None,
                }
            )
    return pa.Table.from_pylist(rows, schema=STANCES)


def texts_table(labels: Iterable[ArticleLabels]) -> pa.Table:
    """The body of each article, in the order given."""
    rows = [{"article_id": item.article.id, "text": item.article.text} for item in labels]
    return pa.Table.from_pylist(rows, schema=TEXTS)
