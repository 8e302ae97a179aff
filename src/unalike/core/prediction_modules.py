"""Plain modules that predict what clients of a method predict with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from unalike.functional.outputs import OutputName, chosen_output, with_sample_dimension

from .module_fit import ModuleFit


class FittedModule(nn.Module):
    """A module called as a study called it: x [B, ...] -> the one output that counts [B, ...].

    Samples are turned into the type of number that the module takes, one of its outputs is taken,
    and a lone logit of yes stands beside a zero for no.
    """

    def __init__(self, module: nn.Module, fit: ModuleFit, output_name: OutputName) -> None:
        super().__init__()
        self.module, self.fit, self.output_name = module, fit, output_name

    def forward(self, x: Tensor) -> Any:
        """[B, ...] -> [B, ...]."""
        returned = self.module(x if self.fit.dtype is None else x.to(self.fit.dtype))
        output = chosen_output(returned, self.output_name)
        if self.fit.squeezes:
            output = with_sample_dimension(output, len(x))
        if self.fit.one_logit is None:
            return output
        yes = output.reshape(len(output))
        return torch.stack([torch.zeros_like(yes), yes], 1)


class Mixture(nn.Module):
    """Several modules, whose outputs are mixed in shares.

    mix: (outputs [M, B, ...], shares [M]) -> the output [B, ...].
    """

    def __init__(
        self,
        components: Sequence[nn.Module],
        shares: Tensor,
        mix: Callable[[Tensor, Tensor], Tensor],
    ) -> None:
        super().__init__()
        self.components = nn.ModuleList(components)
        self.shares: Tensor
        self.register_buffer("shares", shares.clone())
        self._mix = mix

    def forward(self, x: Tensor) -> Tensor:
        """[B, ...] -> [B, ...]."""
        outputs = torch.stack([component(x) for component in self.components])
        return self._mix(outputs, self.shares)
