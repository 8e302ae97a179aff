"""UGA: the server steps along the clients' gradients at its own weights, looking ahead.

Source  Yao et al., 2019, Algorithms 1 and 2 without the server's meta step (arXiv:1910.08234)
Wire    down w [P]; up g [P]
Ours    exact keep-trace by a reverse chain of Hessian-vector products; a client does the study's
        local work and then, in place of a last step, takes the gradient over all of its samples;
        the step of the server is a default of ours
Avoid   when clients are short of time or memory, because every local step is kept and gone back
        through with a Hessian-vector product
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from annotated_types import Gt
from torch import Tensor

from unalike.core import (
    Batch,
    Batches,
    Cohort,
    Method,
    NoState,
    Problem,
    average,
    optimise,
    retrace,
    solvers,
    trace,
)
from unalike.core.search_range import SearchRange


@dataclass(frozen=True)
class UGA(Method):
    name: ClassVar[str] = "uga"
    needs_each: ClassVar[str | None] = None
    lr: solvers.LearningRate = 0.1
    server_lr: Annotated[float, Gt(0), "eta_g, step of the server", SearchRange(0.1, 3.0)] = 1.0

    def unsuited(self) -> Mapping[str, str]:
        return {"local_momentum": "it differentiates through local steps that are plain ones"}

    def client_update(
        self, problem: Problem, down: Tensor, client: NoState, batches: Batches
    ) -> tuple[NoState, Tensor]:
        def step(u: Tensor, batch: Batch) -> Tensor:
            return problem.descend(u, batch, -self.lr)

        def back(v: Tensor, u: Tensor, batch: Batch) -> Tensor:
            return torch.add(v, problem.hvp(u, batch, v), alpha=-self.lr)

        u, path = trace(step, down, batches)
        return client, retrace(back, average(lambda b: problem.grad(u, b), batches), path)

    def server_update(self, server: Tensor, ups: Tensor, cohort: Cohort) -> Tensor:
        return server - self.server_lr * cohort.mean(ups)

    def personalise(
        self, problem: Problem, down: Tensor, client: NoState, batches: Batches
    ) -> Tensor:
        """The client's own epochs from w."""
        return optimise(solvers.sgd(self.lr), problem.grad, down, batches)

    def displacement(self, ups: Tensor) -> None:
        return None
