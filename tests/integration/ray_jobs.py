"""Jobs on a Ray cluster of two workers, for `test_ray_engine`.

    python -m tests.integration.ray_jobs CHECKPOINT NEWS OUT

One in which workers die, and one with an option that is out of range; prints what was seen.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import psutil
import ray

from polystance.errors import UsageError
from polystance.inference import job
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
            victim = processes(kind)[0]
            victim.kill()
            killed.append(kind)

    job.SHARD_ITEMS = 100  # type: ignore[misc]
    engine = RayEngine(checkpoint)
    result = run_job(engine, [news], Path(out) / "disturbed", JobOptions(), progress=kill)
    try:
        run_job(engine, [news], Path(out) / "refused", JobOptions(min_confidence=2.0))
        said = ""
    except UsageError as error:
        said = str(error)
    seen = {"killed": killed, "articles": result.articles, "device": engine.device, "said": said}
    print(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
