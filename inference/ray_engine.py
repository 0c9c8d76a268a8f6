"""The engine on a Ray cluster: Ray Data's `map_batches` with one actor per GPU or per core.

The process that runs the job reads the articles and hands chunks to an actor, the feed; a read task on the
cluster takes them from there into Ray Data, and labels come back in order. Chunks stay in the feed until
their labels are here: whichever worker dies, what it had is asked for again.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import pickle
import socket
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

# A tool that works offline reports no usage; errors of workers reach us as exceptions.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")

import pyarrow as pa
import ray
import torch
from ray.data import ActorPoolStrategy, Dataset, Datasource, ReadTask, read_datasource
from ray.data.block import BlockMetadata
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from polystance.errors import EngineError, UsageError
from polystance.inference.classifier import StanceClassifier, Targets, chosen_targets
from polystance.inference.engines import Chunk
from polystance.models.checkpoint import FILES, Checkpoint, load_checkpoint
from polystance.models.records import ArticleLabels

_AHEAD: Final = 4  # chunks per worker on their way: one in work, one waiting there, two on the road
_PATIENCE: Final = 5.0  # seconds for a cluster to take a connection
_NOTHING: Final = pickle.dumps([])
_ADVICE: Final = (
    "Start one with `ray start --head` and give its HOST:PORT, or leave --address out "
    "to use this machine alone."
)


@dataclass(frozen=True)
class _Pool:
    """The workers of a job: how many, and the share of a GPU that each holds (0: a core each)."""

    workers: int
    gpus: float

    @property
    def device(self) -> str:
        return "cuda" if self.gpus else "cpu"


class RayEngine:
    """Labels on the workers of a Ray cluster.

    Args:
        model: As for `StanceClassifier.from_pretrained`. The workers are sent its files, and need no path.
        device: "auto" (the GPUs of the cluster if it has any), "cpu" or "cuda".
        precision: "fp32" or "bf16". "auto" is bf16 with device "cuda" and fp32 otherwise: what the workers'
            processors have must not decide a label.
        address: "host:port" of a cluster that this machine belongs to, "auto" for the one that runs on this
            machine; None starts one of this machine alone, and ends it with the job.
        workers: None for one per GPU, or per core where there is no GPU. With more workers than GPUs, several
            share one.

    Raises:
        CheckpointError: There is no usable checkpoint at `model`.
        UsageError: An option is outside of what is allowed.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        device: str = "auto",
        *,
        precision: str = "auto",
        address: str | None = None,
        workers: int | None = None,
    ) -> None:
        if device not in ("auto", "cpu", "cuda"):
            raise UsageError(
                f"Device {device!r} is not for --engine ray, which gives each worker its GPU itself: "
                "give auto, cpu or cuda."
            )
        if workers is not None and workers < 1:
            raise UsageError(f"--workers is {workers}; give 1 or more, or leave it out.")
        if precision not in ("auto", "fp32", "bf16"):
            raise UsageError(f"Precision {precision!r} is not for --engine ray: give auto, fp32 or bf16.")
        self._device, self._address, self._workers = device, address, workers
        half = precision == "bf16" or (precision == "auto" and device == "cuda")
        self._checkpoint = load_checkpoint(model, dtype=torch.bfloat16 if half else None)
        self._pool: _Pool | None = None

    @property
    def checkpoint(self) -> Checkpoint:
        return self._checkpoint

    @property
    def device(self) -> str:
        return f"ray: {self._pool.workers} workers, {self._pool.device}" if self._pool else "ray: not used"

    def label(
        self, chunks: Iterable[Chunk], targets: Targets, *, min_confidence: float
    ) -> Iterator[tuple[Chunk, list[ArticleLabels]]]:
        """As `Engine.label`.

        Raises:
            EngineError: No cluster answers at the address, or it broke down.
            UsageError: The cluster has not what `device` or `workers` ask for.
        """
        chosen_targets(targets, min_confidence)  # here rather than in a worker, for errors as they are
        chunks = iter(chunks)
        first = next(chunks, None)
        if first is None:  # all was labelled before: no need of a cluster
            return
        with _connected(self._address), _failing_plainly():
            pool = self._pool = pool_for(ray.cluster_resources(), self._device, self._workers)
            here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
            # Where this process runs, so that it is lost with this process or not at all.
            feed = ray.remote(num_cpus=0, scheduling_strategy=here)(_Feed).remote()
            labelled = _labelled(feed, self._checkpoint, pool, targets, min_confidence)
            waiting: deque[Chunk] = deque()
            for position, chunk in enumerate(chain([first], chunks)):
                feed.put.remote(position, pickle.dumps(chunk.articles))
                waiting.append(chunk)
                if len(waiting) == _AHEAD * pool.workers:
                    yield waiting.popleft(), next(labelled)
                    feed.drop_before.remote(position + 1 - len(waiting))
            feed.close.remote(position + 1)
            while waiting:
                yield waiting.popleft(), next(labelled)


class _Feed:
    """An actor that holds the chunks under way, pickled lists of articles, by position."""

    def __init__(self) -> None:
        self._chunks: dict[int, bytes] = {}
        self._first, self._end = 0, math.inf
        self._news = asyncio.Condition()

    async def put(self, position: int, chunk: bytes) -> None:
        async with self._news:
            self._chunks[position] = chunk
            self._news.notify_all()

    async def close(self, end: int) -> None:
        """No chunk has the position `end` or a later one."""
        async with self._news:
            self._end = end
            self._news.notify_all()

    async def drop_before(self, first: int) -> None:
        """The labels of all chunks before `first` have come."""
        for position in range(self._first, first):
            self._chunks.pop(position, None)
        self._first = first

    async def get(self, position: int) -> bytes | None:
        """The chunk, waited for; None past the last. Of one that was dropped, an empty one."""
        async with self._news:
            await self._news.wait_for(
                lambda: position in self._chunks or not self._first <= position < self._end
            )
        return None if position >= self._end else self._chunks.get(position, _NOTHING)


