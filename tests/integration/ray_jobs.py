"""A job on a Ray cluster of two workers, some of which die: for `test_ray_engine`.

    python -m tests.integration.ray_jobs CHECKPOINT NEWS OUT

Writes what was seen into OUT/seen.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import psutil
import ray

from polystance.inference.job import JobOptions, run_job
from polystance.inference.ray_engine import RayEngine


def processes(kind: str) -> list[psutil.Process]:
    """The cluster's processes at work on `kind`; Ray writes it into their titles."""
    return [p for p in psutil.Process().children(recursive=True) if f"ray::{kind}" in " ".join(p.cmdline())]


def main(checkpoint: str, news: str, out: str) -> None:
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    killed = []

    def kill(articles: int, failures: int) -> None:
        """After the first shard a worker, after the sixth the reader, each in mid-work."""
        kind = {100: "MapWorker", 600: "Read_Fed"}.get(articles + failures)
        if kind:
            max(processes(kind), key=lambda p: p.cpu_times().user).kill()  # one that has worked already
            killed.append(kind)

    engine = RayEngine(checkpoint)
    result = run_job(engine, [news], Path(out) / "disturbed", JobOptions(), progress=kill, shard_items=100)
    seen = {"killed": killed, "articles": result.articles, "device": engine.device}
    (Path(out) / "seen.json").write_text(json.dumps(seen), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
