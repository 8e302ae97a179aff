"""IFCA: several models compete, and each client trains the one that fits its data best.

Source  Ghosh et al., NeurIPS 2020, Algorithm 1 (arXiv:2006.04088)
Wire    down the models of every run [R, C, P]; up choice [R], delta [R, P], and with several
        runs loss [R]. R is `restarts` until `trial_rounds` have passed, 1 from then on
Ours    restarts are part of the method, because a poor start leaves models that nobody ever
        chooses: R runs start apart, share their batches, and the one with the least training loss
        of the clients in the last trial round goes on. Averages use the study's weights (the
        paper's are plain). With averaging = gradients a client sends one step along the gradient of
        its whole training loss; the step is 0.1, as in the authors' code on rotated MNIST (0.25 on
        rotated CIFAR, 0.004 on FEMNIST)
Avoid   when clients do not fall into a few groups whose number is known about, or when bytes down
        are dear, because every client is sent all models
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, NamedTuple

import torch
from annotated_types import Ge
from torch import Tensor

from unalike.clustering.members import members
from unalike.clustering.starts import StartNoise, distinct_starts
from unalike.core import (
    Batch,
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
from unalike.errors import InputError
from unalike.functional.trees import row_of


class Server(NamedTuple):
    models: Tensor  # [R, C, P] the best run first
    idle: Tensor  # [R, C] int64, rounds since a client last chose the model
    rounds: Tensor  # [] int64


class Up(NamedTuple):
    choice: Tensor  # [R] int64, the model with the least training loss
    loss: Tensor  # [R] that loss; [0] when there is one run
    delta: Tensor  # [R, P]


@dataclass(frozen=True)
class IFCA(Method):
    name: ClassVar[str] = "ifca"
    needs_each: ClassVar[str | None] = (
        "its server averages only the answers that chose the same model"
    )
    lr: Annotated[float, Ge(0), "gamma, step of a client", STEP_SIZES] = 0.1
    solver: solvers.LocalSolver = "sgd"
    clusters: Annotated[int, Ge(1), "C, models; 1 is FedAvg", SearchRange(2, 5, log=False)] = 2
    averaging: Annotated[
        Literal["models", "gradients"],
        "mean of a model's users after local work, or sum of gradients over all who took part",
    ] = "models"
    restarts: Annotated[int, Ge(1), "R, runs from different starts"] = 3
    trial_rounds: Annotated[int, Ge(1), "rounds after which one run goes on"] = 5
    start_noise: StartNoise = 0.1

    def vacuous(self, problem: Problem) -> str | None:
        if self.clusters == self.restarts == 1:
            return "clusters = 1 makes IFCA the same as FedAvg."
        return None

    def unsuited(self) -> Mapping[str, str]:
        return {"local_momentum": "a client goes from model to model, and momentum is of one"}

    def init_server(self, problem: Problem, w: Tensor, population: Population) -> Server:
        if self.clusters > population.size:
            raise InputError(
                f"ifca: clusters = {self.clusters} is more than the {population.size} clients that "
                "train; choose fewer."
            )
        shape = self.restarts, self.clusters
        models = distinct_starts(problem, w, self.restarts * self.clusters, self.start_noise)
        idle = torch.zeros(shape, dtype=torch.int64, device=w.device)
        return Server(models.reshape(*shape, -1), idle, idle[0, 0])

    def broadcast(self, server: Server, client_id: Tensor) -> Tensor:
        return server.models

    def client_update(
        self, problem: Problem, down: Tensor, client: NoState, batches: Batches
    ) -> tuple[NoState, Up]:
        losses = _losses(problem, down, batches)
        choice = losses.argmin(1)
        deltas = []
        for models, j in zip(down, choice, strict=True):
            w = row_of(models, j)
            deltas.append(self._delta(problem, w, batches))
        loss = losses.amin(1)[: 0 if len(down) == 1 else None]
        return client, Up(choice, loss, torch.stack(deltas))

    def server_update(self, server: Server, ups: Up, cohort: Cohort) -> Server:
        models, idle = server.models.clone(), server.idle + 1
        for r in range(len(models)):
            for j in range(self.clusters):
                users = ups.choice[:, r] == j
                if bool(users.any()):
                    step = self._step(ups.delta[users, r], users, cohort)
                    models[r, j] = server.models[r, j] + step
                    idle[r, j] = 0
        if len(models) > 1:
            best_first = cohort.mean(ups.loss).argsort(stable=True)
            keep = 1 if int(server.rounds) + 1 >= self.trial_rounds else len(models)
            models, idle = models[best_first[:keep]], idle[best_first[:keep]]
        return Server(models, idle, server.rounds + 1)

    def personalise(
        self, problem: Problem, down: Tensor, client: NoState, batches: Batches
    ) -> Tensor:
        """The model of the best run with the least loss on the client's training samples."""
        return row_of(down[0], _losses(problem, down[:1], batches).argmin(1))

    def global_model(self, server: Server) -> None:
        return None

    def displacement(self, ups: Up) -> None:
        return None

    def notes(self, server: Server) -> str | None:
        dead = [
            f"model {j + 1} for {rounds} rounds"
            for j, rounds in enumerate(server.idle[0].tolist())
            if rounds > 1
        ]
        if not dead:
            return None
        return f"IFCA: of {self.clusters} models no client chose {' and '.join(dead)}."

    def _delta(self, problem: Problem, w: Tensor, batches: Batches) -> Tensor:
        if self.averaging == "gradients":
            return -self.lr * average(lambda batch: problem.grad(w, batch), batches)
        return optimise(solvers.parse(self.solver, self.lr), problem.grad, w, batches) - w

    def _step(self, deltas: Tensor, users: Tensor, cohort: Cohort) -> Tensor:
        if self.averaging == "gradients":
            return torch.tensordot(cohort.weights[users], deltas, dims=1)
        return members(cohort, users).mean(deltas)


def _losses(problem: Problem, runs: Tensor, batches: Batches) -> Tensor:
    """Mean training loss of every model: [R, C, P] -> [R, C]."""

    def losses(batch: Batch) -> Tensor:
        return torch.stack(
            [torch.stack([problem.loss(w, batch) for w in models]) for models in runs]
        )

    return average(losses, batches)
