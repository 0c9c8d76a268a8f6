"""The corrected mean against ppi-python, the reference implementation of prediction-powered inference.

    python -m benchmarks.prediction_powered

ppi-python is too heavy to depend on, so it is installed into an environment of its own in a temporary folder;
the numbers go there and back as JSON. Prints both and their difference, and fails above 1e-6.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Final

import numpy as np

from polystance.inference.correction import HandLabels, correct
from polystance.inference.estimates import Clusters

PACKAGE: Final = "ppi-python==0.2.3"
_THEIRS: Final = """
import json, sys
import numpy as np
from ppi_py import ppi_mean_pointestimate
cases = json.load(open(sys.argv[1]))
print(json.dumps([float(np.ravel(ppi_mean_pointestimate(*map(np.array, case)))[0]) for case in cases]))
"""


def cases(seed: int = 0) -> list[tuple[list[float], list[float], list[float]]]:
    """Hand labels, the predictions of the same rows, and those of the other rows."""
    rng = np.random.default_rng(seed)
    found = []
    for labelled, rest, slope, bias in ((50, 400, 0.5, 0.1), (200, 5_000, 0.8, -0.3), (30, 90, 0.2, 0.0)):
        truth = rng.choice([-1.0, 0.0, 1.0], labelled + rest, p=(0.3, 0.5, 0.2))
        said = np.clip(slope * truth + bias + rng.normal(0, 0.4, len(truth)), -1, 1)
        found.append((truth[:labelled].tolist(), said[:labelled].tolist(), said[labelled:].tolist()))
    return found


def ours(truths: list[float], predictions: list[float], rest: list[float]) -> float:
    """The corrected mean where every article is an outlet of its own."""
    said = np.array([*predictions, *rest])
    n = len(truths)
    labels = HandLabels(
        np.arange(n), np.array(truths)[:, None], np.array(predictions)[:, None], np.full(n, len(said) / n)
    )
    clusters = Clusters(np.ones(len(said)), said[:, None])
    return float(correct(clusters, said[:, None] ** 2, labels, "article").clusters.totals.mean())


def theirs(given: list[tuple[list[float], list[float], list[float]]]) -> list[float]:
    """The same by ppi-python, in an environment of its own."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / "bin" / "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", PACKAGE], check=True)
        path = Path(folder) / "cases.json"
        path.write_text(json.dumps(given), encoding="utf-8")
        answer = subprocess.run(
            [python, "-c", _THEIRS, str(path)], check=True, capture_output=True, text=True
        ).stdout
    return [float(value) for value in json.loads(answer.strip().splitlines()[-1])]


def main() -> None:
    given = cases()
    worst = 0.0
    for case, reference in zip(given, theirs(given), strict=True):
        mine = ours(*case)
        worst = max(worst, abs(mine - reference))
        print(f"{len(case[0])} labels, {len(case[2])} others: {mine:.9f}, ppi-python {reference:.9f}")
    print(f"largest difference {worst:.1e}")
    sys.exit(worst > 1e-6)


if __name__ == "__main__":
    main()
