"""Jobs killed with SIGKILL at random points: the same command again ends with the same bytes."""

from __future__ import annotations

import multiprocessing
import random
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from tests.unit.tiny import CHINESE, ENGLISH, write_jsonl, write_tiny

# Processes of their own, started from one that has torch loaded already.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["polystance.inference.job", "tests.unit.tiny"])


def run_small_shards(model: Path, news: Path, out: Path) -> None:
    """`polystance classify`, but for shards that are small enough to be many."""
    from polystance.inference.classifier import StanceClassifier
    from polystance.inference.job import JobOptions, run_job

    classifier = StanceClassifier.from_pretrained(model, "cpu")
    run_job(classifier, [str(news)], out, JobOptions(), shard_items=50)


def run_classify(model: Path, news: Path, out: Path) -> None:
    from polystance.cli import main

    named = ["--model", str(model), "--device", "cpu", "-o", str(out)]
    sys.argv = ["polystance", "classify", str(news), *named]
    main()


Run = Callable[[Path, Path, Path], None]


def contents(out: Path) -> dict[str, bytes]:
    """Every file but the one that says when it was."""
    files = (path for path in out.rglob("*") if path.is_file())
    return {str(p.relative_to(out)): p.read_bytes() for p in files if p.name != "timing.json"}


def changed(shards: Path) -> int | None:
    """When a shard was last begun or put into its place."""
    try:
        return shards.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def start(run: Run, model: Path, news: Path, out: Path) -> BaseProcess:
    """A job that has just made its first change in `out`, or has ended without one."""
    before = changed(out / ".shards")
    process = PROCESSES.Process(target=run, args=(model, news, out))
    process.start()
    deadline = time.monotonic() + 240
    while process.is_alive() and changed(out / ".shards") == before:
        assert time.monotonic() < deadline, "the job doesn't begin"
        time.sleep(0.002)
    return process


def kill_at_random(run: Run, folder: Path, articles: int, kills: int) -> None:
    """Kill jobs so many times, each at a random point of its work; hold each finished folder to the first."""
    model, news = write_tiny(folder / "tiny"), write_news(folder / "news.jsonl", articles)
    process = start(run, model, news, folder / "whole")
    began = time.monotonic()
    process.join(240)
    assert process.exitcode == 0
    work = time.monotonic() - began
    whole = contents(folder / "whole")
    assert set(whole) == {
        "articles.parquet",
        "stances.parquet",
        "texts.parquet",
        "failures.jsonl",
        "run.json",
    }
    rng, killed, finished = random.Random(kills), 0, 0
    while killed < kills or (folder / str(finished)).exists():
        out = folder / str(finished)
        process = start(run, model, news, out)
        process.join(rng.uniform(0, work / 2) if killed < kills else 240)
        process.kill()  # no harm to one that has ended
        process.join()
        if process.exitcode == -signal.SIGKILL:
            killed += 1
        else:
            assert process.exitcode == 0
            assert contents(out) == whole
            finished += 1
    print(f"{killed} kills, {finished} folders finished with the same bytes")


def write_news(path: Path, articles: int) -> Path:
    rng = random.Random(0)
    texts = (" ".join(rng.sample(rng.choice((ENGLISH, CHINESE)), 2)) for _ in range(articles))
    return write_jsonl(path, [{"id": f"a{i}", "text": text} for i, text in enumerate(texts)])


def test_a_killed_job_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    kill_at_random(run_small_shards, tmp_path, articles=1_000, kills=5)


@pytest.mark.slow
def test_classify_killed_thirty_times_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    kill_at_random(run_classify, tmp_path, articles=4_500, kills=30)
