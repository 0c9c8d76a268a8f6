"""Engines: chunks of a batch job in, the same chunks with their labels out, in the same order.

`run_job` reads, cuts into chunks and writes; an engine only labels. One works in this process, the other
(`ray_engine`) on the machines of a Ray cluster.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from polystance.errors import EngineError, UsageError
from polystance.inference.classifier import StanceClassifier, Targets
from polystance.inference.sources import Failure
from polystance.models.checkpoint import Checkpoint
from polystance.models.records import Article, ArticleLabels


@dataclass(frozen=True, slots=True)
class Chunk:
    """The items of one shard; `number` counts the chunks of a job from 0."""

    number: int
    items: Sequence[Article | Failure]

    @property
    def articles(self) -> list[Article]:
        return [item for item in self.items if isinstance(item, Article)]

    @property
    def failures(self) -> list[Failure]:
        return [item for item in self.items if isinstance(item, Failure)]


class Engine(Protocol):
    """What labels the chunks of a job."""

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint whose labels these are."""

    @property
    def device(self) -> str:
        """Where labels are made, for `run.json`."""

    def label(
        self, chunks: Iterable[Chunk], targets: Targets, *, min_confidence: float
    ) -> Iterator[tuple[Chunk, list[ArticleLabels]]]:
        """Each chunk with one `ArticleLabels` per article, in the order given.

        `chunks` is read no further ahead than the engine needs to keep its workers busy. `targets` and
        `min_confidence` are those of `StanceClassifier.classify`, which says what is raised.
        """


class LocalEngine:
    """Labels in this process, reading and tokenising what comes next while the model computes."""

    def __init__(self, classifier: StanceClassifier) -> None:
        self._classifier = classifier

    @property
    def checkpoint(self) -> Checkpoint:
        return self._classifier.checkpoint

    @property
    def device(self) -> str:
        return str(self.checkpoint.model.device)

    def label(
        self, chunks: Iterable[Chunk], targets: Targets, *, min_confidence: float
    ) -> Iterator[tuple[Chunk, list[ArticleLabels]]]:
        waiting: deque[Chunk] = deque()

        def groups() -> Iterator[list[Article]]:
            for chunk in chunks:
                waiting.append(chunk)
                yield chunk.articles

        for labels in self._classifier.classify_groups(groups(), targets, min_confidence=min_confidence):
            yield waiting.popleft(), labels


def open_engine(
    name: str,
    model: str | Path | None = None,
    device: str = "auto",
    precision: str = "auto",
    address: str | None = None,
    workers: int | None = None,
) -> Engine:
    """The engine of a name: "local" or "ray".

    Args:
        model, device, precision: As for `StanceClassifier.from_pretrained`.
        address, workers: As for `RayEngine`; for "ray" only.

    Raises:
        UsageError: There is no such engine, or an option is not for it.
        EngineError: Ray is not installed.
    """
    if name == "local":
        if address is not None or workers is not None:
            raise UsageError("--address and --workers are for --engine ray; the local engine has neither.")
        return LocalEngine(StanceClassifier.from_pretrained(model, device, precision=precision))
    if name != "ray":
        raise UsageError(f"--engine {name!r}: give local (this process) or ray (a Ray cluster).")
    if find_spec("ray") is None:
        raise EngineError("Ray is not installed: pip install 'polystance[ray]', or --engine local.")
    from polystance.inference.ray_engine import RayEngine

    return RayEngine(model, device, precision=precision, address=address, workers=workers)
