"""A method whose server is given what a robust rule makes of the answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from unalike.core import Cohort, Method, Population, Problem
from unalike.errors import InputError
from unalike.functional.trees import leaves, map_tree

from .geometry import leaf_lengths
from .rule import Rule, Weighted
from .settings import rule_text


class Server(NamedTuple):
    """What the method keeps, and what the rule does."""

    method: Any
    memory: Any
    skipped: Tensor  # [] int64, rounds that changed nothing because too few answers came


def with_robust(method: Method, rule: Rule | None, problem: Problem, *, cohort: int) -> Method:
    """The method behind a robust rule; the method itself where none is asked for.

    cohort: clients that are asked in a round.

    Raises:
        InputError: the server needs each answer by itself, something is sent beside the answers,
            or the rule needs more answers than clients are asked for.
    """
    if rule is None:
        return method
    name = rule_text(rule)
    if method.needs_each is not None:
        raise InputError(
            f"The robust rule {name} puts one answer in the place of all, and {method.name} needs "
            f"each by itself: {method.needs_each}; leave it out."
        )
    if problem.batch_norm_layers and problem.buffers == "share":
        raise InputError(
            "buffers = 'share' sends running statistics beside the answers, which no robust rule "
            "looks at: take buffers = 'recompute' or 'local' with robust."
        )
    if cohort < rule.fewest:
        raise InputError(
            f"The robust rule {name} needs {rule.fewest} answers in a round, and {cohort} clients "
            "are asked: take another rule, or more clients."
        )
    return cast(Method, RobustMethod(method, rule))


@dataclass(frozen=True)
class RobustMethod:
    """A method that answers everything as another one does, but for how answers are put together.

    The inner server gets a cohort of nobody, whose mean is the rule's, scaled as the weights of
    the cohort are, and whose share of the population's mean is that of all answers together.
    """

    method: Method
    rule: Rule

    def __getattr__(self, name: str) -> Any:
        if name == "method":
            raise AttributeError(name)
        return getattr(self.method, name)

    def with_step_sizes(self, factor: float) -> RobustMethod:
        return replace(self, method=self.method.with_step_sizes(factor))

    def init_server(self, problem: Problem, w: Tensor, population: Population) -> Server:
        return Server(
            self.method.init_server(problem, w, population),
            self.rule.memory(population.size, w),
            torch.zeros((), dtype=torch.int64, device=w.device),
        )

    def broadcast(self, server: Server, client_id: Tensor) -> Any:
        return self.method.broadcast(server.method, client_id)

    def deliver(self, server: Server, client_id: Tensor) -> Any:
        return self.method.deliver(server.method, client_id)

    def introduce(self, server: Server) -> Any:
        return self.method.introduce(server.method)

    def global_model(self, server: Server) -> Any | None:
        return self.method.global_model(server.method)

    def server_update(self, server: Server, ups: Any, cohort: Cohort) -> Server:
        if not leaves(ups):
            return server._replace(method=self.method.server_update(server.method, ups, cohort))
        answers = _usable(ups, cohort)
        if len(answers.ids) < self.rule.fewest:
            return server._replace(skipped=server.skipped + 1)
        found, memory = self.rule.apply(answers, server.memory)
        seen = Cohort(
            found.ids,
            (found.weights * cohort.weights.double().sum()).to(cohort.weights.dtype),
            (found.weights * cohort.shares.double().sum()).to(cohort.shares.dtype),
            cohort.population,
        )
        inner = self.method.server_update(server.method, found.ups, seen)
        return server._replace(method=inner, memory=memory)

    def notes(self, server: Server) -> str | None:
        inner: str | None = self.method.notes(server.method)
        if not int(server.skipped):
            return inner
        skipped = (
            f"{int(server.skipped)} rounds changed nothing, because fewer than "
            f"{self.rule.fewest} answers came and {rule_text(self.rule)} needs as many"
        )
        return f"{inner}; {skipped}" if inner else skipped


def _usable(ups: Any, cohort: Cohort) -> Weighted:
    """The answers that count at all and whose length is a number, weights scaled to sum 1."""
    long = torch.stack([leaf_lengths(leaf) for leaf in leaves(ups)]).square().sum(0)
    keep = (torch.isfinite(long) & (cohort.weights > 0)).nonzero()[:, 0]
    weights = cohort.weights[keep].double()
    if len(keep) < len(long):
        ups = map_tree(lambda leaf: leaf[keep], ups)
    return Weighted(ups, weights / weights.sum(), cohort.ids[keep])
