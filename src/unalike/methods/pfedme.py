"""pFedMe: each client's own model is the proximal point of the shared one.

Source  T. Dinh et al., NeurIPS 2020, Algorithm 1 (arXiv:2006.08848)
Wire    down w [P]; up delta [P]
Ours    the step eta is 1 / lambda, the largest that suits any model, since the envelope's gradient
        lambda (w - theta) has the Lipschitz constant lambda; the inner steps follow the curvature
        that they meet. The preset `paper` has eta = 0.005 and rho = 0.09, which suit R = 20 steps
        in each of 800 rounds and curvatures below 2 / rho - lambda = 7.2;
        averages use the study's weights (the paper's are plain); only sampled clients work; the
        local rounds R are the study's local work unless `local_rounds` sets them; the personal
        model is theta at the current broadcast w, solved anew over the client's training data;
        lam may count beside the sum of a client's losses, as in a mixed model
Avoid   when clients need models far from one another, because lambda ties each to the shared one,
        or when they cannot pay for several gradients in every local step
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, ClassVar, Literal

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from unalike.core import Batch, Batches, Cohort, Method, NoState, Problem, average, descend
from unalike.core.adaptive_descent import adaptive_descent
from unalike.core.penalty import LamRule, Penalty, penalty
from unalike.core.search_range import FURTHER, SearchRange

PAPER_LR, PAPER_PERSONAL_LR = 0.005, 0.09
PROBE = 0.01  # the first inner step, where lambda is small


@dataclass(frozen=True)
class PFedMe(Method):
    name: ClassVar[str] = "pfedme"
    needs_each: ClassVar[str | None] = None
    unsolved: ClassVar[str | None] = "raise solve_steps, or take preset = adaptive"
    preset: Annotated[
        Literal["adaptive", "paper"], "steps that suit any model, or those of the paper"
    ] = "adaptive"
    lam: Annotated[float, Gt(0), "lambda, pull of the shared model", SearchRange(0.1, 100.0)] = 15.0
    lam_rule: LamRule = "mean"
    lr: Annotated[
        float | None, Ge(0), "eta, step of the local copy of the shared model; none: by the preset"
    ] = None
    personal_lr: Annotated[
        float | None, Ge(0), "rho, step of the personal model; none: by the preset"
    ] = None
    inner_steps: Annotated[int, Ge(1), "K, steps towards the proximal point"] = 5
    beta: Annotated[
        float, Gt(0), "step of the server; up to 2", SearchRange(0.1, 2.0, priority=FURTHER)
    ] = 1.0
    local_rounds: Annotated[int, Ge(0), "R, batches in a round; 0: the study's epochs"] = 0
    solve_steps: Annotated[int, Ge(1), "steps towards the personal model before it is used"] = 20

    @property
    def eta(self) -> float:
        if self.lr is not None:
            return self.lr
        return PAPER_LR if self.preset == "paper" else 1 / self.lam

    @property
    def rho(self) -> float | None:
        """None: each step follows the curvature."""
        if self.personal_lr is None and self.preset == "paper":
            return PAPER_PERSONAL_LR
        return self.personal_lr

    def with_step_sizes(self, factor: float) -> PFedMe:
        return replace(self, lr=self.eta * factor)

    def own_work(self) -> str | None:
        return f"local_rounds = {self.local_rounds}" if self.local_rounds else None

    def unsuited(self) -> Mapping[str, str]:
        return {"local_momentum": "its local steps lead towards proximal points"}

    def client_update(
        self, problem: Problem, down: Tensor, client: NoState, batches: Batches
    ) -> tuple[NoState, Tensor]:
        pull = penalty(self.lam, self.lam_rule, batches)
        largest = self.lr is None and self.preset == "adaptive"  # eta is 1 / this client's lambda
        share = self.eta * (self.lam if largest else pull.lam)

        def step(w: Tensor, batch: Batch) -> Tensor:
            def gradient(at: Tensor) -> Tensor:
                return problem.grad(at, batch)

            theta = self.proximal_point(gradient, pull, w, self.inner_steps)
            return torch.lerp(w, theta, share)  # w - eta lambda (w - theta)

        work = batches.exactly(self.local_rounds) if self.local_rounds else batches
        return client, descend(step, down, work) - down

    def proximal_point(
        self, gradient: Callable[[Tensor], Tensor], pull: Penalty, w: Tensor, steps: int
    ) -> Tensor:
        """theta [P] after so many steps from w on f(theta) + lambda/2 |theta - w|^2."""

        def pulled(theta: Tensor) -> Tensor:
            return pull(gradient(theta), theta - w)

        if self.rho is None:
            return adaptive_descent(pulled, w, steps, first=PROBE / (1 + PROBE * self.lam))
        theta = torch.add(w, gradient(w), alpha=-self.rho)  # no pull at w
        for _ in range(steps - 1):
            theta.add_(pulled(theta), alpha=-self.rho)
        return theta

    def server_update(self, server: Tensor, ups: Tensor, cohort: Cohort) -> Tensor:
        return server + self.beta * cohort.mean(ups)

    def personalise(
        self, problem: Problem, down: Tensor, client: NoState, batches: Batches
    ) -> Tensor:
        """theta(w) over all samples of the client."""

        def gradient(at: Tensor) -> Tensor:
            return average(partial(problem.grad, at), batches)

        pull = penalty(self.lam, self.lam_rule, batches)
        return self.proximal_point(gradient, pull, down, self.solve_steps)

    def residual(
        self, problem: Problem, down: Tensor, client: NoState, batches: Batches, personal: Tensor
    ) -> Tensor:
        """|grad f(theta) + lambda (theta - w)| over |grad f(w)|, its length at theta = w."""
        pull = penalty(self.lam, self.lam_rule, batches)
        start = average(partial(problem.grad, down), batches).norm()
        left = pull(average(partial(problem.grad, personal), batches), personal - down).norm()
        return torch.where(start == 0, 0, left / torch.where(start == 0, 1, start))
