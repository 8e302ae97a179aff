"""CFL: once a group's joint model stands still, it is cut in two where its updates disagree.

Source  Sattler et al., IEEE TNNLS 2021, Algorithms 1 to 3 (arXiv:1910.01991)
Wire    down the own group's model [P]; up delta [P]. A new client gets all groups' models and,
        of every cut made so far, the model [P] and the two sides' directions [2, P]
Ours    both thresholds are shares of the largest update norm seen so far, so that they do not
        depend on the model's size or learning rate. The cut is found by single linkage, the true
        minimiser. A group is cut only in a round in which all its members answered; its halves
        take their own mean step in that round. Averages use the study's weights. A new client
        compares its update with each side's mean direction, not with every member's. The default
        thresholds are ours (this gamma_max wants every cosine across below zero): they cut the
        digits of six upright and six turned clients in two, and twelve alike clients not at all
Avoid   when clients do not fall into clear groups, or when hardly ever a whole group answers in
        one round: it stays FedAvg, or parts single clients from the rest
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor

from unalike.clustering.bipartition import bipartition, cosines
from unalike.clustering.members import members
from unalike.core import Batches, Cohort, Method, NoState, Population, Problem, optimise, solvers
from unalike.core.search_range import FURTHER, SearchRange
from unalike.functional.settings_types import FloatOrInfinity
from unalike.functional.trees import row_of


class Tree(NamedTuple):
    """The cuts in the order in which they were made; cut s made group s + 1 out of a part."""

    parent: Tensor  # [C - 1] int64, the group that was cut; -1 where none was
    models: Tensor  # [C - 1, P] its model at that moment
    directions: Tensor  # [C - 1, 2, P] mean unit update of those who stayed and who left


class Server(NamedTuple):
    models: Tensor  # [C, P] of the groups, C the most there can be
    group: Tensor  # [N] int64, each client's group
    groups: Tensor  # [] int64, how many there are
    largest: Tensor  # [] the largest update norm seen
    rounds: Tensor  # [] int64
    tree: Tree


class Newcomer(NamedTuple):
    models: Tensor  # [groups, P]
    tree: Tree  # [groups - 1, ...]


@dataclass(frozen=True)
class CFL(Method):
    name: ClassVar[str] = "cfl"
    needs_each: ClassVar[str | None] = (
        "its server cuts groups of clients where their answers disagree"
    )
    lr: solvers.LearningRate = 0.1
    solver: solvers.LocalSolver = "sgd"
    eps1: Annotated[
        float,
        Ge(0),
        "a group stands still below this share of the largest update norm",
        SearchRange(0.05, 1.0),
    ] = 0.4
    eps2: Annotated[
        FloatOrInfinity,
        Ge(0),
        "and is cut if a member's update exceeds this share; inf: never",
        SearchRange(0.05, 2.0, priority=FURTHER),
    ] = 0.6
    gamma_max: Annotated[
        float, Ge(0), Le(1), "noise of an update; cuts need cosines across < 1 - 2 gamma_max^2"
    ] = 0.7071
    wait: Annotated[int, Ge(0), "rounds before the first cut"] = 0
    min_size: Annotated[int, Ge(2), "the smallest group that may be cut"] = 2
    max_clusters: Annotated[int, Gt(0), "the most groups there can be"] = 8

    def vacuous(self, problem: Problem) -> str | None:
        if self.max_clusters == 1:
            return "max_clusters = 1 makes CFL the same as FedAvg."
        return "eps2 = inf makes CFL the same as FedAvg." if self.eps2 == torch.inf else None

    def init_server(self, problem: Problem, w: Tensor, population: Population) -> Server:
        most = min(self.max_clusters, population.size)
        whole = torch.zeros((), dtype=torch.int64, device=w.device)
        return Server(
            models=w.repeat(most, 1),
            group=whole.repeat(population.size),
            groups=whole + 1,
            largest=w.new_zeros(()),
            rounds=whole,
            tree=Tree(
                whole.repeat(most - 1) - 1,
                w.new_zeros(most - 1, len(w)),
                w.new_zeros(most - 1, 2, len(w)),
            ),
        )

    def broadcast(self, server: Server, client_id: Tensor) -> Tensor:
        return row_of(server.models, row_of(server.group, client_id))

    def client_update(
        self, problem: Problem, down: Tensor, client: NoState, batches: Batches
    ) -> tuple[NoState, Tensor]:
        return client, self._learned(problem, down, batches) - down

    def server_update(self, server: Server, ups: Tensor, cohort: Cohort) -> Server:
        largest = torch.maximum(server.largest, ups.norm(dim=1).max())
        models, group, tree = server.models.clone(), server.group.clone(), server.tree
        groups = int(server.groups)
        sizes = torch.bincount(server.group, minlength=groups)
        for c in range(int(server.groups)):
            here = server.group[cohort.ids] == c
            if not bool(here.any()):
                continue
            parts = [(c, here)]
            may = (
                int(server.rounds) >= self.wait
                and groups < len(models)
                and int(sizes[c]) == int(here.sum()) >= self.min_size
            )
            second = self._cut(ups[here], members(cohort, here), largest) if may else None
            if second is not None:
                leaves = here.clone()
                leaves[here] = second
                parts = [(c, here & ~leaves), (groups, leaves)]
                group[cohort.ids[leaves]] = groups
                tree = _grown(tree, groups - 1, c, server.models[c], ups[here], second)
                groups += 1
            for new, part in parts:
                models[new] = server.models[c] + members(cohort, part).mean(ups[part])
        return Server(
            models, group, torch.full_like(server.groups, groups), largest, server.rounds + 1, tree
        )

    def global_model(self, server: Server) -> None:
        return None

    def introduce(self, server: Server) -> Newcomer:
        groups = int(server.groups)
        cuts = Tree(*(field[: groups - 1] for field in server.tree))
        return Newcomer(server.models[:groups], cuts)

    def adapt(self, problem: Problem, down: Newcomer, client: NoState, batches: Batches) -> Tensor:
        """The model of the group to which the client's updates lead down the tree."""
        here = torch.zeros_like(batches.size)
        for s, (parent, model, directions) in enumerate(zip(*down.tree, strict=True)):
            update = self._learned(problem, model, batches) - model
            stay, leave = directions @ update / directions.norm(dim=1)
            here = torch.where((here == parent) & (leave > stay), s + 1, here)
        return row_of(down.models, here)

    def notes(self, server: Server) -> str | None:
        sizes = torch.bincount(server.group, minlength=int(server.groups)).tolist()
        if len(sizes) == 1:
            return "CFL has not cut any group yet."
        return f"CFL found {len(sizes)} groups, of {', '.join(map(str, sizes))} clients."

    def _learned(self, problem: Problem, w: Tensor, batches: Batches) -> Tensor:
        return optimise(solvers.parse(self.solver, self.lr), problem.grad, w, batches)

    def _cut(self, ups: Tensor, group: Cohort, largest: Tensor) -> Tensor | None:
        """Who leaves the group, [n] bool; None if it is not to be cut.

        Members alike up to relative noise gamma have cosines of 1 - 2 gamma^2 or more, so that a
        cut below that parts no two of them: the paper's gamma_max < sqrt((1 - cosine) / 2).
        """
        still = bool(group.mean(ups).norm() < self.eps1 * largest)
        torn = bool(ups.norm(dim=1).max() > self.eps2 * largest)
        if not (still and torn):
            return None
        second, cross = bipartition(cosines(ups))
        return second if float(cross) < 1 - 2 * self.gamma_max**2 else None


def _grown(tree: Tree, s: int, parent: int, model: Tensor, ups: Tensor, second: Tensor) -> Tree:
    """The tree with cut s."""
    unit = ups / ups.norm(dim=1, keepdim=True).clamp(min=torch.finfo(ups.dtype).tiny)
    directions = torch.stack([unit[~second].mean(0), unit[second].mean(0)])
    grown = Tree(*(field.clone() for field in tree))
    grown.parent[s], grown.models[s], grown.directions[s] = parent, model, directions
    return grown
