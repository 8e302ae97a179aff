"""FedAdagrad: the server divides each weight's update by all it has moved before.

Source  Reddi et al., ICLR 2021, Algorithm 2 (arXiv:2003.00295)
Wire    down w [P]; up delta [P]
Ours    averages use the study's weights; no bias correction, as in the paper; v starts at
        v0 tau^2. The paper tunes both steps: lr = 0.1 and server_lr = 0.1 are ours;
        beta1 = 0 is its default there too
Avoid   when rounds are many, because what a weight has moved only adds up and the server's steps
        fade; its server_lr and tau have to be tuned
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Lt
from torch import Tensor

from unalike.core.server_optimiser import AdaptiveServer


@dataclass(frozen=True)
class FedAdagrad(AdaptiveServer):
    name: ClassVar[str] = "fedadagrad"
    beta1: Annotated[float, Ge(0), Lt(1), "memory of m"] = 0.0

    def second_moment(self, v: Tensor, delta: Tensor) -> Tensor:
        return v + delta**2
