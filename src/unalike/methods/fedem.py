"""FedEM: each client's data are a mixture, in shares of its own, of sources that all clients share.

Source  Marfoq et al., NeurIPS 2021, Algorithms 1 and 2 (arXiv:2108.10252)
Wire    down theta [M, P]; up delta [M, P]. The shares pi [M] never leave the client
Ours    the responsibilities of a round are those of its first E-step. Shares are kept above
        `floor`. A client predicts with the shares of one more E-step over its training samples; a
        new client does `adapt_steps` E-steps and never changes theta; the step is 0.1 (in the
        authors' code 0.03 on CIFAR-10 and FEMNIST, 0.01 on CIFAR-100, 0.05 on EMNIST)
Avoid   when bytes or time are dear, because each of the M components is a whole model that is
        sent both ways and trained by everybody, or when no few sources explain the clients
"""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, ClassVar, NamedTuple

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor

from unalike.clustering.starts import StartNoise, distinct_starts
from unalike.core import (
    Batch,
    Batches,
    Cohort,
    Method,
    Population,
    Problem,
    each_sample,
    optimise,
    solvers,
)
from unalike.core.prediction_modules import Mixture
from unalike.core.search_range import SearchRange
from unalike.core.seen_gradient import SeenGradient


class Client(NamedTuple):
    pi: Tensor  # [M] this client's shares of the components, sums to 1


class Personal(NamedTuple):
    theta: Tensor  # [M, P]
    pi: Tensor  # [M]


@dataclass(frozen=True)
class FedEM(Method):
    name: ClassVar[str] = "fedem"
    needs_each: ClassVar[str | None] = None
    lr: solvers.LearningRate = 0.1
    solver: solvers.LocalSolver = "sgd"
    components: Annotated[
        int, Ge(1), "M, components of the mixture; 1 is FedAvg", SearchRange(2, 5, log=False)
    ] = 3
    floor: Annotated[float, Gt(0), Lt(1), "the least share of a component"] = 1e-6
    adapt_steps: Annotated[int, Ge(1), "E-steps of a new client"] = 20
    start_noise: StartNoise = 0.1

    def vacuous(self, problem: Problem) -> str | None:
        return "components = 1 makes FedEM the same as FedAvg." if self.components == 1 else None

    def init_server(self, problem: Problem, w: Tensor, population: Population) -> Tensor:
        problem.require_sample_losses("FedEM")
        return distinct_starts(problem, w, self.components, self.start_noise)

    def init_client(self, problem: Problem, w: Tensor) -> Client:
        return Client(w.new_full((self.components,), 1 / self.components))

    def client_update(
        self, problem: Problem, down: Tensor, client: Client, batches: Batches
    ) -> tuple[Client, Tensor]:
        q = self._e_step(problem, down, client.pi, batches)
        solver = solvers.parse(self.solver, self.lr)

        def change(theta: Tensor, q: Tensor) -> Tensor:
            gradient = SeenGradient(problem, _weighted, (q,))
            return optimise(solver, gradient, theta, batches) - theta

        up = torch.stack([change(down[m], q[m]) for m in range(self.components)])
        return Client(self._shares(q, batches)), up

    def solver_starts(self, problem: Problem, w: Tensor) -> tuple[Tensor, ...]:
        return (w,) * self.components

    def server_update(self, server: Tensor, ups: Tensor, cohort: Cohort) -> Tensor:
        return server + cohort.mean(ups)

    def personalise(
        self, problem: Problem, down: Tensor, client: Client, batches: Batches
    ) -> Personal:
        q = self._e_step(problem, down, client.pi, batches)
        return Personal(down, self._shares(q, batches))

    def predict(self, problem: Problem, personal: Personal, x: Tensor) -> Tensor:
        """The mixture of outputs [B, ...]; of classes the log of mixed probabilities."""
        outputs = torch.stack([problem.logits(theta, x) for theta in personal.theta])
        return problem.mixture(outputs, personal.pi)

    def prediction_module(self, problem: Problem, personal: Personal) -> Mixture:
        components = [problem.module_at(theta) for theta in personal.theta]
        return Mixture(components, personal.pi, problem.mixture)

    def global_model(self, server: Tensor) -> None:
        return None

    def adapt(self, problem: Problem, down: Tensor, client: Client, batches: Batches) -> Personal:
        pi = client.pi
        for _ in range(self.adapt_steps):
            pi = self._shares(self._e_step(problem, down, pi, batches), batches)
        return Personal(down, pi)

    def displacement(self, ups: Tensor) -> None:
        return None

    def _e_step(self, problem: Problem, theta: Tensor, pi: Tensor, batches: Batches) -> Tensor:
        """The responsibilities [M, n] for the client's samples, then those for padding."""
        of_batch = partial(_responsibilities, problem, theta, pi)
        return each_sample(of_batch, batches, none=pi[:, None])

    def _shares(self, q: Tensor, batches: Batches) -> Tensor:
        """The mean responsibilities [M] over the client's samples, kept above the floor."""
        real = torch.arange(q.shape[1], device=q.device) < batches.size
        shares = (q * real).sum(1) / batches.size.clamp(min=1)
        shares = shares.clamp(min=self.floor)
        return shares / shares.sum()


def _weighted(batch: Batch, q: Tensor) -> Batch:
    """The batch with its samples weighed by q [n] at their places."""
    return batch._replace(weight=batch.weight * q.gather(-1, batch.position))


def _responsibilities(problem: Problem, theta: Tensor, pi: Tensor, batch: Batch) -> Tensor:
    """q [M, B]: how likely each component gave each sample, pi_m exp(-loss_m) normalised."""
    losses = torch.stack([problem.losses(w, batch) for w in theta])
    return torch.softmax(pi.log()[:, None] - losses, 0)
