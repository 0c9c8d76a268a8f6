"""Scores of the shipped checkpoint that must not fall, on the sample corpus and on the probes.

    python -m benchmarks.floors            # measure, and raise the floors that were passed
    python -m benchmarks.floors --lower    # also lower those that were missed: say why in the commit

The floors lie in `tests/floors.json` with the digest of what they were measured on; a test holds the
checkpoint to them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np

from polystance import StanceClassifier
from polystance.models.labels import FRAMES, STANCES, TONES
from polystance.seeds import resource
from polystance.training import robustness
from polystance.training.examples import read_seeds
from polystance.training.metrics import macro_f1, micro_f1
from polystance.training.predictors import label_examples

FLOORS: Final = Path(__file__).parents[1] / "tests" / "floors.json"
CORPUS: Final = ("labels.jsonl", "probes.jsonl", "swaps.jsonl")
SLACK: Final = 0.005  # other processors and versions of torch turn a label now and then


def digest() -> str:
    """SHA-256 of the gold labels, texts and probes."""
    whole = hashlib.sha256()
    for name in CORPUS:
        whole.update(hashlib.sha256(resource(name).read_bytes()).digest())
    return whole.hexdigest()


def measure(classifier: StanceClassifier) -> dict[str, float]:
    """Every score from 0 to 1, higher is better."""
    examples = read_seeds()
    labels = label_examples(classifier, examples)
    scores = {}
    for language in ("zh", "en"):
        chosen = [(e, item) for e, item in zip(examples, labels, strict=True) if e.language == language]
        pairs = [(g, item.stances[t].label) for e, item in chosen for t, g in e.stances.items()]
        gold, guess = (np.array([STANCES.index(x) for x in side]) for side in zip(*pairs, strict=True))
        scores[f"stance macro-F1, {language}"] = macro_f1(gold, guess)
        tone, toned = (
            np.array([TONES.index(x) for x in side])
            for side in zip(*((e.tone or "", item.tone.label) for e, item in chosen), strict=True)
        )
        scores[f"tone macro-F1, {language}"] = macro_f1(tone, toned)
        marked = np.array([[f in (e.frames or ()) for f in FRAMES] for e, _ in chosen])
        found = np.array([[f in item.frames for f in FRAMES] for _, item in chosen])
        scores[f"frames micro-F1, {language}"] = micro_f1(marked, found)
    checkpoint = classifier.checkpoint
    for kind, language in product(("negation", "sarcasm", "metonym"), ("zh", "en")):
        right, _ = robustness.probes(checkpoint, kind, language)
        scores[f"{kind}_{language}, right"] = right.value
    changed, _ = robustness.swaps(checkpoint)
    scores["swaps, unchanged"] = 1 - changed.value
    for check in (robustness.one_target_a_pass, robustness.other_order, robustness.traditional):
        scores[f"{check.__name__}, same"] = check(checkpoint, examples).value
    return {name: round(value, 4) for name, value in scores.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lower", action="store_true", help="Write lower floors, too.")
    options = parser.parse_args()
    classifier = StanceClassifier.from_pretrained(device="cpu", precision="fp32")
    scores = measure(classifier)
    old: dict[str, Any] = (
        json.loads(FLOORS.read_text(encoding="utf-8")) if FLOORS.exists() else {"scores": {}}
    )
    missed = {n: (old["scores"][n], s) for n, s in scores.items() if s < old["scores"].get(n, 0.0) - SLACK}
    for name, score in scores.items():
        print(f"{name}: {score:.4f} (floor {old['scores'].get(name, 0.0):.4f})")
    changed = old.get("corpus") not in (None, digest())
    if (missed or changed) and not options.lower:
        why = f"{len(missed)} scores are below their floors" if missed else "the corpus has changed"
        sys.exit(f"{why}. Nothing was written; --lower writes the new scores as floors.")
    kept = {n: s if options.lower else max(s, old["scores"].get(n, 0.0)) for n, s in scores.items()}
    written = {"corpus": digest(), "checkpoint": classifier.checkpoint.digest(), "scores": kept}
    FLOORS.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
