"""A module whose outputs are as if trained in the unit of what is asked, whatever scale it had."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unalike.study.model_description import ModelDescription
from unalike.tasks import TargetScale


class UnitOutput(nn.Module):
    """module(x) [n, k] times the spread of each output, plus its centre."""

    def __init__(self, module: nn.Module, scale: TargetScale) -> None:
        super().__init__()
        self.module = module
        self.register_buffer("spread", torch.tensor(scale.spread))
        self.register_buffer("centre", torch.tensor(scale.centre))

    @staticmethod
    def of(module: nn.Module, description: ModelDescription) -> nn.Module:
        """The module itself where it was trained in that unit, or there is none."""
        scale = description.question.output_scale
        return module if scale is None else UnitOutput(module, scale).eval()

    def forward(self, x: Tensor) -> Tensor:
        """[n, ...] -> [n, k]."""
        return self.module(x) * self.get_buffer("spread") + self.get_buffer("centre")
