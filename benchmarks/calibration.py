"""Would more than a temperature calibrate better? By cross-validation on the development split.

    python -m benchmarks.calibration DATA --out benchmarks/results/calibration.json

Fits a temperature per language, as the checkpoint has it, and a temperature with a bias per stance beside it
(the vector scaling of Guo et al. 2017 with one scale), on four fifths of the documents at a time, and scores
the other fifth; means over ten divisions. DATA as CONTRIBUTING.md states it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.optimize import minimize

from polystance.models.checkpoint import load_checkpoint
from polystance.training.examples import read_examples
from polystance.training.metrics import FloatArray, IntArray, expected_calibration_error, macro_f1
from polystance.training.prediction import predict_windows
from polystance.training.scores import stance_arrays

_FOLDS: Final = 5
_DIVISIONS: Final = 10
_WAYS: Final = {"temperature": 1, "temperature and biases": 3}  # parameters


def probabilities(logits: FloatArray, fitted: FloatArray) -> FloatArray:
    """(rows, 3) from logits, the logarithm of a temperature, and biases of favor and against, if any."""
    biases = np.array([fitted[1], 0.0, fitted[2]]) if len(fitted) > 1 else 0.0
    scaled = logits / np.exp(fitted[0]) + biases
    raised = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def fit(gold: IntArray, logits: FloatArray, parameters: int) -> FloatArray:
    def loss(fitted: FloatArray) -> float:
        return float(-np.log(probabilities(logits, fitted)[np.arange(len(gold)), gold]).mean())

    return np.asarray(minimize(loss, np.zeros(parameters)).x)


def crossed(
    gold: IntArray, logits: FloatArray, languages: np.ndarray, folds: np.ndarray, parameters: int
) -> FloatArray:
    """Probabilities of each row, fitted on the rows of its language in the other folds."""
    found = np.zeros_like(logits)
    for fold in range(_FOLDS):
        for language in np.unique(languages):
            inside = (folds == fold) & (languages == language)
            rest = (folds != fold) & (languages == language)
            found[inside] = probabilities(logits[inside], fit(gold[rest], logits[rest], parameters))
    return found


def measure(data: Path, model: str | None) -> dict[str, Any]:
    checkpoint = load_checkpoint(model)
    dev = read_examples(data / "data", "country-news", "dev")
    predictions = predict_windows(checkpoint.model, checkpoint.encoder, dev)
    gold, logits, spoken, read = stance_arrays(dev, predictions)
    languages, documents = np.array(spoken), np.unique(read)
    rng = np.random.default_rng(0)
    figures: dict[str, list[tuple[float, ...]]] = {way: [] for way in _WAYS}
    parts = [np.ones(len(gold), bool), languages == "zh", languages == "en"]
    for _ in range(_DIVISIONS):
        fold_of = dict(zip(documents, rng.permutation(len(documents)) % _FOLDS, strict=True))
        folds = np.array([fold_of[document] for document in read])
        for way, parameters in _WAYS.items():
            p = crossed(gold, logits, languages, folds, parameters)
            f1 = macro_f1(gold, p.argmax(1))
            errors = [expected_calibration_error(gold[rows], p[rows]) for rows in parts]
            figures[way].append((f1, *errors))
    names = ("macro_f1", "error", "error_zh", "error_en")
    return {
        way: dict(zip(names, np.mean(rows, axis=0).round(4).tolist(), strict=True))
        for way, rows in figures.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/calibration.json"))
    options = parser.parse_args()
    figures = measure(options.data, options.model)
    options.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
