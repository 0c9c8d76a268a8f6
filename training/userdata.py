"""Labels of one's own: a table of texts, targets and labels, from a file or the hub, as examples.

Two layouts, told apart by the columns that are there: long, a row per text and target with columns
`target` and `stance`; wide, a row per text with a column `stance_US` for each target, or a column `stance`
that holds a mapping such as {"US": "favor"}. docs/training.md shows them.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from polystance.errors import DataError, TargetError, UsageError
from polystance.models.columns import ARTICLE_NAMES, guess_columns, plain_cell
from polystance.models.labels import FRAMES, STANCES, TONES
from polystance.models.mentions import find_literal
from polystance.models.records import Mention
from polystance.models.targets import is_country, parse_targets
from polystance.models.texts import clean_text, detect_language, language_code, one_line
from polystance.training.examples import Example, find_mentions
from polystance.training.labeltables import SPLIT_WORDS, SPLITS, Table, read_tables

log = logging.getLogger(__name__)
Row = Mapping[str, Any]

COLUMN_NAMES: Final[Mapping[str, str]] = {
    **{name: ARTICLE_NAMES[name] for name in ("text", "title", "outlet", "date", "language")},
    "target": "target targetname entity country topic 目标 对象 國家 国家 话题",
    "stance": "stance label stancelabel goldlabel annotation 立场 立場 标签 標籤",
    "tone": "tone sentiment 情感 情绪 语气 基调",
    "frames": "frames frame 框架",
    "document": "document documentid docid articleid url event 文档 文档编号 文章编号 链接",
    "split": "split partition fold 划分 集合",
}
_WIDE: Final = re.compile(r"stance[_: ](.+)", re.IGNORECASE)
_STANCE_WORDS: Final = {
    "favor": "favor favour favorable positive pos pro for support supportive 1 +1 支持 赞成 正面",
    "neutral": "neutral neu 0 中立 中性",
    "against": "against negative neg anti con oppose opposed unfavorable critical -1 反对 批评 负面",
}
_TONE_WORDS: Final = {
    "positive": "positive pos 1 +1 正面 积极",
    "neutral": "neutral neu 0 中性",
    "negative": "negative neg -1 负面 消极",
}
_SHOWN: Final = 5


@dataclass(frozen=True)
class UserData:
    """Where labels of one's own lie and how they are written.

    Attributes:
        path: A .csv, .tsv, .jsonl, .json or .parquet file (text formats also as .gz or .zst), or
            `hf://datasets/USER/NAME[@REVISION]`.
        columns: Field -> column, where a column has no usual name; fields are those of `COLUMN_NAMES`.
        labels: Label in the data -> one of ours, where it has no usual name; "" leaves rows with it out.
        dev, test: Files of these splits, where each has its own.
    """

    path: str
    columns: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    dev: str = ""
    test: str = ""

    def places(self) -> list[tuple[str, str]]:
        """Each file or address, with the split it is of; "" for that which may hold several."""
        return [(self.path, ""), *((place, split) for split, place in self._apart() if place)]

    def _apart(self) -> tuple[tuple[str, str], ...]:
        return ("dev", self.dev), ("test", self.test)


def read_userdata(data: UserData) -> dict[str, list[Example]]:
    """Examples by split: "train", "dev", "test", and "" for those that no split was given for.

    Raises:
        UsageError: A field or a label of the maps is none of ours.
        DataError: The file can't be read, lacks a column, or has rows that can't be understood.
        HubError: The data set can't be fetched.
    """
    reader = _Reader(data)
    tables = [part for place, split in data.places() for part in read_tables(place, split)]
    # The same text may stand in several rows, one per target: rows are gathered by split and text.
    rows: dict[tuple[str, str], list[_Labels]] = defaultdict(list)
    for split, table in tables:
        for labels in reader.rows(table, split):
            rows[labels.split, labels.text].append(labels)
    reader.finish()
    examples: dict[str, list[Example]] = {split: [] for split in ("", *SPLITS)}
    torn = 0
    for (split, _), group in rows.items():
        example, ties = _example(group)
        torn += ties
        if example:
            examples[split].append(example)
    if torn:
        log.warning("%d stances left out: their rows disagree, and none has the majority", torn)
    return {split: found for split, found in examples.items() if found}


@dataclass(frozen=True)
class _Labels:
    """What one row says."""

    split: str
    text: str
    title: str
    document: str
    language: str
    outlet: str
    date: str | None
    stances: Mapping[str, str]
    tone: str | None
    frames: tuple[str, ...] | None


class _Reader:
    """Rows of tables turned to labels; what can't be understood is gathered and told at the end."""

    def __init__(self, data: UserData) -> None:
        self.data = data
        if unknown := sorted(set(data.columns) - set(COLUMN_NAMES)):
            raise UsageError(
                f"columns: no field {', '.join(unknown)}. Fields: {', '.join(COLUMN_NAMES)}. "
                "Write FIELD=COLUMN, such as text=body."
            )
        if wrong := sorted(set(data.labels.values()) - {"", *STANCES, *TONES, *FRAMES}):
            raise UsageError(
                f"labels: {', '.join(map(repr, wrong))} is no label of ours. Allowed are stances "
                f"({', '.join(STANCES)}), tones ({', '.join(TONES)}), frames ({', '.join(FRAMES)}), "
                "and nothing, to leave such rows out."
            )
        self.own = {_key(word): label for word, label in data.labels.items()}
        self.bad: list[str] = []
        self.empty = 0

    def rows(self, table: Table, split: str) -> Iterator[_Labels]:
        columns = self.columns(table)
        used = set(columns.values())
        wide = {name: m[1] for name in table.columns if name not in used and (m := _WIDE.fullmatch(name))}
        if not wide and not {"stance", "tone", "frames"} & set(columns):
            raise DataError(
                f"{table.place} has no column of labels; columns found: {', '.join(table.columns[:30])}. "
                "Give `target` and `stance`, or a column for each target such as `stance_US`, or name yours: "
                '--column stance=NAME (columns = { stance = "NAME" } in a recipe).'
            )
        for number, values in enumerate(table.rows, table.first):
            row = {name: plain_cell(value) for name, value in values.items()}
            if all(value is None or value == "" for value in row.values()):
                continue
            try:
                found = self.row(row, columns, wide, split)
            except (_CellError, TargetError) as error:
                self.bad.append(f"{table.place}, row {number}: {error}")
                continue
            if found.stances or found.tone or found.frames is not None:
                yield found
            else:
                self.empty += 1

    def columns(self, table: Table) -> dict[str, str]:
        found = ", ".join(table.columns[:30])
        for name, column in self.data.columns.items():
            if column not in table.columns:
                raise DataError(
                    f"{table.place} has no column {column!r}, given for {name}; columns found: {found}."
                )
        columns = guess_columns(table.columns, self.data.columns, COLUMN_NAMES)
        if "text" not in columns:
            raise DataError(
                f"{table.place} has no column of texts; columns found: {found}. Name it: --column text=NAME "
                '(columns = { text = "NAME" } in a recipe).'
            )
        return columns

    def row(self, row: Row, columns: Mapping[str, str], wide: Mapping[str, str], split: str) -> _Labels:
        cells = {name: row.get(column) for name, column in columns.items()}
        text = clean_text(_string(cells["text"])).strip()
        if not text:
            raise _CellError(f"column {columns['text']!r} holds no text")
        stances = self.stances(cells, {target: row.get(name) for name, target in wide.items()}, columns)
        language = _string(cells.get("language"))
        day = re.match(r"\d{4}-\d{2}-\d{2}", _string(cells.get("date")))
        return _Labels(
            split=split or self.word(cells.get("split"), SPLIT_WORDS, "split") or "",
            text=text,
            title=one_line(_string(cells.get("title"))),
            document=_string(cells.get("document")),
            language=language_code(language) or detect_language(text) or "en",
            outlet=one_line(_string(cells.get("outlet"))),
            date=day[0] if day else None,
            stances=stances,
            tone=self.word(cells.get("tone"), _TONE_WORDS, "tone", TONES),
            frames=self.frames(cells.get("frames")) if "frames" in columns else None,
        )

    def stances(self, cells: Row, wide: Row, columns: Mapping[str, str]) -> dict[str, str]:
        pairs: dict[str, Any] = dict(wide)
        value = cells.get("stance")
        if isinstance(value, str) and value.lstrip().startswith("{"):
            try:
                value = json.loads(value)
            except ValueError as error:
                raise _CellError(f"the stances {value[:40]!r} are not JSON: {error}") from error
        if isinstance(value, Mapping):
            pairs |= value
        elif value is not None:
            target = _string(cells.get("target")).strip()
            if not target:
                where = columns.get("target")
                reason = f"column {where!r} is empty" if where else "no column names it"
                raise _CellError(f"a stance without a target: {reason}; name the column with target=NAME")
            pairs[target] = value
        found = {}
        for target, label in pairs.items():
            if (stance := self.word(label, _STANCE_WORDS, "stance", STANCES)) is not None:
                found[parse_targets([target])[0]] = stance
        return found

    def word(
        self, value: object, words: Mapping[str, str], what: str, allowed: Iterable[str] = SPLITS
    ) -> str | None:
        """One of the labels of `words`; None for an empty cell or a label that is to be left out."""
        key = _key(_string(plain_cell(value)))
        if not key:
            return None
        if what != "split" and key in self.own:
            return self._checked(self.own[key], allowed, value, what)
        for label, usual in words.items():
            if key in usual.split():
                return label
        raise _CellError(
            f"the {what} {str(value)[:40]!r} is none of {', '.join(allowed)} or their usual synonyms"
            + ("" if what == "split" else "; say what it means with --label WORD=LABEL (labels in a recipe)")
        )

    def frames(self, value: object) -> tuple[str, ...] | None:
        if value is None or value == "":
            return None
        listed = value if isinstance(value, list | tuple) else re.split(r"[\s,;|，；、]+", _string(value))
        found: list[str] = []
        if [_key(str(name)) for name in listed] == ["none"]:
            return ()
        for name in filter(None, map(str, listed)):
            key = _key(name).replace(" ", "_")
            if label := self._checked(self.own.get(key, key), FRAMES, name, "frame"):
                found.append(label)
        return tuple(dict.fromkeys(found))

    def _checked(self, label: str, allowed: Iterable[str], value: object, what: str) -> str | None:
        if label and label not in allowed:
            raise _CellError(f"the {what} {str(value)[:40]!r} is none of {', '.join(allowed)}")
        return label or None

    def finish(self) -> None:
        """Raise DataError if rows could not be understood; say how many have no label."""
        if self.bad:
            more = f"\n  and {len(self.bad) - _SHOWN} more" if len(self.bad) > _SHOWN else ""
            raise DataError(
                f"Rows that can't be used: {len(self.bad)}.\n  "
                + "\n  ".join(self.bad[:_SHOWN])
                + more
                + "\nMend these rows, or empty the label of those that are to be left out."
            )
        if self.empty:
            log.warning("%d rows without a label left out", self.empty)


