"""Labelled data in single files: others' sets in the form their makers publish, and rows of one's own.

Which form a file has is told by the keys of its first row.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

from polystance.errors import DataError
from polystance.models.labels import FRAMES, STANCES, TONES
from polystance.models.mentions import find_literal
from polystance.models.targets import is_country, parse_targets
from polystance.training.examples import (
    Example,
    find_mentions,
    grouped_by_text,
    has_rows,
    read_examples,
    read_jsonl,
    read_seeds,
)

SEEDS: Final = "seeds"
DEFAULT: Final = "country-news"
Row = dict[str, Any]


def load_examples(source: str | Path, name: str | None = None, split: str = "test") -> list[Example]:
    """Labelled examples, from wherever they are.

    Args:
        source: "seeds" for the sample corpus that ships; a file of one of the forms in `FORMS`, gzipped if
            its name ends in `.gz`; or a folder of data sets.
        name: In such a folder, the data set; "country-news" if None.
        split: In such a folder, the split.

    Raises:
        DataError: There is no such source, or a row has not the form that it should have.
    """
    if str(source) == SEEDS:
        return read_seeds()
    path = Path(source)
    if path.is_dir():
        return read_examples(path, name or DEFAULT, split)
    if not path.is_file():
        raise DataError(
            f"No labelled data at {path}: give {SEEDS!r}, a file (.jsonl or .csv), or a folder of data sets."
        )
    return _read_file(path)


@dataclass(frozen=True)
class LabelledSplit:
    """What is scored, and what controls are fitted on.

    Attributes:
        dataset, name: Of the set and the split, for the results.
        train, dev: Empty where there are none.
    """

    dataset: str
    name: str
    examples: Sequence[Example]
    train: Sequence[Example] = ()
    dev: Sequence[Example] = ()


def load_split(
    source: str | Path, name: str | None = None, split: str = "test", *, controls: bool = True
) -> LabelledSplit:
    """As `load_examples`, with the train and dev splits beside it where the source is a folder of data sets.

    `controls`: whether the train and dev splits must be there, since controls are to be fitted on them.
    """
    examples, path = load_examples(source, name, split), Path(source)
    if str(source) == SEEDS or not path.is_dir():
        return LabelledSplit("sample corpus" if str(source) == SEEDS else path.name, "all rows", examples)
    name = name or DEFAULT
    # Without controls, too: texts that were trained on must be known.
    train = read_examples(path, name, "train") if controls or has_rows(path / name, "train") else []
    dev = read_examples(path, name, "dev") if controls else []
    return LabelledSplit(name, split, examples, train, dev)


def _read_file(path: Path) -> list[Example]:
    counted = 0

    def counting() -> Iterator[Row]:
        nonlocal counted
        for row in _rows(path):
            counted += 1
            yield {"id": str(counted), **row}

    rows = counting()
    try:
        first = next(rows, None)
        if first is None:
            raise DataError(f"{path} has no rows.")
        reader = next((reader for keys, reader in FORMS.items() if first.keys() >= set(keys)), None)
        if reader is None:
            forms = "; ".join(", ".join(keys) for keys in FORMS)
            keys = ", ".join(map(str, first))
            raise DataError(f"{path}: the first row has the keys {keys}. Forms that are read: {forms}.")
        return list(reader(chain([first], rows)))
    except (EOFError, KeyError, OSError, TypeError, ValueError, csv.Error, zlib.error) as error:
        what = f"no {error}" if isinstance(error, KeyError) else error
        raise DataError(f"{path}, row {counted}: {what}. Correct the row, or leave it out.") from error


def _rows(path: Path) -> Iterator[Row]:
    if path.name.removesuffix(".gz").endswith(".csv"):
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8-sig", newline="") as lines:
            yield from csv.DictReader(lines)
    else:
        yield from read_jsonl(path)


def _newsmtsc(rows: Iterator[Row]) -> Iterator[Example]:
    """NewsMTSC (Hamborg and Donnay 2021), as in its archive: sentences with targets and their polarity."""
    stances = {2.0: "against", 4.0: "neutral", 6.0: "favor"}

    def flat() -> Iterator[Row]:
        for row in rows:
            for target in row["targets"]:
                label = stances[float(target["polarity"])]
                yield _sentence(row["primary_gid"], row["sentence_normalized"], target, label)

    yield from grouped_by_text(flat(), "doc_id")


def _newsmtsc_hub(rows: Iterator[Row]) -> Iterator[Example]:
    """NewsMTSC as on the Hugging Face hub: a row per sentence and target."""
    stances = {-1: "against", 0: "neutral", 1: "favor"}
    flat = (_sentence(r["id"], r["sentence"], r, stances[int(r["polarity"])]) for r in rows)
    yield from grouped_by_text(flat, "doc_id")


def _sentence(key: str, text: str, target: Row, label: str) -> Row:
    start, end, mention = int(target["from"]), int(target["to"]), target["mention"]
    # Where offsets are wrong, mentions are found by their text.
    place = {"target_start": start, "target_end": end} if text[start:end] == mention else {}
    return {"id": key, "lang": "en", "text": text, "target": mention, "label": label, **place}


def _c_stance(rows: Iterator[Row]) -> Iterator[Example]:
    """C-STANCE (Zhao, Li and Caragea 2023): posts with noun phrases or claims as targets.

    Rows that the makers mark as not in use are left out.
    """
    stances = {"支持": "favor", "中立": "neutral", "反对": "against"}
    flat = (
        {
            "id": row["id"],
            "lang": "zh",
            "text": row["Text"],
            "target": row["Target 1"],
            "label": stances[row["Stance 1"].strip()],
            "subset": row.get("Type"),
        }
        for row in rows
        if row.get("In Use") != "0"
    )
    yield from grouped_by_text(flat, "doc_id")


def _x_stance(rows: Iterator[Row]) -> Iterator[Example]:
    """x-stance (Vamvas and Sennrich 2020): candidates' comments in German, French and Italian on questions.

    The question is the target. There is no neutral. A document is an author, whose comments are alike.
    """
    stances = {"FAVOR": "favor", "AGAINST": "against"}
    flat = (
        {
            "id": str(row["id"]),
            "doc_id": row.get("author"),
            "lang": row["language"],
            "text": row["comment"],
            "target": row["question"],
            "label": stances[row["label"]],
            "subset": row.get("test_set") or row.get("topic"),
        }
        for row in rows
    )
    yield from grouped_by_text(flat, "doc_id")


def _own(rows: Iterator[Row]) -> Iterator[Example]:
    """Rows of one's own, a text each, in the form of the sample corpus.

    `text`, `stance` (target -> label) and `language` (or `lang`) are needed; `id`, `document`, `title`,
    `outlet`, `published`, `tone` and `frames` may be there.
    """
    for row in rows:
        given = dict(row["stance"])
        stances = dict(zip(parse_targets(given), given.values(), strict=True))
        _check("stance", stances.values(), STANCES)
        _check("tone", [row["tone"]] if row.get("tone") else [], TONES)
        _check("frame", row.get("frames") or [], FRAMES)
        if not isinstance(row["text"], str) or not row["text"].strip():
            raise ValueError("the text is missing")
        title, text = row.get("title") or "", row["text"]
        in_title, in_text = find_mentions(title, text, row.get("published"), stances)
        free = [target for target in stances if not is_country(target)]
        key = str(row["id"])
        yield Example(
            id=key,
            document=str(row.get("document") or key),
            language=str(row.get("language") or row["lang"]),
            title=title,
            text=text,
            stances=stances,
            title_mentions=tuple(sorted((*in_title, *find_literal(title, free)), key=lambda m: m.start)),
            text_mentions=tuple(sorted((*in_text, *find_literal(text, free)), key=lambda m: m.start)),
            tone=row.get("tone"),
            frames=None if row.get("frames") is None else tuple(row["frames"]),
            group=row.get("outlet") or "",
        )


def _check(kind: str, given: Iterable[Any], allowed: tuple[str, ...]) -> None:
    for label in given:
        if label not in allowed:
            raise ValueError(f"{kind} {label!r} is none of {', '.join(allowed)}")


# Keys that a file's first row must have -> its reader.
FORMS: Final[Mapping[tuple[str, ...], Callable[[Iterator[Row]], Iterator[Example]]]] = {
    ("text", "stance"): _own,
    ("sentence_normalized", "targets"): _newsmtsc,
    ("sentence", "mention", "from", "to", "polarity"): _newsmtsc_hub,
    ("Text", "Target 1", "Stance 1"): _c_stance,
    ("question", "comment", "label", "language"): _x_stance,
}
