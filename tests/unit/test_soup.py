"""The greedy soup takes what helps and leaves what doesn't."""

from __future__ import annotations

from pathlib import Path

import torch

from polystance.training.soup import Weights, greedy_soup


def test_only_weights_that_help_are_mixed_in(tmp_path: Path) -> None:
    # The score is highest at 2.0; each file holds one number, and its own score.
    def score(weights: Weights) -> float:
        return -abs(float(weights["w"]) - 2.0)

    files = {}
    for value in (1.2, 2.6, -5.0):
        path = tmp_path / f"{value}.pt"
        torch.save({"w": torch.tensor(value), "steps": torch.tensor(7)}, path)
        files[path] = score({"w": torch.tensor(value)})
    soup = greedy_soup(files, score)
    assert round(float(soup["w"]), 4) == 1.9
    assert int(soup["steps"]) == 7


def test_one_ingredient_is_the_soup(tmp_path: Path) -> None:
    torch.save({"w": torch.tensor(3.0)}, tmp_path / "a.pt")
    assert float(greedy_soup({tmp_path / "a.pt": 0.5}, lambda _: 0.0)["w"]) == 3.0