class _CellError(ValueError):
    """A cell that can't be understood; becomes a line of a DataError."""


def _key(word: str) -> str:
    """A label for comparison; 1.0 is what pandas makes of 1."""
    return re.sub(r"^([+-]?\d+)\.0$", r"\1", " ".join(word.split()).casefold())


def _string(value: object) -> str:
    if value is None or isinstance(value, Mapping | list | tuple):
        return ""
    return str(value)


def _example(rows: list[_Labels]) -> tuple[Example | None, int]:
    """The example of one text, and how many targets were left out because its rows are torn."""
    first, torn = rows[0], 0
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        for target, label in row.stances.items():
            votes[target][label] += 1
    stances = {}
    for target, counts in votes.items():
        (label, most), *rest = counts.most_common(2)
        if rest and rest[0][1] == most:
            torn += 1
        else:
            stances[target] = label
    tones = Counter(row.tone for row in rows if row.tone).most_common(2)
    tone = tones[0][0] if tones and (len(tones) == 1 or tones[0][1] > tones[1][1]) else None
    frames = next((row.frames for row in rows if row.frames is not None), None)
    if not stances and tone is None and frames is None:
        return None, torn
    title_mentions, text_mentions = find_mentions(first.title, first.text, first.date, stances)
    free = [target for target in stances if not is_country(target)]
    key = hashlib.sha256(first.text.encode()).hexdigest()[:16]
    return (
        Example(
            id=key,
            document=first.document or key,
            language=first.language,
            title=first.title,
            text=first.text,
            stances=stances,
            title_mentions=_sorted([*title_mentions, *find_literal(first.title, free)]),
            text_mentions=_sorted([*text_mentions, *find_literal(first.text, free)]),
            tone=tone,
            frames=frames,
            group=first.outlet,
        ),
        torn,
    )


def _sorted(mentions: Iterable[Mention]) -> tuple[Mention, ...]:
    return tuple(sorted(mentions, key=lambda m: (m.start, m.end, m.target)))
