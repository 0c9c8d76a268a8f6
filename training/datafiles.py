"""Labelled data from wherever it is: the sample corpus, a folder of sets, a file.

A file is in the form in which the makers of a known set publish it, told by the keys of its first row, or a
table of labels of one's own (`userdata`).
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

from polystance.errors import DataError
from polystance.training.examples import (
    Example,
    grouped_by_text,
    has_rows,
    read_examples,
    read_jsonl,
    read_seeds,
)
from polystance.training.labeltables import HUB
from polystance.training.userdata import UserData, read_userdata

SEEDS: Final = "seeds"
DEFAULT: Final = "country-news"
Row = dict[str, Any]


def load_examples(
    source: str | Path,
    name: str | None = None,
    split: str = "test",
    *,
    columns: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
) -> list[Example]:
    """Labelled examples, from wherever they are.

    Args:
        source: "seeds" for the sample corpus that ships; a file of one of the forms in `FORMS`, gzipped if
            its name ends in `.gz`; a table of one's own or `hf://datasets/USER/NAME`, as `UserData` has
            them; or a folder of data sets.
        name: In such a folder, the data set; "country-news" if None.
        split: In such a folder, or a table of one's own that says which rows are of it, the split.
        columns, labels: Of a table of one's own, as of `UserData`.

    Raises:
        DataError: There is no such source, or a row has not the form that it should have.
        HubError: A data set on the hub can't be fetched.
    """
    if str(source) == SEEDS:
        return read_seeds()
    path = Path(source)
    if path.is_dir():
        return read_examples(path, name or DEFAULT, split)
    if not str(source).startswith(HUB):
        if not path.is_file():
            raise DataError(
                f"No labelled data at {path}: give {SEEDS!r}, a file such as labels.csv, a folder of data "
                "sets, or hf://datasets/USER/NAME."
            )
        if (examples := _published(path)) is not None:
            return examples
    # Where a file has splits, those that were trained on are not for scoring.
    own = read_userdata(UserData(str(source), columns or {}, labels or {}))
    return own.get(split) or [e for part in own.values() for e in part]


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
    source: str | Path, name: str | None = None, split: str = "test", *, controls: bool = True, **table: Any
) -> LabelledSplit:
    """As `load_examples`, with the train and dev splits beside it where the source is a folder of data sets.

    `controls`: whether the train and dev splits must be there, since controls are to be fitted on them.
    """
    examples, path = load_examples(source, name, split, **table), Path(source)
    if str(source) == SEEDS or not path.is_dir():
        return LabelledSplit("sample corpus" if str(source) == SEEDS else path.name, "all rows", examples)
    name = name or DEFAULT
    # Without controls, too: texts that were trained on must be known.
    train = read_examples(path, name, "train") if controls or has_rows(path / name, "train") else []
    dev = read_examples(path, name, "dev") if controls else []
    return LabelledSplit(name, split, examples, train, dev)


def _published(path: Path) -> list[Example] | None:
    """Examples of a file in one of the `FORMS`; None if it has none of them."""
    if not path.name.removesuffix(".gz").endswith((".csv", ".jsonl")):
        return None
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
        return list(reader(chain([first], rows))) if reader else None
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


# Keys that a file's first row must have -> its reader.
FORMS: Final[Mapping[tuple[str, ...], Callable[[Iterator[Row]], Iterator[Example]]]] = {
    ("sentence_normalized", "targets"): _newsmtsc,
    ("sentence", "mention", "from", "to", "polarity"): _newsmtsc_hub,
    ("Text", "Target 1", "Stance 1"): _c_stance,
    ("question", "comment", "label", "language"): _x_stance,
}
