"""The local engine: chunks come back whole, in order, whatever is in them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from polystance.inference.classifier import StanceClassifier
from polystance.inference.engines import Chunk, LocalEngine
from polystance.inference.sources import Failure
from polystance.models.records import Article


def article(number: int) -> Article:
    return Article(id=str(number), text=f"Beijing and Washington met for the {number}th time.", language="en")


@pytest.mark.parametrize("sizes", [(), (0,), (3,), (0, 0, 2), (2, 0), (1, 0, 0, 5, 0), (7, 1, 40, 0, 3)])
def test_chunks_come_back_whole_and_in_order(classifier: StanceClassifier, sizes: tuple[int, ...]) -> None:
    chunks, number = [], 0
    for at, size in enumerate(sizes):
        items: list[Article | Failure] = [article(number + i) for i in range(size)]
        items.insert(size // 2, Failure(source="x", line=at, reason="bad"))
        number += size
        chunks.append(Chunk(at, items))
    found = list(LocalEngine(classifier).label(iter(chunks), "auto", min_confidence=0.0))
    assert [chunk for chunk, _ in found] == chunks
    assert [[a.article.id for a in labels] for _, labels in found] == [
        [a.id for a in chunk.articles] for chunk in chunks
    ]


def test_a_chunk_is_given_out_before_the_last_is_read(classifier: StanceClassifier) -> None:
    read: list[int] = []

    def chunks() -> Iterator[Chunk]:
        for number in range(50):
            read.append(number)
            yield Chunk(number, [article(number * 4 + i) for i in range(4)])

    stream = LocalEngine(classifier).label(chunks(), "auto", min_confidence=0.0)
    next(stream)
    assert len(read) < 20
