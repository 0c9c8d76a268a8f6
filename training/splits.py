"""Splits of labelled texts that share no document and no near-duplicate.

A near-duplicate shares half of its character shingles with another text (Broder 1997, "On the resemblance
and containment of documents"): a reprint with another ending, a wire story with a sentence changed. All pairs
are compared, by sparse products, which tens of thousands of texts are not too many for.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from polystance.errors import DataError
from polystance.training.examples import Example
from polystance.training.labeltables import SPLITS
from polystance.training.overlap import letters_and_digits

log = logging.getLogger(__name__)
RESEMBLANCE: Final = 0.5
SHARES: Final[Mapping[str, float]] = {"train": 0.7, "dev": 0.15, "test": 0.15}
_SHINGLE: Final = {"latin": 12, "other": 5}  # characters
_BLOCK: Final = 256  # rows of a product: a block of texts that all resemble each other still fits


@dataclass(frozen=True)
class Leaks:
    """Texts left out of a split since one that is tested on has them too: as a document, or nearly."""

    document: int = 0
    near_duplicate: int = 0

    def __add__(self, other: Leaks) -> Leaks:
        return Leaks(self.document + other.document, self.near_duplicate + other.near_duplicate)


def resolve_splits(
    given: Mapping[str, Sequence[Example]], seed: int = 0
) -> tuple[dict[str, list[Example]], Leaks]:
    """Train, dev and test, disjoint, from examples by split.

    Splits that are not there are drawn from the rows that may be trained on ("train" and ""), by document:
    a text and all that nearly repeats it stay together, and a document is always drawn the same way, whatever
    else is in the file. What stands in two splits stays in test, then in dev.

    Raises:
        DataError: Nothing is left for a split.
    """
    splits = {"train": [*given.get("train", ()), *given.get("", ())]}
    splits |= {name: list(given[name]) for name in ("dev", "test") if given.get(name)}
    lacking = [name for name in ("dev", "test") if name not in splits]
    if lacking:
        log.info("%s drawn from %d texts, by document", " and ".join(lacking), len(splits["train"]))
        splits |= draw(splits["train"], ("train", *lacking), seed)
    found = {"test": splits["test"]}
    found["dev"], in_test = without_leaks(splits["dev"], found["test"])
    found["train"], in_either = without_leaks(splits["train"], [*found["dev"], *found["test"]])
    leaks = in_test + in_either
    if leaks != Leaks():
        log.warning(
            "%d texts left out of train or dev as their document is in dev or test, %d as they nearly repeat "
            "a text there",
            leaks.document,
            leaks.near_duplicate,
        )
    for name in SPLITS:
        if not found[name]:
            raise DataError(
                f"No text is left for {name}: of {sum(map(len, given.values()))} texts, "
                f"{leaks.document + leaks.near_duplicate} were left out as they repeat one in dev or test. "
                "Give more texts, or splits of your own that share no document."
            )
    return {name: found[name] for name in SPLITS}, leaks


def draw(examples: Sequence[Example], names: Sequence[str], seed: int) -> dict[str, list[Example]]:
    """Splits with `SHARES` of the texts each, the first name taking what the others leave."""
    groups: dict[int, list[Example]] = defaultdict(list)
    for number, example in zip(groups_of(examples), examples, strict=True):
        groups[number].append(example)
    splits: dict[str, list[Example]] = {name: [] for name in names}
    for group in groups.values():
        key = min(e.document for e in group)
        place = int.from_bytes(sha256(f"{seed}:{key}".encode()).digest()[:8]) / 2**64
        for name in reversed(names):  # the first is last, and takes the rest
            if place < SHARES[name] or name == names[0]:
                splits[name] += group
                break
            place -= SHARES[name]
    return splits


def groups_of(examples: Sequence[Example]) -> list[int]:
    """A number for each example, the same for those that share a document or nearly repeat each other."""
    documents = {e.document: i for i, e in enumerate(examples)}
    links = [(i, documents[e.document]) for i, e in enumerate(examples)]
    shingles = _shingles([examples])[0]
    links += [(i, int(j)) for i, row in _resembling(shingles, shingles) for j in row]
    one, two = np.array(links, dtype=np.int64).reshape(-1, 2).T
    graph = csr_matrix((np.ones(len(one)), (one, two)), shape=(len(examples), len(examples)))
    return [int(number) for number in connected_components(graph, directed=False)[1]]


def without_leaks(examples: Sequence[Example], held: Sequence[Example]) -> tuple[list[Example], Leaks]:
    """Those that share no document with `held` and nearly repeat none of it, and how many did."""
    documents = {e.document for e in held}
    apart = [e for e in examples if e.document not in documents]
    if not apart or not held:
        return apart, Leaks(len(examples) - len(apart))
    mine, theirs = _shingles([apart, held])
    repeated = {i for i, row in _resembling(mine, theirs) if len(row)}
    kept = [e for i, e in enumerate(apart) if i not in repeated]
    return kept, Leaks(len(examples) - len(apart), len(repeated))


def _shingles(sets: Sequence[Sequence[Example]]) -> list[csr_matrix]:
    """(texts, shingles) of 0 and 1 for each set, on one numbering of the shingles."""
    numbers: dict[str, int] = {}
    matrices = []
    for examples in sets:
        columns: list[int] = []
        ends = [0]
        for example in examples:
            found = {numbers.setdefault(run, len(numbers)) for run in _runs(example)}
            columns += sorted(found)
            ends.append(len(columns))
        matrices.append((columns, ends))
    return [
        csr_matrix(
            (np.ones(len(columns), dtype=np.float32), columns, ends), shape=(len(ends) - 1, len(numbers))
        )
        for columns, ends in matrices
    ]


def _runs(example: Example) -> Iterator[str]:
    key, script = letters_and_digits(example.text)
    length = _SHINGLE[script]
    return (key[i : i + length] for i in range(max(1, len(key) - length + 1)))


def _resembling(mine: csr_matrix, theirs: csr_matrix) -> Iterator[tuple[int, Any]]:
    """For each row of `mine`, the rows of `theirs` that it resembles."""
    sizes, other_sizes = np.diff(mine.indptr), np.diff(theirs.indptr)
    transposed = theirs.T.tocsr()
    for start in range(0, mine.shape[0], _BLOCK):
        block = mine[start : start + _BLOCK]
        shared = (block @ transposed).tocoo()
        union = sizes[start + shared.row] + other_sizes[shared.col] - shared.data
        alike = shared.data >= RESEMBLANCE * union
        rows: Mapping[int, list[int]] = defaultdict(list)
        for row, column in zip(shared.row[alike], shared.col[alike], strict=True):
            rows[int(row)].append(int(column))
        yield from ((start + row, columns) for row, columns in rows.items())


def check_labels(splits: Mapping[str, Sequence[Example]], least: int) -> None:
    """Raises DataError if a split can't be trained on, chosen by or tested on.

    Args:
        least: Stance labels that train needs; dev and test need a tenth of it.
    """
    for name in SPLITS:
        counts = Counter(label for e in splits[name] for label in e.stances.values())
        needed = least if name == "train" else max(1, least // 10)
        if counts.total() < needed:
            raise DataError(
                f"{name} has {counts.total()} stance labels in {len(splits[name])} texts; at least {needed} "
                "are needed. Label more, or check which column holds the stances."
            )
        if name == "train" and len(counts) < 2:
            raise DataError(
                f"Every stance in train is {next(iter(counts))!r}: there is nothing to tell apart. Check the "
                "column of stances, or label texts that differ."
            )
