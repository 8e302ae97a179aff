"""FedYogi: Adam on the server, with a second moment that moves by bounded steps.

Source  Reddi et al., ICLR 2021, Algorithm 2 (arXiv:2003.00295)
Wire    down w [P]; up delta [P]
Ours    averages use the study's weights; no bias correction, as in the paper; v starts at
        v0 tau^2. The paper tunes both steps: lr = 0.1 and server_lr = 0.1 are ours
Avoid   when the first updates are far longer than later ones, because the second moment sinks by
        bounded steps and the server stays slow; its server_lr and tau have to be tuned
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge, Lt
from torch import Tensor

from unalike.core.server_optimiser import AdaptiveServer


@dataclass(frozen=True)
class FedYogi(AdaptiveServer):
    name: ClassVar[str] = "fedyogi"
    beta2: Annotated[float, Ge(0), Lt(1), "memory of v"] = 0.99

    def second_moment(self, v: Tensor, delta: Tensor) -> Tensor:
        return v - (1 - self.beta2) * delta**2 * torch.sign(v - delta**2)
