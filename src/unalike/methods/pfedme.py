"""pFedMe: each client's own model is the proximal point of the shared one.

Source  T. Dinh et al., NeurIPS 2020, Algorithm 1 (arXiv:2006.08848)
Wire    down w [P]; up delta [P]
Ours    averages use the study's weights (the paper's are plain); only sampled clients work; the
        local rounds R are the study's local epochs unless `local_rounds` sets them; the personal
        model is theta at the current broadcast w, solved anew over the client's training data
"""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from unalike.core import Batch, Batches, Cohort, Method, NoState, Problem, average, descend


@dataclass(frozen=True)
class PFedMe(Method):
    name: ClassVar[str] = "pfedme"
    needs_each: ClassVar[str | None] = None
    lam: Annotated[float, Gt(0), "lambda, pull of the shared model"] = 15.0
    lr: Annotated[float, Ge(0), "eta, step of the local copy of the shared model"] = 0.005
    personal_lr: Annotated[float, Ge(0), "rho, step of the personal model"] = 0.09
    inner_steps: Annotated[int, Ge(1), "K, steps towards the proximal point"] = 5
    beta: Annotated[float, Gt(0), "step of the server; up to 2"] = 1.0
    local_rounds: Annotated[int, Ge(0), "R, batches in a round; 0: the study's epochs"] = 0
    solve_steps: Annotated[int, Ge(1), "steps towards the personal model before it is used"] = 20

    def client_update(
        self, problem: Problem, down: Tensor, client: NoState, batches: Batches
    ) -> tuple[NoState, Tensor]:
        def step(w: Tensor, batch: Batch) -> Tensor:
            theta = torch.add(w, problem.grad(w, batch), alpha=-self.personal_lr)  # no pull at w
            for _ in range(self.inner_steps - 1):
                pulled_grad = problem.grad(theta, batch).add_(theta - w, alpha=self.lam)
                theta.add_(pulled_grad, alpha=-self.personal_lr)
            return torch.lerp(w, theta, self.lr * self.lam)  # w - eta lambda (w - theta)

        work = batches.exactly(self.local_rounds) if self.local_rounds else batches
        return client, descend(step, down, work) - down

    def server_update(self, server: Tensor, ups: Tensor, cohort: Cohort) -> Tensor:
        return server + self.beta * cohort.mean(ups)

    def personalise(
        self, problem: Problem, down: Tensor, client: NoState, batches: Batches
    ) -> Tensor:
        """theta(w): gradient descent on f_i(theta) + lambda/2 |theta - w|^2 over all samples."""
        theta = down
        for _ in range(self.solve_steps):
            g = average(partial(problem.grad, theta), batches)
            theta = theta - self.personal_lr * (g + self.lam * (theta - down))
        return theta
