"""Dropout of whole features, cheaper than plain dropout on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FeatureDropout(nn.Module):
    """Dropout of whole features: the same ones for all tokens of a text (Gal and Ghahramani 2016).

    Drawing one number for each text and feature, not for each token too: drawing them is a good part of a
    training step on a CPU.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, hidden: Tensor) -> Tensor:
        """(b, n, width) -> (b, n, width)."""
        if not self.training or not self.p:
            return hidden
        keep = torch.empty_like(hidden[:, :1]).bernoulli_(1 - self.p).div_(1 - self.p)
        return hidden * keep


def use_feature_dropout(model: nn.Module) -> None:
    """Replace the dropout of hidden states by `FeatureDropout`, and turn off that of attention weights.

    The second one keeps torch from its fast attention on a CPU.
    """
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Dropout):
            parent, _, child = name.rpartition(".")
            attention = parent.endswith("attention.self")
            setattr(model.get_submodule(parent), child, FeatureDropout(0.0 if attention else module.p))
