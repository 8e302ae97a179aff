"""APFL: every client mixes a model of its own with the shared one, and learns how much of each.

Source  Deng et al., 2020, Algorithm 1 (arXiv:2003.13461)
Wire    down w [P]; up delta [P]
Ours    parameters are mixed, as in the paper (several public codes mix outputs); the shared model,
        the personal one and alpha each have a step of their own; alpha moves once a round, at its
        first local step, by the gradient that the personal model uses, and stays in [0, 1]; a
        client is judged by its own model mixed with the latest shared one; averages use the study's
        weights; a client that never trained starts both models at w; the steps and the first alpha
        are defaults of ours
Avoid   when clients cannot pay for two models in every round, or when these drift far apart,
        because a network whose parameters lie between two good ones need not be good
"""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple

import torch
from annotated_types import Ge, Le
from torch import Tensor

from unalike.core import Batch, Batches, Cohort, Method, Problem, descend, solvers
from unalike.core.search_range import STEP_SIZES, SearchRange
from unalike.core.solver_memory import begin_solver, end_solver


class Client(NamedTuple):
    v: Tensor  # [P] the personal model
    alpha: Tensor  # [] its share in the mixture


class Local(NamedTuple):
    w: Tensor  # [P] the client's copy of the shared model
    v: Tensor  # [P]
    alpha: Tensor  # []
    turn: Tensor  # [] 1 at the first local step of a round, then 0
    w_state: Any  # of the solvers
    v_state: Any


@dataclass(frozen=True)
class APFL(Method):
    name: ClassVar[str] = "apfl"
    needs_each: ClassVar[str | None] = None
    learning_rates: ClassVar[tuple[str, ...]] = ("lr", "personal_lr")
    lr: Annotated[float, Ge(0), "eta, step of the shared model", STEP_SIZES] = 0.1
    personal_lr: Annotated[float, Ge(0), "step of the personal model", STEP_SIZES] = 0.1
    alpha: Annotated[
        float,
        Ge(0),
        Le(1),
        "share of the personal model at the start",
        SearchRange(0.05, 0.95, log=False),
    ] = 0.5
    alpha_lr: Annotated[float, Ge(0), "step of alpha; 0 keeps it as it is"] = 0.1
    solver: solvers.LocalSolver = "sgd"
    adapt_epochs: Annotated[int, Ge(0), "epochs of a new client"] = 10

    def vacuous(self, problem: Problem) -> str | None:
        if self.alpha == 0 and self.alpha_lr == 0:
            return "alpha = 0 that never moves makes APFL the same as FedAvg."
        return None

    def init_client(self, problem: Problem, w: Tensor) -> Client:
        return Client(w, w.new_full((), self.alpha))

    def client_update(
        self, problem: Problem, down: Tensor, client: Client, batches: Batches
    ) -> tuple[Client, Tensor]:
        shared, own = (solvers.parse(self.solver, lr) for lr in (self.lr, self.personal_lr))

        def step(here: Local, batch: Batch) -> Local:
            g = problem.grad(torch.lerp(here.w, here.v, here.alpha), batch)
            slope = ((here.v - here.w) * g).sum()
            alpha = (here.alpha - self.alpha_lr * here.turn * slope).clamp(0, 1)
            there = moved(here, batch, g, shared.step, own.step)
            return there._replace(alpha=alpha, turn=torch.zeros_like(here.turn))

        def in_place(here: Local, batch: Batch) -> Local:  # alpha has had its turn
            g = problem.grad(torch.lerp(here.w, here.v, here.alpha), batch)
            return moved(here, batch, g, shared.step_in_place, own.step_in_place)

        def moved(here: Local, batch: Batch, g: Tensor, move_w: Any, move_v: Any) -> Local:
            w, w_state = move_w(here.w, problem.grad(here.w, batch), here.w_state)
            v, v_state = move_v(here.v, g.mul_(here.alpha), here.v_state)
            return here._replace(w=w, v=v, w_state=w_state, v_state=v_state)

        v, alpha = client
        states = begin_solver(shared, down), begin_solver(own, v)
        start = Local(down, v, alpha, torch.ones_like(alpha), *states)
        end = descend(step, start, batches, in_place=in_place)
        end_solver(end.w_state)
        end_solver(end.v_state)
        return Client(end.v, end.alpha), end.w - down

    def solver_starts(self, problem: Problem, w: Tensor) -> tuple[Tensor, Tensor]:
        return w, w

    def server_update(self, server: Tensor, ups: Tensor, cohort: Cohort) -> Tensor:
        return server + cohort.mean(ups)

    def personalise(
        self, problem: Problem, down: Tensor, client: Client, batches: Batches
    ) -> Tensor:
        return client.alpha * client.v + (1 - client.alpha) * down

    def adapt(self, problem: Problem, down: Tensor, client: Client, batches: Batches) -> Tensor:
        newcomer = client._replace(v=down)
        longer = batches.epochs(self.adapt_epochs)
        trained, _ = self.client_update(problem, down, newcomer, longer)
        return self.personalise(problem, down, trained, batches)
