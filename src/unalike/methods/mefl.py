"""MEFL: a meta-learned start and step sizes; clients count by agreement and steadiness.

Source  MEFL, Entropy 2025, 27(6), 553, sections 4.2 (Meta-GDP) and 4.3 (EOA)
Wire    down w, alpha [P]; up g, a [P], and how far g is from this client's running mean, squared []
Ours    a reconstruction, not the authors' code: no copy with equations could be had. The inner half
        is UGA's keep-trace (arXiv:1910.08234) with the step sizes of Meta-SGD (arXiv:1707.09835),
        differentiated exactly by a reverse chain of Hessian-vector products in J * P memory. Each
        lost piece is an option below, our reading first. A client keeps the running mean of its own
        g, the server each client's running variance; the first alpha is 0.1 and the server's step
        1; the text that is left searches from 0.001 to 1 for the latter
Avoid   when a result must be the authors' own, because this is a reconstruction, or when clients
        cannot pay for a Hessian-vector product and a kept model for every inner step
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, NamedTuple

import torch
from annotated_types import Ge, Gt, Le, Lt
from torch import Tensor

from unalike.core import (
    Batch,
    Batches,
    Cohort,
    Method,
    Population,
    Problem,
    average,
    descend,
    retrace,
    trace,
)
from unalike.core.search_range import FURTHER, STEP_SIZES, SearchRange
from unalike.weighting import agreement


class Server(NamedTuple):
    w: Tensor  # [P] the shared start
    alpha: Tensor  # [P] the shared step sizes
    direction: Tensor  # [P] running mean of the round means of g
    history: agreement.History  # of every client: [N], [N]


class Down(NamedTuple):
    w: Tensor  # [P]
    alpha: Tensor  # [P]


class Client(NamedTuple):
    alpha: Tensor  # [P] this client's own step sizes; [0] when they are shared
    memory: agreement.Memory  # of its own g: [P] ([0] where nobody asks for it), []


class Up(NamedTuple):
    g: Tensor  # [P] derivative of the query loss by w, through all inner steps
    a: Tensor  # [P] derivative of the query loss by alpha; [0] when it stays private
    squares: Tensor  # [] |g - m|^2; [P] for "coordinate"; [0] where the client keeps no mean
    length: Tensor  # [] |m|^2 for "relative"; else [0]


class Adjoint(NamedTuple):
    v: Tensor  # [P] derivative of the query loss by u_j
    w: Tensor  # [P] what reaches w without passing u_j
    a: Tensor  # [P]


@dataclass(frozen=True)
class MEFL(Method):
    name: ClassVar[str] = "mefl"
    needs_each: ClassVar[str | None] = (
        "its server weighs each answer by its direction and its steadiness"
    )
    inner_steps: Annotated[
        int, Ge(0), "J, inner steps; 0 sends the plain query gradient", SearchRange(1, 10)
    ] = 5
    inner_epochs: Annotated[int, Ge(0), "E - 1, epochs in place of J steps; 0: use J"] = 0
    alpha: Annotated[float, "alpha_0, initial step size of every weight", STEP_SIZES] = 0.1
    lr: Annotated[float, Gt(0), "eta, step of the server for w", STEP_SIZES] = 1.0
    alpha_lr: Annotated[
        float,
        Ge(0),
        "eta_a, step of the server for alpha",
        SearchRange(0.0001, 0.1, priority=FURTHER),
    ] = 1e-3
    support: Annotated[float, Gt(0), Lt(1), "share of a client's samples in its support set"] = 0.5
    gamma: Annotated[float, Ge(0), Lt(1), "memory of the global direction"] = 0.9
    rho: Annotated[float, Ge(0), Lt(1), "memory of each client's mean and variance"] = 0.9
    floor: Annotated[float, Ge(0), Le(1), "s_min, least similarity"] = 0.01
    eps: Annotated[float, Gt(0), "added to the variance"] = 1e-8
    strength: Annotated[float, Ge(0), "weight of the variance when raw is difference"] = 1.0
    without_gdp: Annotated[bool, "ablation: send w - u_J, no meta-learning"] = False
    without_eoa: Annotated[bool, "ablation: average with the study's weights"] = False
    anchor: Annotated[
        Literal["chain", "restart", "start"],
        "u_{j+1} = u_j - alpha grad(u_j); w - alpha grad(u_j); or u_j - alpha grad(w)",
    ] = "chain"
    query: Annotated[
        Literal["query", "all"], "samples of the last evaluation: the query set, or all (UGA)"
    ] = "query"
    step_sizes: Annotated[
        Literal["shared", "private", "frozen"], "who learns alpha: all together, each, nobody"
    ] = "shared"
    positive: Annotated[bool, "keep alpha at or above zero"] = False
    similarity: Annotated[agreement.Similarity, "max(cos, floor), or (1 + cos) / 2"] = "floor"
    reference: Annotated[
        Literal["past", "weighted", "current"],
        "cosine with the running mean of past rounds, of past aggregates, or with this round in",
    ] = "past"
    spread: Annotated[agreement.Variance, "which variance of a client's gradient"] = "absolute"
    raw: Annotated[agreement.Raw, "s / (v + eps), s exp(-v), or s - strength v"] = "ratio"
    by_size: Annotated[bool, "multiply the raw weights by the study's weights"] = False

    def own_work(self) -> str:
        epochs = f"inner_epochs = {self.inner_epochs}"
        return epochs if self.inner_epochs else f"inner_steps = {self.inner_steps}"

    def unsuited(self) -> Mapping[str, str]:
        return {
            "lr_schedule": "it learns the step sizes of its clients",
            "local_momentum": "it differentiates through inner steps that are plain ones",
        }

    def init_server(self, problem: Problem, w: Tensor, population: Population) -> Server:
        clients = population.size
        variance = (clients, len(w)) if self.spread == "coordinate" else (clients,)
        return Server(
            w,
            torch.full_like(w, self.alpha),
            torch.zeros_like(w),
            agreement.History(w.new_zeros(variance), w.new_zeros(clients)),
        )

    def init_client(self, problem: Problem, w: Tensor) -> Client:
        alpha = torch.full_like(w, self.alpha) if self.step_sizes == "private" else w[:0]
        mean = torch.zeros_like(w) if self._remembers else w[:0]
        return Client(alpha, agreement.Memory(mean, w.new_zeros(())))

    def broadcast(self, server: Server, client_id: Tensor) -> Down:
        return Down(server.w, server.alpha)

    def client_update(
        self, problem: Problem, down: Down, client: Client, batches: Batches
    ) -> tuple[Client, Up]:
        w, alpha = down.w, self._step_sizes(down, client)
        support, query = batches.split(self.support)
        nothing = torch.zeros_like(w)

        def adjoint_step(after: Adjoint, u: Tensor, batch: Batch) -> Adjoint:
            at = w if self.anchor == "start" else u
            bent = problem.hvp(at, batch, alpha * after.v)
            a = torch.addcmul(after.a, problem.grad(at, batch), after.v, value=-1)
            if self.anchor == "chain":
                return Adjoint(after.v - bent, after.w, a)
            if self.anchor == "restart":
                return Adjoint(-bent, after.w + after.v, a)
            return Adjoint(after.v, after.w - bent, a)

        def chain_in_place(after: Adjoint, u: Tensor, batch: Batch) -> Adjoint:
            bent = problem.hvp(u, batch, alpha * after.v)
            a = after.a.sub_(problem.grad(u, batch).mul_(after.v))
            return Adjoint(after.v.sub_(bent), after.w, a)

        u, path = trace(self._inner_step(problem, w, alpha), w, self._inner(support))
        if self.without_gdp:
            return self._answer(client, w - u, nothing)
        over = batches if self.query == "all" else query
        v = average(lambda batch: problem.grad(u, batch), over)
        v, to_w, a = retrace(
            adjoint_step,
            Adjoint(v, nothing, nothing),
            path,
            in_place=chain_in_place if self.anchor == "chain" else None,
        )
        return self._answer(client, v if self.anchor == "chain" else v + to_w, a)

    def _answer(self, client: Client, g: Tensor, a: Tensor) -> tuple[Client, Up]:
        own, none = client.alpha, g[:0]
        if self.step_sizes == "private":
            own, a = self._signed(own - self.alpha_lr * a), none
        if not self._remembers:
            return client._replace(alpha=own), Up(g, a, none, none)
        memory, off = agreement.recall(client.memory, g, self.rho, self.spread)
        squares = off.square() if self.spread == "coordinate" else off.square().sum()
        length = memory.mean.square().sum() if self.spread == "relative" else none
        return Client(own, memory), Up(g, a, squares, length)

    def server_update(self, server: Server, ups: Up, cohort: Cohort) -> Server:
        g, history = ups.g, server.history
        mean = g.mean(0)
        begun = bool((history.rounds > 0).any())
        past = server.direction if begun else mean
        latest = self.gamma * past + (1 - self.gamma) * mean
        reference = latest if self.reference == "current" else past
        omega = cohort.weights
        if not self.without_eoa:
            omega, history = self._omega(history, ups, reference, cohort)
        step = agreement.weighted_sum(omega, g)
        alpha = server.alpha
        if self.step_sizes == "shared" and not self.without_gdp:
            alpha = self._signed(alpha - self.alpha_lr * agreement.weighted_sum(omega, ups.a))
        aim = step if self.reference == "weighted" else mean
        return Server(
            server.w - self.lr * step,
            alpha,
            self.gamma * past + (1 - self.gamma) * aim,
            history,
        )

    def personalise(self, problem: Problem, down: Down, client: Client, batches: Batches) -> Tensor:
        """u_J: the inner steps, here over all of the client's training samples."""
        step = self._inner_step(problem, down.w, self._step_sizes(down, client))
        return descend(step, down.w, self._inner(batches))

    def global_model(self, server: Server) -> Tensor:
        return server.w

    def displacement(self, ups: Up) -> None:
        return None

    @property
    def _remembers(self) -> bool:
        """Whether clients keep a mean of their own gradients."""
        return self.spread != "consensus" and not self.without_eoa

    def _inner(self, batches: Batches) -> Batches:
        if self.inner_epochs:
            return batches.epochs(self.inner_epochs)
        return batches.exactly(self.inner_steps)

    def _inner_step(
        self, problem: Problem, w: Tensor, alpha: Tensor
    ) -> Callable[[Tensor, Batch], Tensor]:
        def step(u: Tensor, batch: Batch) -> Tensor:
            g = problem.grad(w if self.anchor == "start" else u, batch)
            return torch.addcmul(w if self.anchor == "restart" else u, alpha, g, value=-1)

        return step

    def _step_sizes(self, down: Down, client: Client) -> Tensor:
        return client.alpha if self.step_sizes == "private" else down.alpha

    def _signed(self, alpha: Tensor) -> Tensor:
        return alpha.clamp(min=0) if self.positive else alpha

    def _omega(
        self, history: agreement.History, ups: Up, reference: Tensor, cohort: Cohort
    ) -> tuple[Tensor, agreement.History]:
        """The weight of each answer, [S] or per coordinate [S, P], and what is now known."""
        mine = agreement.History(*(field[cohort.ids] for field in history))
        assumed = agreement.typical_variance(history)
        squares = ups.squares if self._remembers else (ups.g - reference).square().sum(1)
        mine = agreement.remember(mine, squares, assumed, self.rho, self.spread)
        s = agreement.similarities(agreement.cosine(ups.g, reference), self.similarity, self.floor)
        if self.by_size:
            s = s * cohort.weights
        v = mine.variance
        if self.spread == "relative":
            v = v / ups.length.clamp(min=1e-30)
        omega = agreement.weights(s, v, self.raw, self.eps, self.strength)
        known = (old.index_copy(0, cohort.ids, new) for old, new in zip(history, mine, strict=True))
        return omega, agreement.History(*known)
