"""Precision and recall of the mention finder, per language: `python -m benchmarks.mentions [--data FOLDER]`.

Against `seeds/labels.jsonl`, mention by mention: a found mention is right if it overlaps a marked one of
the same target. With `--data`, a folder of `*.jsonl(.gz)` files, passage by passage: the set of targets
found in title and text against the keys of `stance`, those with the value `not_mentioned` left out.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from polystance.models.mentions import default_finder
from polystance.seeds import resource


class Score:
    """Counts of one measure, per language, with examples of what was missed or made up."""

    def __init__(self) -> None:
        self.right_found: Counter[str] = Counter()
        self.found: Counter[str] = Counter()
        self.right_marked: Counter[str] = Counter()
        self.marked: Counter[str] = Counter()
        self.errors: list[str] = []

    def report(self, name: str, errors: int) -> None:
        for lang in sorted(self.marked | self.found):
            precision = self.right_found[lang] / max(1, self.found[lang])
            recall = self.right_marked[lang] / max(1, self.marked[lang])
            counts = f"found {self.found[lang]}, marked {self.marked[lang]}"
            print(f"{name}\t{lang}\tprecision {precision:.3f}\trecall {recall:.3f}\t{counts}")
        for line in self.errors[:errors]:
            print("  " + line)


def score_marked(rows: Iterable[dict[str, Any]]) -> Score:
    """Mention level: rows with `lang`, `published`, `title`, `text` and `mentions`."""
    score, finder = Score(), default_finder()
    for row in rows:
        lang = row["lang"]
        for place in ("title", "text"):
            text = row[place]
            gold = [(m["target"], m["start"], m["end"]) for m in row["mentions"] if m["field"] == place]
            found = [(m.target, m.start, m.end) for m in finder.find(text, row.get("published"))]
            score.found[lang] += len(found)
            score.marked[lang] += len(gold)
            for kind, ours, theirs, right in (
                ("false", found, gold, score.right_found),
                ("missed", gold, found, score.right_marked),
            ):
                for target, start, end in ours:
                    if any(target == t and start < e and s < end for t, s, e in theirs):
                        right[lang] += 1
                    else:
                        shown = f"{text[max(0, start - 30) : start]}[{text[start:end]}]{text[end : end + 30]}"
                        score.errors.append(
                            f"{kind} {target} {row.get('id', '')}: {shown}".replace("\n", " ")
                        )
    return score


def score_passages(rows: Iterable[dict[str, Any]]) -> Score:
    """Passage level: rows with `lang`, `date`, `title`, `text` and `stance`."""
    score, finder = Score(), default_finder()
    for row in rows:
        lang, whole = row["lang"], f"{row['title']}\n{row['text']}"
        gold = {code for code, label in row["stance"].items() if label != "not_mentioned"}
        mentions = finder.find(whole, row.get("date"))
        found = {mention.target for mention in mentions}
        score.found[lang] += len(found)
        score.marked[lang] += len(gold)
        score.right_found[lang] += len(found & gold)
        score.right_marked[lang] += len(found & gold)
        for target in sorted(found - gold):
            shown = [whole[max(0, m.start - 15) : m.end + 15] for m in mentions if m.target == target]
            score.errors.append(f"false {target} {row['id']}: {shown[:3]}")
        for target in sorted(gold - found):
            score.errors.append(f"missed {target} {row['id']}: {whole[:300]!r}")
    return score


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Objects of a JSON Lines file, gzipped or not."""
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of passages labelled with stance per target")
    parser.add_argument("--errors", type=int, default=0, metavar="N", help="also show N mistakes a measure")
    options = parser.parse_args()
    gold = Path(str(resource("labels.jsonl")))
    if gold.exists():
        score_marked(read_rows(gold)).report("labels.jsonl", options.errors)
    elif options.data is None:
        parser.error(f"there is no {gold.name} yet; give a folder of passages with --data")
    if options.data is not None:
        for path in sorted([*options.data.glob("*.jsonl.gz"), *options.data.glob("*.jsonl")]):
            score_passages(read_rows(path)).report(path.name, options.errors)


if __name__ == "__main__":
    main()
