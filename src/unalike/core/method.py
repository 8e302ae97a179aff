"""The verbs of a federated method, in the order in which a round speaks them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from .batches import Batches
from .problem import Problem


class NoState(NamedTuple):
    """For clients that remember nothing, and messages that carry nothing."""


class Population(NamedTuple):
    """The clients that exist and take part in training."""

    size: int  # N
    weights: Tensor  # [N] each client's share of the objective, sums to 1


class Cohort(NamedTuple):
    """The S clients whose answers arrived in this round."""

    ids: Tensor  # [S] int64
    weights: Tensor  # [S] each one's say in an average over the cohort, sums to 1
    shares: Tensor  # [S] each one's share of the whole population's objective
    population: int  # N

    def mean(self, rows: Tensor) -> Tensor:
        """Weighted mean over the cohort: [S, ...] -> [...]."""
        return torch.tensordot(self.weights, rows, dims=1)

    def share(self, rows: Tensor) -> Tensor:
        """What the cohort adds to a weighted mean over all N clients: [S, ...] -> [...]."""
        return torch.tensordot(self.shares, rows, dims=1)


@dataclass(frozen=True)
class Method:
    """A federated method: hyper-parameters (its fields) and pure functions for ONE client.

    Server, Client, Up and Down are trees: tensors or NamedTuples of tensors that each method
    defines for itself. Nothing is ever stored on `self`, and no data-dependent Python branch is
    taken inside: the engine stacks a cohort with `torch.func.vmap`. Work that nobody of the stack
    needs any more may be left out, by `any_client`.
    """

    name: ClassVar[str]  # on the command line and in results
    pooled: ClassVar[bool] = False  # trains on the data of all clients put together
    buffers: ClassVar[tuple[str, ...]] = ("recompute",)  # policies that suit it: see buffers.py
    needs_each: ClassVar[str | None] = "its class does not say that its server only adds them up"
    """Why the server needs each answer by itself; None where it uses them through `cohort.mean`
    and `cohort.share` alone, so that privacy can be put around the method."""

    unsolved: ClassVar[str | None] = None
    """Of methods whose personal model solves a problem: what helps where its `residual` is large.
    """

    learning_rates: ClassVar[tuple[str, ...]] = ("lr",)
    """Its settings that are step sizes of clients in training: a schedule multiplies them."""

    def init_server(self, problem: Problem, w: Tensor, population: Population) -> Any:
        """The server's state before the first round, from the initial weights w [P]."""
        return w

    def init_client(self, problem: Problem, w: Tensor) -> Any:
        """A client's private state before it is first sampled; it never leaves the client."""
        return NoState()

    def broadcast(self, server: Any, client_id: Tensor) -> Any:
        """Down: exactly what travels to this client."""
        return server

    def client_update(
        self, problem: Problem, down: Any, client: Any, batches: Batches
    ) -> tuple[Any, Any]:
        """One client's round of work: (its next state, Up: exactly what travels back)."""
        raise NotImplementedError

    def server_update(self, server: Any, ups: Any, cohort: Cohort) -> Any:
        """The next server state; every leaf of `ups` has a leading [S]."""
        raise NotImplementedError

    def personalise(self, problem: Problem, down: Any, client: Any, batches: Batches) -> Any:
        """What this client predicts with now."""
        return down

    def predict(self, problem: Problem, personal: Any, x: Tensor) -> Tensor:
        """Logits or log-probabilities [B, C] of a client's model for x [B, ...]."""
        return problem.logits(personal, x)

    def prediction_module(self, problem: Problem, personal: Any) -> nn.Module:
        """A plain module that gives what `predict` gives, for a method that overrides it."""
        return problem.module_at(personal)

    def deliver(self, server: Any, client_id: Tensor) -> Any:
        """Down for a client that is going to predict, where that differs from training."""
        return self.broadcast(server, client_id)

    def global_model(self, server: Any) -> Any | None:
        """The one model for everybody, as `predict` takes it; None where there is none."""
        return server

    def introduce(self, server: Any) -> Any:
        """Down for a client that has never taken part."""
        return self.deliver(server, torch.tensor(-1))

    def adapt(self, problem: Problem, down: Any, client: Any, batches: Batches) -> Any:
        """What a client that has never taken part predicts with, after its own adaptation."""
        return self.personalise(problem, down, client, batches)

    def displacement(self, ups: Any) -> Tensor | None:
        """How far each client's model moved from the broadcast one [S, P], where that is sent."""
        return ups if isinstance(ups, Tensor) else None

    def private_segments(self, problem: Problem) -> tuple[str, ...]:
        """Segments of the model that stay with the client while the others are shared, by name."""
        return ()

    def residual(
        self, problem: Problem, down: Any, client: Any, batches: Batches, personal: Any
    ) -> Tensor:
        """How far `personal`, from `personalise`, is from solving what defines it; 1 at its start.

        Only of methods that say so under `unsolved`.
        """
        raise NotImplementedError

    def notes(self, server: Any) -> str | None:
        """What people should know of the server's state now, such as a model nobody uses."""
        return None

    def vacuous(self, problem: Problem) -> str | None:
        """Why these settings make the method pointless for this problem; None if they do not."""
        return None

    def describe(self, problem: Problem) -> str | None:
        """What these settings mean for this problem, in one line, where that is not plain."""
        return None

    def with_step_sizes(self, factor: float) -> Method:
        """The method with all of its `learning_rates` multiplied."""
        return replace(self, **{name: getattr(self, name) * factor for name in self.learning_rates})

    @property
    def adapts_as_it_personalises(self) -> bool:
        """Whether a new client takes the steps that the others take before they predict."""
        return type(self).adapt is Method.adapt

    def solver_starts(self, problem: Problem, w: Tensor) -> tuple[Tensor, ...]:
        """Vectors as long as those from which each local solver of a round begins, in order."""
        return (w,)

    def own_work(self) -> str | None:
        """What says how many steps a client takes, where it is not the study."""
        return None

    def unsuited(self) -> Mapping[str, str]:
        """Settings of local work that the method cannot obey, and why, within a sentence."""
        return {}
