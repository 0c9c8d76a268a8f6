"""How long it takes until something happens: importing, help, the first label. The best of several starts.

python -m benchmarks.startup [--out benchmarks/results/startup.json]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

_FIRST_LABEL: Final = """
from polystance import StanceClassifier
from polystance.inference.sources import read_articles
classifier = StanceClassifier.from_pretrained()
next(classifier.classify_stream(read_articles(["seeds/articles"])))
"""
STARTS: Final = {
    "import polystance": ["-c", "import polystance"],
    "polystance --help": ["-m", "polystance", "--help"],
    "first label of the sample corpus": ["-c", _FIRST_LABEL],
    "an empty program, for comparison": ["-c", "pass"],
}


def seconds(arguments: list[str], rounds: int) -> float:
    """The shortest of some runs of this Python, after one that fills the disk's cache."""
    times = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - started)
    return min(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/startup.json"))
    options = parser.parse_args()
    figures = {name: round(seconds(arguments, options.rounds), 2) for name, arguments in STARTS.items()}
    options.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
