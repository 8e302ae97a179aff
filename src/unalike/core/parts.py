"""A flat vector whose named segments belong to different holders: partial personalisation.

A choice of segments is written as text: `head`, `body`, `encoder`, `norm`, `none`, `all`, or
name patterns such as `conv*`, separated by commas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import groupby
from typing import Annotated, NamedTuple

import torch
from annotated_types import Ge
from torch import Tensor, nn

from unalike.errors import InputError, unknown
from unalike.functional.gradient_count import record_gradient
from unalike.functional.traced_function import Gradient, TracedFunction

from .batches import Batch, Batches
from .gradient_steps import GradientSteps, SteppedGradient
from .local_steps import optimise
from .problem import SHARED_BACKWARD_SIZE, Layout, Problem
from .solvers import Solver

PrivateChoice = Annotated[
    str, "what the client keeps: head, body, encoder, norm, none, all, or name patterns"
]
"""The setting of a method for the choice of private segments."""

AdaptEpochs = Annotated[int, Ge(0), "epochs a new client trains its private part"]
"""The setting of a method for a client that never trained."""

NORMALISATIONS: dict[str, tuple[type[nn.Module], ...]] = {
    "batch": (nn.modules.batchnorm._BatchNorm,),
    "group": (nn.GroupNorm,),
    "instance": (nn.modules.instancenorm._InstanceNorm,),
    "layer": (nn.LayerNorm, nn.RMSNorm),
}


@dataclass(frozen=True)
class Parts:
    """The segments of w [P], each held by one of a few holders.

    `split` gives one vector a holder, `join` puts them together again; neighbouring segments of
    one holder move together, so that both cost at most one `cat`.
    """

    layout: Layout
    holders: tuple[int, ...]  # of each segment
    count: int  # of holders

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers with each holder."""
        pairs = list(zip(self.holders, self.layout.sizes, strict=True))
        return tuple(sum(n for owner, n in pairs if owner == i) for i in range(self.count))

    def names(self, holder: int) -> tuple[str, ...]:
        """The segments of one holder."""
        pairs = zip(self.layout.names, self.holders, strict=True)
        return tuple(name for name, owner in pairs if owner == holder)

    def split(self, w: Tensor) -> tuple[Tensor, ...]:
        """w [P] -> one vector for each holder, [0] for a holder of nothing."""
        runs = self._runs()
        pieces = w.split([n for _, n in runs])
        mine = [
            [piece for (owner, _), piece in zip(runs, pieces, strict=True) if owner == holder]
            for holder in range(self.count)
        ]
        return tuple(p[0] if len(p) == 1 else torch.cat(p) if p else w[:0] for p in mine)

    def join(self, *vectors: Tensor) -> Tensor:
        """The inverse of `split`: w [P]."""
        runs = self._runs()
        lengths = [[n for owner, n in runs if owner == i] for i in range(self.count)]
        pieces = [iter(vector.split(n)) for vector, n in zip(vectors, lengths, strict=True) if n]
        holds = [i for i in range(self.count) if lengths[i]]
        return torch.cat([next(pieces[holds.index(owner)]) for owner, _ in runs])

    def views(self, *vectors: Tensor) -> dict[str, Tensor]:
        """The segments by name, as views of their holders' vectors."""
        shapes = dict(zip(self.layout.names, self.layout.shapes, strict=True))
        found: dict[str, Tensor] = {}
        for holder, vector in enumerate(vectors):
            names = self.names(holder)
            pieces = vector.split([shapes[name].numel() for name in names]) if names else ()
            found |= {n: piece.view(shapes[n]) for n, piece in zip(names, pieces, strict=True)}
        return {name: found[name] for name in self.layout.names}

    def grad(
        self, problem: Problem, holder: int, vectors: Sequence[Tensor], batch: Batch
    ) -> Tensor:
        """Gradient of the mean loss by one holder's vector, the others' being constant.

        No gradient of the others' weights is taken; where the frozen ones come first in the
        model, going back ends where they begin. As in `Problem.grad` it is the caller's own.
        """
        return self.gradient(problem, holder, vectors)(vectors[holder], batch)

    def gradient(self, problem: Problem, holder: int, vectors: Sequence[Tensor]) -> PartGradient:
        """`grad` as a direction of a local solver: the holder's own vector is not read."""
        others = (vector for i, vector in enumerate(vectors) if i != holder)
        return PartGradient(problem, self, holder, tuple(others))

    def _runs(self) -> tuple[tuple[int, int], ...]:
        """(holder, numbers) of each run of neighbouring segments of one holder."""
        pairs = zip(self.holders, self.layout.sizes, strict=True)
        return tuple((i, sum(n for _, n in run)) for i, run in groupby(pairs, lambda pair: pair[0]))


