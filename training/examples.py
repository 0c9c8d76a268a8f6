"""Labelled examples, and readers that bring each data set into one form.

A data set lies in its own folder under `data/`, as JSONL, plain or gzipped. Labels that a data set
doesn't have stay None and cost nothing in training.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from polystance.errors import DataError
from polystance.models.labels import STANCES, TONES
from polystance.models.mentions import default_finder, find_literal
from polystance.models.records import Mention
from polystance.seeds import resource
from polystance.training.passages import Passage, read_documents


@dataclass(frozen=True, slots=True)
class Example:
    """A labelled text.

    Attributes:
        document: Splits never share one.
        stances: Label per target.
        title_mentions, text_mentions: Where the targets are named; mentions of other targets are left out.
        tone: None where not labelled; `frames` likewise (an empty tuple means: labelled, none).
        group: Part of the data set that a figure is wanted for (an outlet, a subset).
        soft: Probability of each stance per target, in the order of `STANCES`, where a model gave the label;
            targets that are not in it count as certain.
    """

    id: str
    document: str
    language: str
    title: str
    text: str
    stances: Mapping[str, str]
    title_mentions: tuple[Mention, ...] = ()
    text_mentions: tuple[Mention, ...] = ()
    tone: str | None = None
    frames: tuple[str, ...] | None = None
    group: str = ""
    evidence: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    soft: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


def _paths(folder: Path, name: str) -> list[Path]:
    return [p for p in (folder / f"{name}.jsonl.gz", folder / f"{name}.jsonl") if p.is_file()]


def has_rows(folder: Path, name: str) -> bool:
    """Whether `read_rows` finds a file."""
    return bool(_paths(folder, name))


def read_rows(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """Rows of `folder/name.jsonl` or `.jsonl.gz`. Raises DataError if neither is there, or for a bad line."""
    paths = _paths(folder, name)
    if not paths:
        raise DataError(
            f"Neither {name}.jsonl nor {name}.jsonl.gz in {folder}. Give the folder that holds the data set."
        )
    yield from read_jsonl(paths[0])


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """Objects of a file of JSON Lines, gzipped if its name ends in `.gz`. Raises DataError for a bad line."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
            except ValueError as error:
                raise DataError(f"{path}, line {number} is not JSON: {error}.") from error
            if not isinstance(row, dict):
                raise DataError(f"{path}, line {number}: expected an object, found {line[:40]!r}.")
            yield row


def find_mentions(
    title: str, text: str, date: str | None = None, targets: Container[str] | None = None
) -> tuple[tuple[Mention, ...], tuple[Mention, ...]]:
    """Where title and text name the countries among `targets`, or any country if None.

    `date`: ISO 8601; ignored without a day.
    """
    finder, day = default_finder(), date if date and len(date) >= 10 else None

    def find(part: str) -> tuple[Mention, ...]:
        return tuple(m for m in finder.find(part, day) if targets is None or m.target in targets)

    return find(title), find(text)


def read_country_news(folder: Path, split: str) -> Iterator[Example]:
    """News passages labelled per country (`split`: train, dev, test, articles_dev)."""
    for row in read_rows(folder, split):
        stances = {target: label for target, label in row["stance"].items() if label in STANCES}
        title_mentions, text_mentions = find_mentions(
            row["title"] or "", row["text"], row.get("date"), stances
        )
        yield Example(
            id=row["id"],
            document=row["id"],
            language=row["lang"],
            title=row["title"] or "",
            text=row["text"],
            stances=stances,
            title_mentions=title_mentions,
            text_mentions=text_mentions,
            tone=row["tone"] if row["tone"] in TONES else None,
            frames=tuple(row["frames"]),
            group=row["source"],
            evidence={
                target: tuple([quotes] if isinstance(quotes, str) else quotes)
                for target, quotes in (row.get("evidence") or {}).items()
            },
        )


def grouped_by_text(rows: Iterator[dict[str, Any]], document: str) -> Iterator[Example]:
    """Rows of one label each, gathered by text, so that one pass sees all targets of a text.

    A target with differing labels in one text (an annotator's change of mind, or a stance that
    changes from mention to mention) is taken only if one label has the majority. Where a data set has no
    offsets, mentions are found as the classifier finds those of a free-text target.
    """
    texts: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        texts[row["text"]].append(row)
    for text, group in texts.items():
        votes: dict[str, Counter[str]] = defaultdict(Counter)
        mentions = set()
        for row in group:
            votes[row["target"]][row["label"]] += 1
            if row.get("target_start") is not None:
                mentions.add(Mention(row["target"], row["target_start"], row["target_end"]))
        stances = {}
        for target, counts in votes.items():
            (label, first), *rest = counts.most_common(2)
            if not rest or first > rest[0][1]:
                stances[target] = label
        mentions.update(find_literal(text, stances.keys() - {m.target for m in mentions}))
        if stances:
            kept = sorted(
                (m for m in mentions if m.target in stances), key=lambda m: (m.start, m.end, m.target)
            )
            first_row = group[0]
            yield Example(
                id=first_row["id"],
                document=first_row.get(document) or first_row["id"],
                language=first_row["lang"],
                title="",
                text=text,
                stances=stances,
                text_mentions=tuple(kept),
                group=first_row.get("subset") or "",
            )


