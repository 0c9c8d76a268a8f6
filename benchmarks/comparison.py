"""Time and memory of a comparison of a million rows.

    python -m benchmarks.comparison --out benchmarks/results/comparison.json

Writes a run folder of generated rows (300 outlets, 20 targets) into a temporary folder, then compares it with
2,000 bootstrap draws in a process of its own, whose peak memory is measured.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from polystance.inference.tables import ARTICLES, STANCES
from polystance.models.labels import FRAMES, TONES
from polystance.models.labels import STANCES as LABELS

TARGETS = (
    "US", "CN", "RU", "JP", "DE", "FR", "GB", "IN", "IR", "IL",
    "UA", "KR", "KP", "BR", "MX", "CA", "AU", "IT", "TR", "SA",
)  # fmt: skip


def write_run(folder: Path, rows: int, outlets: int, seed: int = 0) -> None:
    """A run folder of `rows` stances, two an article, from `outlets` outlets in two languages."""
    rng = np.random.default_rng(seed)
    articles = rows // 2
    sizes = rng.zipf(1.5, articles) % outlets
    outlet = np.array([f"Outlet {i:03d}" for i in range(outlets)])[sizes]
    language = np.where(sizes % 2 == 0, "zh", "en")
    day = np.datetime64("2024-01-01") + rng.integers(0, 365, articles)
    published = day.astype(str)
    ids = np.array([f"a{i:08d}" for i in range(articles)])
    tones = rng.integers(0, 3, articles)
    frames = [[FRAMES[i] for i in row] for row in rng.integers(0, len(FRAMES), (articles, 2))]
    columns: dict[str, Any] = {name: pa.nulls(articles, ARTICLES.field(name).type) for name in ARTICLES.names}
    columns |= {
        "article_id": ids,
        "title": ids,
        "outlet": outlet,
        "outlet_language": language,
        "text_language": language,
        "published": published,
        "tone": np.array(TONES)[tones],
        **{f"p_{tone}": (tones == i).astype(np.float32) for i, tone in enumerate(TONES)},
        "frames": frames,
        "windows": np.ones(articles, dtype=np.int32),
        "tokens": np.full(articles, 300, dtype=np.int32),
    }
    pq.write_table(pa.table(columns, schema=ARTICLES), folder / "articles.parquet")
    twice = np.repeat(np.arange(articles), 2)
    p = rng.dirichlet((1, 3, 1.5), rows).astype(np.float32)
    first = rng.integers(0, len(TARGETS), articles)
    second = (first + rng.integers(1, len(TARGETS), articles)) % len(TARGETS)
    target = np.array(TARGETS)[np.stack([first, second], axis=1).ravel()]
    stances: dict[str, Any] = {name: pa.nulls(rows, STANCES.field(name).type) for name in STANCES.names}
    stances |= {
        "article_id": ids[twice],
        "outlet": outlet[twice],
        "outlet_language": language[twice],
        "text_language": language[twice],
        "published": published[twice],
        "target": target,
        "label": np.array(LABELS)[p.argmax(axis=1)],
        **{f"p_{stance}": p[:, i] for i, stance in enumerate(LABELS)},
        "score": p[:, 0] - p[:, 2],
        "plausible": [["neutral"]] * rows,
        "mentions": np.ones(rows, dtype=np.int32),
        "windows": np.ones(rows, dtype=np.int32),
        "tokens": np.full(rows, 300, dtype=np.int32),
        "evidence": np.char.add("Sentence ", (np.arange(rows) % 5000).astype(str)),
    }
    pq.write_table(pa.table(stances, schema=STANCES), folder / "stances.parquet")


def _compare(folder: str, draws: int, report: Any) -> None:
    from polystance.inference.comparison import compare

    started = time.monotonic()
    compare(folder, draws=draws)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2  # kilobytes on Linux
    report.put({"seconds": round(time.monotonic() - started, 1), "peak_gib": round(peak, 2)})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--outlets", type=int, default=300)
    parser.add_argument("--draws", type=int, default=2_000)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/comparison.json"))
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        write_run(Path(folder), options.rows, options.outlets)
        report = context.Queue()
        process = context.Process(target=_compare, args=(folder, options.draws, report))
        process.start()
        found = report.get(timeout=3_600)
        process.join()
    setting = {
        "rows": options.rows,
        "outlets": options.outlets,
        "targets": len(TARGETS),
        "draws": options.draws,
    }
    result = {**setting, "cores": os.cpu_count(), **found}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(result)


if __name__ == "__main__":
    main()
