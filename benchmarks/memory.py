"""Peak memory of a batch job by the number of articles: does it stay flat?

    python -m benchmarks.memory --out benchmarks/results/memory.json [--articles 10000 100000] [--model DIR]

Runs `polystance classify` on generated articles of a few sentences, in a process of its own for each number,
and with a tiny random checkpoint unless another is given: what grows with the articles doesn't depend on the
weights, and a small model makes it a larger share of the whole.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

# No import of polystance here: Linux counts the memory of a process that starts another as the other's peak.
_NAMES = (("Washington", "美国"), ("Beijing", "中国"), ("Moscow", "俄罗斯"), ("Tokyo", "日本"))
_EN = "{a} {verb} the plan of {b} for harbour number {n}, officials said."
_ZH = "{a}{verb}{b}关于第{n}号港口的计划,官员表示。"
_VERBS = (("praised", "赞扬"), ("condemned", "谴责"), ("studied", "研究"))


def write_articles(path: Path, count: int) -> None:
    """Articles of two to six sentences, every second one Chinese, no two alike."""
    rng = random.Random(0)
    with path.open("w", encoding="utf-8") as lines:
        for number in range(count):
            chinese = number % 2
            sentences = []
            for _ in range(rng.randint(2, 6)):
                a, b = (pair[chinese] for pair in rng.sample(_NAMES, 2))
                verb = rng.choice(_VERBS)[chinese]
                sentences.append((_ZH if chinese else _EN).format(a=a, b=b, verb=verb, n=number))
            text = ("" if chinese else " ").join(sentences)
            row = {
                "id": f"article-{number:09d}",
                "title": f"Report {number}",
                "text": text,
                "outlet": "Daily",
            }
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")


def write_tiny_checkpoint(folder: str) -> None:
    from tests.unit.tiny import write_tiny

    write_tiny(Path(folder))


def measure(folder: Path, model: str, articles: int) -> dict[str, Any]:
    """Peak resident memory, in MiB, and seconds of a job."""
    news = folder / f"{articles}.jsonl"
    write_articles(news, articles)
    command = [sys.executable, "-m", "polystance", "classify", str(news), "-o", str(folder / str(articles))]
    started = time.monotonic()
    process = subprocess.Popen([*command, "--model", model, "--device", "cpu"], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} ended with status {status}")
    peak = usage.ru_maxrss / 1024  # kilobytes on Linux
    return {"articles": articles, "seconds": round(time.monotonic() - started), "peak_mib": round(peak, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--articles", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--model", help="a checkpoint; a tiny random one if left out")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        model = options.model or f"{name}/tiny"
        if not options.model:
            process = multiprocessing.get_context("spawn").Process(
                target=write_tiny_checkpoint, args=(model,)
            )
            process.start()
            process.join()
        runs = [measure(Path(name), model, articles) for articles in options.articles]
    for run in runs:
        run["ratio"] = round(run["peak_mib"] / runs[0]["peak_mib"], 3)
    result = {"checkpoint": Path(options.model).name if options.model else "tiny", "runs": runs}
    print(json.dumps(result, indent=1))
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