class _Fed(Datasource):  # type: ignore[misc]  # Ray is untyped to mypy, installed or not
    """The chunks of a feed as a source of Ray Data: one row each, read by a single task.

    A task that is begun again, since its worker died, goes through the feed from the start; Ray drops what
    it has from the first time.
    """

    def __init__(self, feed: Any) -> None:
        super().__init__()
        self._feed = feed

    def estimate_inmemory_data_size(self) -> int | None:
        return None

    def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[ReadTask]:
        feed = self._feed

        def read() -> Iterator[pa.Table]:
            for position in count():
                chunk = ray.get(feed.get.remote(position))
                if chunk is None:
                    return
                yield pa.table({"chunk": pa.array([chunk], pa.large_binary())})

        unknown = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
        return [ReadTask(read, unknown)]


class _Worker:
    """What each actor of the pool runs: a classifier of its own.

    Args:
        files: A reference to the checkpoint's files, by name.
        alone: Whether the worker has a GPU to itself, and so prepares articles with more than one thread.
    """

    def __init__(
        self, files: Any, device: str, precision: str, alone: bool, targets: Targets, min_confidence: float
    ) -> None:
        if not alone:
            torch.set_num_threads(1)
            os.environ["TOKENIZERS_PARALLELISM"] = "false"
        with TemporaryDirectory() as folder:
            for name, content in ray.get(files).items():
                (Path(folder) / name).write_bytes(content)
            self._classifier = StanceClassifier.from_pretrained(folder, device, precision=precision)
        self._targets, self._min_confidence = targets, min_confidence

    def __call__(self, batch: pa.Table) -> pa.Table:
        (chunk,) = batch["chunk"].to_pylist()
        (labels,) = self._classifier.classify_groups(
            [pickle.loads(chunk)], self._targets, min_confidence=self._min_confidence
        )
        return pa.table({"labels": pa.array([pickle.dumps(labels)], pa.large_binary())})


def _labelled(
    feed: Any, checkpoint: Checkpoint, pool: _Pool, targets: Targets, min_confidence: float
) -> Iterator[list[ArticleLabels]]:
    """The labels of each chunk of a feed, in order."""
    files = ray.put({name: (checkpoint.path / name).read_bytes() for name in FILES})
    source = read_datasource(_Fed(feed), override_num_blocks=1, num_cpus=0, max_retries=-1, concurrency=1)
    dataset: Dataset = source.map_batches(
        _Worker,
        fn_constructor_args=(
            files,
            pool.device,
            checkpoint.precision,
            pool.gpus == 1,
            targets,
            min_confidence,
        ),
        batch_size=1,
        batch_format="pyarrow",
        compute=ActorPoolStrategy(size=pool.workers),
        num_cpus=1,
        num_gpus=pool.gpus,
    )
    dataset.context.execution_options.preserve_order = True
    dataset.context.target_max_block_size = 1  # bytes: no two chunks in one block, so that each goes alone
    dataset.context.enable_progress_bars = False
    for batch in dataset.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
        for labels in batch["labels"].to_pylist():
            yield pickle.loads(labels)


def pool_for(resources: Mapping[str, float], device: str, workers: int | None) -> _Pool:
    """The workers for a cluster. Raises UsageError if it is too small for them."""
    cores, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
    if device == "cuda" and not gpus:
        raise UsageError("The Ray cluster has no GPU. Use --device auto, or cpu.")
    if device == "cpu":
        gpus = 0
    wanted = workers or gpus or cores
    if not 1 <= wanted <= cores:
        raise UsageError(
            f"{wanted} workers need a core each; the Ray cluster has {cores}. Give --workers at most that."
        )
    if not gpus:
        return _Pool(wanted, 0)
    # Ray counts shares of a GPU in steps of 0.0001; rounded down, so that they fit.
    return _Pool(wanted, math.floor(10_000 / math.ceil(wanted / gpus)) / 10_000)


@contextmanager
def _connected(address: str | None) -> Iterator[None]:
    """A connection to a cluster; one that this process had before is used, and kept."""
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    if ray.is_initialized():
        yield
        return
    if address not in (None, "auto"):
        _reach(address)
    try:
        ray.init(
            address=address or "local",
            include_dashboard=False if address is None else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except Exception as error:  # Ray tells of a node that did not start in time by nothing narrower
        raise EngineError(
            f"Can't join the Ray cluster at {address or 'this machine'}: {error} " + _ADVICE
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Ask first whether anything listens there: Ray itself waits for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "/" in host:
        raise UsageError(f"--address {address!r}: give HOST:PORT, or auto for the cluster on this machine.")
    try:
        socket.create_connection((host, int(port)), _PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise EngineError(f"No Ray cluster answers at {address}: {error}. {_ADVICE}") from error


@contextmanager
def _failing_plainly() -> Iterator[None]:
    """Ray's errors as ours."""
    try:
        yield
    except RayError as error:
        raise EngineError(
            f"The Ray cluster failed: {error}\nFinished shards are kept; the same command goes on after them."
        ) from error