def read_grouped(folder: Path, split: str) -> Iterator[Example]:
    """Any data set of rows `text, target, label[, target_start, target_end]`."""
    yield from grouped_by_text(read_rows(folder, split), "doc_id")


def _annotations() -> Path:
    """Labels that were made for this project."""
    return Path(str(files("polystance.training") / "annotations"))


def read_annotations(folder: Path, split: str) -> Iterator[Example]:
    """Labels that ship in `training/annotations`, on passages of the corpora beside the labelled sets.

    The labels name a passage by its place in a corpus (`training.passages`), since its text is a third
    party's. Raises DataError if a corpus is missing, or has another text in that place.
    """
    wanted: dict[tuple[str, str], dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in read_rows(_annotations(), split):
        wanted[row["lang"], row["corpus"]][row["document"]].append(row)
    for (language, corpus), by_document in wanted.items():
        for document in read_documents(folder.parent.parent, language, corpus):
            for row in by_document.pop(document.id, ()):
                passage = Passage(document, row["start"], row["end"])
                if passage.fingerprint != row["fingerprint"]:
                    raise DataError(
                        f"Corpus {corpus!r} has another text at {passage.id} than the one that was labelled. "
                        f"Take the version that was labelled, or take split {split!r} out of the recipe."
                    )
                stances = {target: label for target, label in row["stance"].items() if label in STANCES}
                title_mentions, text_mentions = find_mentions(
                    document.title, passage.text, document.date, stances
                )
                yield Example(
                    id=passage.id,
                    document=document.id,
                    language=language,
                    title=document.title,
                    text=passage.text,
                    stances=stances,
                    title_mentions=title_mentions,
                    text_mentions=text_mentions,
                    tone=row["tone"],
                    frames=tuple(row["frames"]),
                    group=corpus,
                )
        if by_document:
            raise DataError(
                f"Corpus {corpus!r} lacks {len(by_document)} labelled documents, {min(by_document)} first. "
                f"Take the version that was labelled, or take split {split!r} out of the recipe."
            )


def read_contrasts(folder: Path, split: str) -> Iterator[Example]:
    """Pairs of passages in which a few words turn a label; they ship in `training/annotations`.

    Written for training, in the manner of contrast sets (Gardner et al. 2020). `folder` is not read.
    """
    for row in read_rows(_annotations(), f"contrasts-{split}"):
        _, text_mentions = find_mentions("", row["text"], targets=row["stance"])
        yield Example(
            id=row["id"],
            document=row["pair"],
            language=row["lang"],
            title="",
            text=row["text"],
            stances=row["stance"],
            text_mentions=text_mentions,
            tone=row["tone"],
            frames=tuple(row["frames"]),
            group=row["kind"],
        )


def read_tones(folder: Path, split: str) -> Iterator[Example]:
    """A data set of rows `text, label` where the label is the tone of the whole text."""
    for row in read_rows(folder, split):
        if row["label"] in TONES:
            yield Example(row["id"], row["id"], row["lang"], "", row["text"], {}, tone=row["label"])


def read_seeds() -> list[Example]:
    """The sample corpus that ships, with its gold labels and mentions."""
    examples = []
    for line in resource("labels.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        spans: dict[str, list[Mention]] = {"title": [], "text": []}
        for mention in row["mentions"]:
            spans[mention["field"]].append(Mention(mention["target"], mention["start"], mention["end"]))
        examples.append(
            Example(
                id=row["id"],
                document=row["event"],
                language=row["lang"],
                title=row["title"],
                text=row["text"],
                stances=row["stance"],
                title_mentions=tuple(spans["title"]),
                text_mentions=tuple(spans["text"]),
                tone=row["tone"],
                frames=tuple(row["frames"]),
                group=row["outlet"],
                evidence={target: (quote,) for target, quote in row["evidence"].items()},
            )
        )
    return examples


READERS: Mapping[str, Callable[[Path, str], Iterator[Example]]] = {
    "country-news": read_country_news,
    "annotations": read_annotations,
    "contrasts": read_contrasts,
    "whu-us-china": read_grouped,
    "newsmtsc": read_grouped,
    "dse": read_grouped,
    "ruw": read_grouped,
    "c-stance": read_grouped,
    "nlpcc2016-stance": read_grouped,
    "sentfin": read_grouped,
    "bdci2019-news-sentiment": read_tones,
    "financial-phrasebank": read_tones,
}


def read_examples(data: Path, name: str, split: str) -> list[Example]:
    """Examples of a data set by name, from `data/NAME`."""
    if name not in READERS:
        raise DataError(
            f"No reader for data set {name!r}. There are readers for: {', '.join(sorted(READERS))}."
        )
    try:
        return list(READERS[name](data / name, split))
    except KeyError as error:
        raise DataError(f"{data / name}: a row of split {split!r} has no {error}.") from error
