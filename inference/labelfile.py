"""Labels in a plain file: `labels.csv`, a row per article and target; `labels.jsonl`, a line per article."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import Any, Final, Literal, get_args

from polystance.errors import UsageError
from polystance.inference.spreadsheet import inert
from polystance.models.records import ArticleLabels, StanceLabel

LabelFormat = Literal["csv", "jsonl"]
_DIGITS: Final = 4  # finer than any calibration

CSV_COLUMNS: Final = (
    "article_id", "title", "outlet", "outlet_language", "text_language", "published", "url", "source_file",
    "source_position", "target", "label", "score", "p_favor", "p_neutral", "p_against", "plausible",
    "mentions", "evidence", "tone", "frames",
)  # fmt: skip


def check_format(given: str | None) -> LabelFormat | None:
    """The format, if it is one.

    Raises:
        UsageError: It is another.
    """
    if given is None or given in get_args(LabelFormat):
        return given  # type: ignore[return-value]
    raise UsageError(f"--format {given!r}: give csv or jsonl; Parquet tables are written in any case.")


def head(form: LabelFormat) -> str:
    """What the file begins with: the header of a CSV, with the mark by which spreadsheets know UTF-8."""
    return "\ufeff" + _csv([CSV_COLUMNS]) if form == "csv" else ""


def body(labels: Iterable[ArticleLabels], form: LabelFormat) -> str:
    """The rows of some articles, in order. Bodies of files put together are the body of all."""
    if form == "csv":
        return _csv(_row(item, stance) for item in labels for stance in item.stances.values())
    return "".join(json.dumps(_object(item), ensure_ascii=False) + "\n" for item in labels)


def _csv(rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    # csv leaves a carriage return unquoted, which ends the row in a spreadsheet.
    return inert(value.replace("\r", "\n") if isinstance(value, str) else value)


def _row(item: ArticleLabels, stance: StanceLabel) -> list[object]:
    record = {**_article(item), **_stance(stance), "tone": item.tone.label, "frames": list(item.frames)}
    evidence = record["evidence"]
    record["evidence"] = evidence["text"] if evidence else None
    return [" ".join(v) if isinstance(v := record[name], list) else v for name in CSV_COLUMNS]


def _object(item: ArticleLabels) -> dict[str, Any]:
    return {
        **_article(item),
        "stances": [_stance(stance) for stance in item.stances.values()],
        "tone": {"label": item.tone.label, **_rounded(item.tone.probabilities)},
        "frames": list(item.frames),
        "windows": item.windows,
        "tokens": item.tokens,
    }


def _article(item: ArticleLabels) -> dict[str, Any]:
    article = item.article
    return {
        "article_id": article.id,
        "title": article.title,
        "outlet": article.outlet,
        "outlet_language": article.outlet_language,
        "text_language": article.language,
        "published": article.published,
        "url": article.url,
        "source_file": article.source_file,
        "source_position": article.source_position,
    }


def _stance(stance: StanceLabel) -> dict[str, Any]:
    evidence = stance.evidence
    return {
        "target": stance.target,
        "label": stance.label,
        "score": round(stance.score, _DIGITS) + 0.0,
        **_rounded(stance.probabilities),
        "plausible": list(stance.plausible),
        "mentions": stance.mentions,
        "evidence": evidence
        and {
            "text": evidence.text,
            "start": evidence.start,
            "end": evidence.end,
            "in_title": evidence.in_title,
        },
    }


def _rounded(probabilities: Any) -> dict[str, float]:
    return {f"p_{label}": round(p, _DIGITS) for label, p in probabilities.items()}
