"""SCAFFOLD: clients correct their drift with control variates.

Source  Karimireddy et al., ICML 2020, Algorithm 1 (arXiv:1910.06378)
Wire    down x, c [P]; up delta_y, delta_c [P]
Ours    both averages use the study's weights: a weighted mean of the models together with a plain
        mean of the control variates would converge to the plain objective. Plain SGD only: under
        momentum option II no longer recovers the mean gradient; both steps are defaults of ours
Avoid   when clients are seldom sampled, because their control variates are old by then, or when
        bytes are dear, because it sends twice FedAvg's both ways
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, NamedTuple

import torch
from annotated_types import Gt
from torch import Tensor

from unalike.core import Batches, Cohort, Method, Problem, average, corrected, optimise, solvers
from unalike.core.search_range import STEP_SIZES, SearchRange


class Server(NamedTuple):
    x: Tensor  # [P] the shared model
    c: Tensor  # [P] weighted mean of all clients' control variates


class Client(NamedTuple):
    c_i: Tensor  # [P] estimate of this client's own gradient


class Up(NamedTuple):
    delta_y: Tensor  # [P] y - x
    delta_c: Tensor  # [P] the change of c_i


@dataclass(frozen=True)
class Scaffold(Method):
    name: ClassVar[str] = "scaffold"
    buffers: ClassVar[tuple[str, ...]] = ("recompute", "share", "local")
    needs_each: ClassVar[str | None] = None
    lr: Annotated[float, Gt(0), "eta_l, step of a client", STEP_SIZES] = 0.1
    server_lr: Annotated[float, Gt(0), "eta_g, step of the server", SearchRange(0.1, 3.0)] = 1.0
    option: Annotated[
        Literal["I", "II"],
        "c_i becomes the gradient at x (I, one more pass) or the mean gradient seen (II)",
    ] = "II"

    def unsuited(self) -> Mapping[str, str]:
        return {"local_momentum": "under momentum its control variates are no mean gradients"}

    def init_server(self, problem: Problem, w: Tensor, population: object) -> Server:
        return Server(x=w, c=torch.zeros_like(w))

    def init_client(self, problem: Problem, w: Tensor) -> Client:
        return Client(c_i=torch.zeros_like(w))

    def client_update(
        self, problem: Problem, down: Server, client: Client, batches: Batches
    ) -> tuple[Client, Up]:
        x, c = down
        (c_i,) = client
        direction = corrected(problem.grad, c - c_i)
        y = optimise(solvers.sgd(self.lr), direction, x, batches)

        if self.option == "I":
            c_new = average(lambda batch: problem.grad(x, batch), batches)
        else:
            c_new = c_i - c + (x - y) / self.lr / batches.steps

        return Client(c_new), Up(delta_y=y - x, delta_c=c_new - c_i)

    def server_update(self, server: Server, ups: Up, cohort: Cohort) -> Server:
        return Server(
            x=server.x + self.server_lr * cohort.mean(ups.delta_y),
            c=server.c + cohort.share(ups.delta_c),
        )

    def personalise(
        self, problem: Problem, down: Server, client: Client, batches: Batches
    ) -> Tensor:
        return down.x

    def global_model(self, server: Server) -> Tensor:
        return server.x

    def displacement(self, ups: Up) -> Tensor:
        return ups.delta_y
