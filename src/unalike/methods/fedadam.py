"""FedAdam: the server runs Adam on the mean update as if it were a gradient.

Source  Reddi et al., ICLR 2021, Algorithm 2 (arXiv:2003.00295)
Wire    down w [P]; up delta [P]
Ours    averages use the study's weights; no bias correction, as in the paper; v starts at
        v0 tau^2. The paper tunes both steps: lr = 0.1 and server_lr = 0.1 are ours
Avoid   when server_lr and tau cannot be tuned: a weight's step hardly depends on how long its
        update is, so that a poor choice does not settle by itself
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Lt
from torch import Tensor

from unalike.core.server_optimiser import AdaptiveServer


@dataclass(frozen=True)
class FedAdam(AdaptiveServer):
    name: ClassVar[str] = "fedadam"
    beta2: Annotated[float, Ge(0), Lt(1), "memory of v"] = 0.99

    def second_moment(self, v: Tensor, delta: Tensor) -> Tensor:
        return self.beta2 * v + (1 - self.beta2) * delta**2
