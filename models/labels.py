"""The label scheme: what the model predicts, in which order, and where each part lies in its output.

Definitions of every label are in the codebook (docs/codebook.md). Frames are the fourteen general
dimensions of the Policy Frames Codebook (Boydstun, Card, Gross, Resnik and Smith 2014).
"""

from __future__ import annotations

from typing import Final

STANCES: Final = ("favor", "neutral", "against")
TONES: Final = ("positive", "neutral", "negative")
FRAMES: Final = (
    "economic",
    "capacity_and_resources",
    "morality",
    "fairness_and_equality",
    "legality_constitutionality_and_jurisprudence",
    "policy_prescription_and_evaluation",
    "crime_and_punishment",
    "security_and_defense",
    "health_and_safety",
    "quality_of_life",
    "cultural_identity",
    "public_opinion",
    "political",
    "external_regulation_and_reputation",
)
UNCERTAIN: Final = "uncertain"  # a stance whose top probability is below --min-confidence

# One linear layer gives 20 logits a token; these slices say which are which.
STANCE_SLICE: Final = slice(0, 3)
TONE_SLICE: Final = slice(3, 6)
FRAME_SLICE: Final = slice(6, 20)
OUTPUTS: Final = (
    *(f"stance:{label}" for label in STANCES),
    *(f"tone:{label}" for label in TONES),
    *(f"frame:{label}" for label in FRAMES),
)

MARKERS: Final = tuple(f"[T{i}]" for i in range(8))
MAX_TARGETS_PER_PASS: Final = len(MARKERS)
