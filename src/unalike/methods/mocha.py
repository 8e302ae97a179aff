"""MOCHA: every client has its own model, and the models are tied by how the tasks are related.

Source  Smith et al., NIPS 2017, Algorithm 1 (arXiv:1705.10467)
Wire    down w_t [P], pull [], and in the primal form coupling [P]; up w_t [P], in the dual form
        the change of b_t [P] and slack []
Ours    the primal form, for any network: gradient steps on F_t and the tie to the other models as
        broadcast, the own part scaled by rho so that all may move at once. Its relation starts at
        that of the initial models. The dual form, for linear classifiers, is the paper's with the
        hinge loss, one class against the rest; W is recomputed after each update of the relation.
        The learned relation has a floor on its eigenvalues. All clients count alike, as in the
        paper. A new client trains alone, drawn to the mean of all models; lambda is 0.01 (in the
        authors' driver from 1e-5 to 10 by cross-validation)
Avoid   when clients are many thousands or may not show their models, because the server holds all
        of them and a relation of N by N
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, NamedTuple

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor

from unalike.core import (
    Batches,
    Cohort,
    Method,
    Population,
    Problem,
    corrected,
    optimise,
    proximal,
    solvers,
)
from unalike.core.search_range import STEP_SIZES, SearchRange
from unalike.errors import InputError
from unalike.functional.trees import row_of
from unalike.relations import relationship, sdca


class Server(NamedTuple):
    w: Tensor  # [N, P] every client's model
    b: Tensor  # [N, P] dual form: W = Sigma B / lam; [N, 0] in the primal form
    relation: Tensor  # [N, N] Omega in the primal form, Sigma in the dual form
    slack: Tensor  # [N] each client's last part of the duality gap; [0] in the primal form
    gap: Tensor  # [] the duality gap before the last round
    rounds: Tensor  # [] int64


class Down(NamedTuple):
    w: Tensor  # [P] the own model
    coupling: Tensor  # [P] sum_s Omega_ts w_s; [0] in the dual form
    pull: Tensor  # [] rho times the own entry of Omega, or of Sigma


class Client(NamedTuple):
    alpha: Tensor  # [capacity, K] dual variables of the own samples; [0, 0] in the primal form


class Up(NamedTuple):
    value: Tensor  # [P] the new model, or the change of b
    slack: Tensor  # [] mean hinge loss less mean dual objective; [0] in the primal form


@dataclass(frozen=True)
class MOCHA(Method):
    """Minimise sum_t F_t(w_t) + lam / 2 tr(W' Omega W) over W [N, P], its rows w_t, and Omega."""

    name: ClassVar[str] = "mocha"
    needs_each: ClassVar[str | None] = "its server keeps a model of every client"
    lr: Annotated[float, Ge(0), "step of a client; not used by the dual form", STEP_SIZES] = 0.1
    solver: Annotated[str, f"local solver: {solvers.CHOICES}; not of the dual form"] = "sgd"
    lam: Annotated[
        float,
        Ge(0),
        "lambda, weight of the relation; above 0 in the dual form",
        SearchRange(0.001, 1.0),
    ] = 0.01
    form: Annotated[
        Literal["primal", "dual"], "gradient steps on any model, or SDCA on a linear classifier"
    ] = "primal"
    relation: Annotated[
        Literal["learned", "mean", "independent"],
        "Sigma the trace-normalised square root; Omega = I - 11'/N; Sigma = I/N",
    ] = "learned"
    every: Annotated[int, Ge(1), "rounds between updates of a learned relation"] = 5
    floor: Annotated[float, Gt(0), Le(1), "least eigenvalue of Sigma, relative to the largest"] = (
        0.05
    )
    omega: Annotated[
        tuple[tuple[float, ...], ...], "a fixed precision matrix [N, N] in place of the relation"
    ] = ()
    adapt_epochs: Annotated[int, Ge(0), "epochs a new client trains alone"] = 20

    def __post_init__(self) -> None:
        singular = self.relation == "mean" and not self.omega
        if self.form == "dual" and (self.lam == 0 or singular):
            raise InputError(
                "mocha: form = 'dual' needs lam above 0 and a relation that can be inverted, "
                "which relation = 'mean' cannot."
            )

    def unsuited(self) -> Mapping[str, str]:
        if self.form == "primal":
            return {}
        why = "its dual form ascends coordinate by coordinate, without step size or momentum"
        return {"lr_schedule": why, "local_momentum": why}

    def vacuous(self, problem: Problem) -> str | None:
        return "lam = 0 makes MOCHA the same as Local." if self.lam == 0 else None

    def init_server(self, problem: Problem, w: Tensor, population: Population) -> Server:
        n, dual = population.size, self.form == "dual"
        every = w.new_zeros(n, len(w)) if dual else w.repeat(n, 1)
        return Server(
            w=every,
            b=every if dual else every[:, :0],
            relation=self._first_relation(every),
            slack=w.new_full((n,), sdca.classes_of(problem)) if dual else w[:0],
            gap=w.new_zeros(()),
            rounds=torch.zeros((), dtype=torch.int64, device=w.device),
        )

    def init_client(self, problem: Problem, w: Tensor) -> Client:
        if self.form == "primal":
            return Client(w.new_zeros(0, 0))
        return Client(w.new_zeros(problem.capacity, sdca.classes_of(problem)))

    def broadcast(self, server: Server, client_id: Tensor) -> Down:
        w, mine = row_of(server.w, client_id), row_of(server.relation, client_id)
        pull = relationship.safety(server.relation) * row_of(mine, client_id)
        return Down(w, w[:0] if self.form == "dual" else mine @ server.w, pull)

    def client_update(
        self, problem: Problem, down: Down, client: Client, batches: Batches
    ) -> tuple[Client, Up]:
        if self.form == "primal":
            return client, Up(self._descended(problem, down, batches), down.w[:0])
        slack = sdca.slack(problem, down.w, client.alpha, batches)
        alpha, _, b = sdca.ascend(problem, down.w, client.alpha, down.pull, self.lam, batches)
        return Client(alpha), Up(b, slack)

    def server_update(self, server: Server, ups: Up, cohort: Cohort) -> Server:
        w, b, relation, slack, gap, rounds = server
        if self.form == "primal":
            w = w.index_copy(0, cohort.ids, ups.value)
        else:
            slack = slack.index_copy(0, cohort.ids, ups.slack)
            gap = slack.sum() + (b * (relation @ b)).sum() / self.lam
            b = b.index_add(0, cohort.ids, ups.value)
            w = relation @ b / self.lam
        if self._learns and (int(rounds) + 1) % self.every == 0:
            relation = self._learned(w)
            w = relation @ b / self.lam if self.form == "dual" else w
        return Server(w, b, relation, slack, gap, rounds + 1)

    def personalise(self, problem: Problem, down: Down, client: Client, batches: Batches) -> Tensor:
        return down.w

    def global_model(self, server: Server) -> None:
        return None

    def introduce(self, server: Server) -> Down:
        w = server.w.mean(0)
        if self.form == "dual":
            return Down(w, w[:0], server.relation.diagonal().mean())
        return Down(w, torch.zeros_like(w), torch.ones_like(server.gap))

    def adapt(self, problem: Problem, down: Down, client: Client, batches: Batches) -> Tensor:
        longer = batches.epochs(self.adapt_epochs)
        if self.form == "primal":
            return self._descended(problem, down, longer)
        return sdca.ascend(problem, down.w, client.alpha, down.pull, self.lam, longer).w

    def displacement(self, ups: Up) -> None:
        return None

    def notes(self, server: Server) -> str | None:
        if self.form == "primal" or int(server.rounds) == 0:
            return None
        return f"MOCHA: the duality gap before this round was {float(server.gap):.3g}."

    def _descended(self, problem: Problem, down: Down, batches: Batches) -> Tensor:
        direction = corrected(
            proximal(problem.grad, down.w, self.lam * down.pull), self.lam * down.coupling
        )
        return optimise(solvers.parse(self.solver, self.lr), direction, down.w, batches)

    def _learned(self, w: Tensor) -> Tensor:
        sigma = relationship.learned(w, self.floor)
        return sigma if self.form == "dual" else relationship.inverse(sigma)

    @property
    def _learns(self) -> bool:
        return self.relation == "learned" and not self.omega

    def _first_relation(self, w: Tensor) -> Tensor:
        if self.omega:
            return self._fixed(w)
        if self.relation == "learned":
            return self._learned(w)
        if self.relation == "mean":
            return relationship.mean_regularised(w)
        sigma = relationship.unrelated(w)
        return sigma if self.form == "dual" else relationship.inverse(sigma)

    def _fixed(self, w: Tensor) -> Tensor:
        shape = len(self.omega), {len(row) for row in self.omega}
        if shape != (len(w), {len(w)}):
            raise InputError(
                f"mocha: omega must have {len(w)} rows of {len(w)} numbers, one for each client "
                "that trains."
            )
        omega = torch.tensor(self.omega, dtype=w.dtype, device=w.device)
        least = float(torch.linalg.eigvalsh(omega)[0])
        if not torch.equal(omega, omega.T) or least < (1e-9 if self.form == "dual" else -1e-9):
            raise InputError(
                f"mocha: omega (least eigenvalue {least:.3g}) must be symmetric and have no "
                "negative eigenvalue; in the dual form none that is zero."
            )
        return relationship.inverse(omega) if self.form == "dual" else omega