class PrivateSplit(Parts):
    """What stays with the client (holder 1), and what all share (holder 0)."""

    def describe(self) -> str:
        """One line about who holds what."""
        shared, private = self.sizes
        total = shared + private
        return (
            f"private: {', '.join(self.names(1)) or 'nothing'} ({private:,} of {total:,} numbers); "
            f"shared: {', '.join(self.names(0)) or 'nothing'} ({shared:,})"
        )

    def vacuous(self) -> str | None:
        """Why this split makes partial personalisation pointless."""
        shared, private = self.sizes
        if private == 0:
            return "Nothing of this model is private, which is the same as FedAvg."
        if shared == 0:
            return "Everything of this model is private: nothing is shared, as with Local."
        return None

    def train_private(
        self,
        problem: Problem,
        solver: Solver,
        s: Tensor,
        h: Tensor,
        batches: Batches,
        *,
        seen: Callable[[Batch], Batch] | None = None,
    ) -> Tensor:
        """The private part h [P - Q] after going through the batches, s [Q] frozen.

        seen: what the problem is shown in place of a batch.
        """

        gradient = self.gradient(problem, 1, (s, h))

        def of_seen(h: Tensor, batch: Batch) -> Tensor:
            return gradient(h, seen(batch) if seen else batch)

        return optimise(solver, of_seen if seen else gradient, h, batches) if len(h) else h

    def train_shared(
        self, problem: Problem, solver: Solver, s: Tensor, h: Tensor, batches: Batches
    ) -> Tensor:
        """The shared part s [Q] after going through the batches, h [P - Q] frozen."""

        gradient = self.gradient(problem, 0, (s, h))
        return optimise(solver, gradient, s, batches) if len(s) else s


@dataclass(frozen=True)
class PartGradient(SteppedGradient):
    """The gradient of a problem's mean loss by one holder's vector, the others' being constant."""

    problem: Problem
    parts: Parts
    holder: int
    frozen: tuple[Tensor, ...]  # the others' vectors

    def __call__(self, w: Tensor, batch: Batch) -> Tensor:
        if self.problem.batch_norm_layers:
            vectors = [*self.frozen]
            vectors.insert(self.holder, w)
            whole = self.problem.grad(self.parts.join(*vectors), batch)
            return self.parts.split(whole)[self.holder]
        record_gradient()
        return self._functions.gradient(w, *self.frozen, *batch)

    @property
    def steps(self) -> GradientSteps | None:
        known = not self.problem.batch_norm_layers and self.problem.fit.alone is None
        return self._functions.steps if known else None

    @property
    def _functions(self) -> _PartFunctions:
        return _functions(self.problem, self.parts, self.holder, self.problem.compiled)


class _PartFunctions(NamedTuple):
    gradient: TracedFunction
    steps: GradientSteps


@lru_cache(maxsize=16)
def _functions(problem: Problem, parts: Parts, holder: int, compiled: bool) -> _PartFunctions:
    """Of (one holder's vector, the others', ... a batch's fields)."""

    def loss(mine: Tensor, *rest: Tensor) -> Tensor:
        vectors, batch = [*rest[: parts.count - 1]], Batch(*rest[parts.count - 1 :])
        vectors.insert(holder, mine)
        return problem.loss_at(parts.views(*vectors), batch)

    together = parts.sizes[holder] <= SHARED_BACKWARD_SIZE
    return _PartFunctions(
        problem.traced_function(Gradient(loss, together=together)),
        GradientSteps(problem.traced_function, loss, together=together),
    )


