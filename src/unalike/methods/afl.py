"""AFL: the model for the worst mixture of the clients, which an adversary chooses as it learns.

Source  Mohri et al., ICML 2019, Stochastic-AFL (arXiv:1902.00146)
Wire    down w [P] in training, the time average of w [P] to predict with; up delta [P], loss []
        (F_i at w, over all training samples)
Ours    the step of w is the clients' local work (the paper's is one stochastic gradient);
        lambda starts at the study's weights p. In a cohort of S the step is the average of
        lambda_i / p_i delta_i, and the ascent of the sampled lambda_i is
        (N - 1) / (S - 1) (F_i - mean F), unbiased where cohorts are drawn uniformly; both are
        the paper's when all take part; a cohort of one leaves lambda alone. The steps are ours
        (the paper tunes them)
Avoid   when the mean is what counts, or when one client's labels are noisy or hostile, because
        the worst client may get all the weight; with small cohorts the mixture is learned slowly
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

import torch
from annotated_types import Ge
from torch import Tensor

from unalike.core import (
    Batches,
    Cohort,
    Method,
    NoState,
    Population,
    Problem,
    average,
    optimise,
    solvers,
)
from unalike.core.search_range import STEP_SIZES, SearchRange
from unalike.weighting import simplex


class Server(NamedTuple):
    w: Tensor  # [P] the model in training
    lam: Tensor  # [N] the mixture, on the simplex
    mean: Tensor  # [P] time average of w, the model
    rounds: Tensor  # [] in the average


class Up(NamedTuple):
    delta: Tensor  # [P] y - w
    loss: Tensor  # [] F_i(w), before training


@dataclass(frozen=True)
class AFL(Method):
    """min over w, max over lambda in the simplex, of sum lambda_i F_i(w)."""

    name: ClassVar[str] = "afl"
    needs_each: ClassVar[str | None] = (
        "its server moves every client's weight by that client's loss"
    )
    lr: Annotated[float, Ge(0), "eta_w, step of a client", STEP_SIZES] = 0.1
    lam_lr: Annotated[
        float, Ge(0), "eta_lambda, step of the mixture; 0 keeps it", SearchRange(0.001, 1.0)
    ] = 0.01
    solver: solvers.LocalSolver = "sgd"

    def vacuous(self, problem: Problem) -> str | None:
        return "lam_lr = 0 makes AFL the time average of FedAvg." if self.lam_lr == 0 else None

    def init_server(self, problem: Problem, w: Tensor, population: Population) -> Server:
        return Server(w, population.weights.clone(), w, torch.zeros_like(w[0]))

    def broadcast(self, server: Server, client_id: Tensor) -> Tensor:
        return server.w

    def client_update(
        self, problem: Problem, down: Tensor, client: NoState, batches: Batches
    ) -> tuple[NoState, Up]:
        loss = average(lambda batch: problem.loss(down, batch), batches)
        y = optimise(solvers.parse(self.solver, self.lr), problem.grad, down, batches)
        return client, Up(y - down, loss)

    def server_update(self, server: Server, ups: Up, cohort: Cohort) -> Server:
        clients, answers = cohort.population, len(cohort.ids)
        ratio = server.lam[cohort.ids] / cohort.shares.clamp(min=1e-12)
        w = server.w + cohort.mean(ratio[:, None] * ups.delta)
        ascent = (ups.loss - ups.loss.mean()) * ((clients - 1) / max(1, answers - 1))
        rounds = server.rounds + 1
        return Server(
            w,
            simplex.project(server.lam.index_add(0, cohort.ids, self.lam_lr * ascent)),
            server.mean + (w - server.mean) / rounds,
            rounds,
        )

    def deliver(self, server: Server, client_id: Tensor) -> Tensor:
        return server.mean

    def global_model(self, server: Server) -> Tensor:
        return server.mean

    def displacement(self, ups: Up) -> Tensor:
        return ups.delta
