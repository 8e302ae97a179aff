"""FedNova: clients that took more steps do not pull harder, their updates are normalised.

Source  Wang et al., NeurIPS 2020, section 4 (arXiv:2007.07481); no algorithm box of its own
Wire    down w [P]; up delta [P], steps [] (tau_i: with it the server knows |a_i|_1)
Ours    averages use the study's weights over the cohort; the norms are those of the exact
        impulse response of the local solver, also where momentum and a proximal term meet; lr = 0.1
        without momentum is ours (the authors' code: 0.02 with 0.9); no momentum on the server
Avoid   when all clients take equally many steps, because it is FedAvg then: it corrects unequal
        work, not unlike data
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, NamedTuple

from annotated_types import Ge, Gt, Lt
from torch import Tensor

from unalike.core import Batches, Cohort, Method, NoState, Problem, optimise, proximal, solvers
from unalike.core.search_range import STEP_SIZES, SearchRange


class Up(NamedTuple):
    delta: Tensor  # [P] y - w
    steps: Tensor  # [] tau_i


@dataclass(frozen=True)
class FedNova(Method):
    name: ClassVar[str] = "fednova"
    buffers: ClassVar[tuple[str, ...]] = ("recompute", "share", "local")
    needs_each: ClassVar[str | None] = (
        "its server divides each answer by that client's own number of steps"
    )
    lr: Annotated[float, Gt(0), "eta, step of a client", STEP_SIZES] = 0.1
    momentum: Annotated[
        float,
        Ge(0),
        Lt(1),
        "rho of the local solver; 0 is plain SGD",
        SearchRange(0.0, 0.95, log=False),
    ] = 0.0
    mu: Annotated[float, Ge(0), "weight of a local proximal term"] = 0.0
    effective: Annotated[
        Literal["weights", "steps"], "tau_eff: the mean of |a_i|_1, or of the local steps"
    ] = "weights"

    def unsuited(self) -> Mapping[str, str]:
        return {"local_momentum": "its norms are those of momentum that begins anew in a round"}

    def client_update(
        self, problem: Problem, down: Tensor, client: NoState, batches: Batches
    ) -> tuple[NoState, Up]:
        rule = solvers.momentum(self.lr, self.momentum) if self.momentum else solvers.sgd(self.lr)
        direction = proximal(problem.grad, down, self.mu) if self.mu else problem.grad
        y = optimise(rule, direction, down, batches)
        return client, Up(y - down, batches.steps.to(down.dtype))

    def server_update(self, server: Tensor, ups: Up, cohort: Cohort) -> Tensor:
        a = self.norms(ups.steps)
        tau = a if self.effective == "weights" else ups.steps
        # centred: where all are equal the mean is that number to the last bit, as FedAvg needs
        tau_eff = tau[0] + cohort.mean(tau - tau[0])
        return server + cohort.mean((tau_eff / a.clamp(min=1))[:, None] * ups.delta)

    def norms(self, steps: Tensor) -> Tensor:
        """|a|_1 [S], the weight of all gradients in an update of this many steps [S].

        A gradient seen j steps ago weighs |h_j|: h is the way the solver goes on after a single
        gradient of one. sgd: tau; momentum: (tau - rho (1 - rho^tau) / (1 - rho)) / (1 - rho);
        proximal: (1 - (1 - eta mu)^tau) / (eta mu).
        """
        v, h, total = 1.0, 1.0, [0.0]
        for _ in range(int(steps.max())):
            total.append(total[-1] + abs(h))
            v = self.momentum * v - self.lr * self.mu * h
            h = h + v
        return steps.new_tensor(total)[steps.long()]

    def displacement(self, ups: Up) -> Tensor:
        return ups.delta