@lru_cache(maxsize=16)
def private(problem: Problem, choice: str) -> PrivateSplit:
    """The split of this problem's weights by a choice of private segments."""
    chosen: set[str] = set()
    for item in (part.strip() for part in choice.split(",")):
        chosen |= _matching(problem, item, choice)
    return _split(problem, chosen)


@lru_cache(maxsize=16)
def private_normalisation(problem: Problem, kinds: str) -> PrivateSplit:
    """The split that keeps the normalisation layers of these kinds private, found by type."""
    wanted = [kind.strip() for kind in kinds.split(",")]
    for kind in wanted:
        if kind not in NORMALISATIONS:
            raise unknown("kind of normalisation", kind, NORMALISATIONS)
    return _split(problem, _normalisation(problem, wanted))


def within(name: str, module: str) -> bool:
    """Whether a segment belongs to the module (or is the parameter) of this name."""
    return name == module or name.startswith(f"{module}.")


def _split(problem: Problem, chosen: set[str]) -> PrivateSplit:
    names = problem.layout.names
    return PrivateSplit(problem.layout, tuple(int(name in chosen) for name in names), 2)


def _matching(problem: Problem, item: str, choice: str) -> set[str]:
    names = set(problem.layout.names)
    if item in _NAMED_CHOICES:
        return _NAMED_CHOICES[item](problem)
    found = {n for n in names if fnmatchcase(n, item) or (item and within(n, item))}
    if not found:
        modules = {name.rpartition(".")[0] for name in names} - {""}
        advice = unknown("segment of the model", item, {*names, *modules, *_NAMED_CHOICES})
        raise InputError(f"private = {choice!r} matches nothing. {advice}")
    if found == names:
        raise InputError(
            f"private = {choice!r} matches every segment of the model, so that nothing would be "
            "shared; choose fewer, or say all."
        )
    return found


def _head(problem: Problem) -> set[str]:
    """The module `head` where there is one, else the last linear layer, else the last layer."""
    names = problem.layout.names
    if any(within(name, "head") for name in names):
        return {name for name in names if within(name, "head")}
    module: nn.Module | None = getattr(problem, "module", None)
    linear = (
        [n for n, part in module.named_modules() if isinstance(part, nn.Linear)] if module else []
    )
    last = linear[-1] if linear else names[-1].rpartition(".")[0]
    return {name for name in names if name.rpartition(".")[0] == last}


def _body(problem: Problem) -> set[str]:
    return set(problem.layout.names) - _head(problem)


def _encoder(problem: Problem) -> set[str]:
    """The module `encoder` where there is one, else the body."""
    return {name for name in problem.layout.names if within(name, "encoder")} or _body(problem)


def _normalisation(problem: Problem, kinds: Iterable[str] = tuple(NORMALISATIONS)) -> set[str]:
    module: nn.Module | None = getattr(problem, "module", None)
    types = tuple(cls for kind in kinds for cls in NORMALISATIONS[kind])
    layers = (
        [name for name, part in module.named_modules() if isinstance(part, types)] if module else []
    )
    return {name for name in problem.layout.names if name.rpartition(".")[0] in layers}


_NAMED_CHOICES: dict[str, Callable[[Problem], set[str]]] = {
    "head": _head,
    "body": _body,
    "encoder": _encoder,
    "norm": _normalisation,
    "none": lambda problem: set(),
    "all": lambda problem: set(problem.layout.names),
}


def split_by_module(layout: Layout, modules: Sequence[str]) -> Parts:
    """The segments dealt to top-level modules of these names, in this order.

    InputError names a segment that belongs to none of them.
    """
    holders = []
    for name in layout.names:
        owner = [i for i, module in enumerate(modules) if within(name, module)]
        if not owner:
            raise InputError(
                f"The model's segment {name!r} belongs to none of {', '.join(modules)}."
            )
        holders.append(owner[0])
    return Parts(layout, tuple(holders), len(modules))
