"""Small worlds in which the right answer is known: quadratic clients, and a small network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unalike.core import Batch, Batches, Method, Problem
from unalike.data.federation import Federation
from unalike.data.ragged import Ragged
from unalike.engines.local import LocalEngine
from unalike.engines.plan import Plan
from unalike.rounds import Round, rounds
from unalike.tasks.classes import Classes

STACKED = Plan("stacked", chunk=64, threads=1)
SINGLE = Plan("single", chunk=1, threads=1)


@dataclass(frozen=True)
class World:
    """Clients and the loss that they share."""

    problem: Problem
    federation: Federation

    def engine(
        self,
        method: Method,
        *,
        steps: int = 1,
        batch_size: int = 10**6,
        seed: int = 0,
        plan: Plan = STACKED,
        kind: type[LocalEngine] = LocalEngine,
        **options: Any,
    ) -> LocalEngine:
        """Clients that take `steps` local epochs (full-batch steps unless batch_size is given)."""
        return kind(
            method,
            self.problem,
            self.federation,
            seed=seed,
            batch_size=batch_size,
            epochs=steps,
            plan=plan,
            **options,
        )

    def run(
        self,
        method: Method,
        times: int,
        *,
        cohort: int | None = None,
        dropout: float = 0.0,
        seed: int = 0,
        **options: Any,
    ) -> Outcome:
        """Train for this many rounds, from the problem's own initial weights."""
        engine = self.engine(method, seed=seed, **options)
        method = engine.method
        server = method.init_server(engine.problem, engine.w, engine.population)
        loop = rounds(
            method,
            engine,
            server,
            cohort=cohort or engine.population.size,
            seed=seed,
            dropout=dropout,
            work=engine.work,
        )
        history = list(islice(loop, times))
        return Outcome(engine, history[-1].server if history else server, history)


@dataclass(frozen=True)
class Outcome:
    """A finished training."""

    engine: LocalEngine
    server: Any
    history: list[Round]

    @property
    def states(self) -> Any:
        """The clients' private states, leaves [N, ...]."""
        return self.engine.states

    def personal(self) -> Any:
        """What the clients predict with, leaves [N, ...]."""
        return self.engine.personalise(len(self.history), self.server)


def federation(
    x: Sequence[Tensor],
    y: Sequence[Tensor],
    *,
    validation: Sequence[int] | None = None,
    test: Sequence[int] | None = None,
    newcomers: Sequence[int] = (),
    classes: int = 1,
) -> Federation:
    """Clients with these samples, in this order and this dtype.

    The first samples of a client are for training, then come `validation[i]` and `test[i]`.
    """
    n = len(x)
    held_out, tests = list(validation or [0] * n), list(test or [0] * n)
    keep = [len(x[i]) - tests[i] for i in range(n)]
    start = np.concatenate([[0], np.cumsum(keep)])
    train = [np.arange(start[i], start[i] + keep[i] - held_out[i]) for i in range(n)]
    validate = [np.arange(start[i] + keep[i] - held_out[i], start[i + 1]) for i in range(n)]
    new = np.zeros(n, dtype=bool)
    new[list(newcomers)] = True
    test_ids = Ragged.of(np.arange(sum(tests)), np.asarray(tests))
    return Federation(
        x=torch.cat([x[i][: keep[i]] for i in range(n)]),
        y=torch.cat([y[i][: keep[i]] for i in range(n)]),
        x_test=torch.cat([x[i][keep[i] :] for i in range(n)]),
        y_test=torch.cat([y[i][keep[i] :] for i in range(n)]),
        train=Ragged.of(np.concatenate(train), np.asarray([len(ids) for ids in train])),
        validation=Ragged.of(np.concatenate(validate), np.asarray([len(ids) for ids in validate])),
        test=test_ids,
        names=tuple(f"client {i}" for i in range(n)),
        newcomers=new,
        pooled_test=np.concatenate([test_ids.rows(i) for i in range(n) if not new[i]]),
        task=Classes.of(classes),
    )


def quadratics(
    matrices: Sequence[Any],
    centres: Sequence[Any],
    *,
    sizes: Sequence[int] | None = None,
    start: Any = None,
    newcomers: Sequence[int] = (),
) -> World:
    """Client i has the loss 1/2 (w - c_i)' A_i (w - c_i), float64; its weight is its size.

    matrices: scalars or [P, P]; centres: scalars or [P]; start: w_0, zeros if not given.
    """
    c = [torch.as_tensor(centre, dtype=torch.float64).reshape(-1) for centre in centres]
    p = len(c[0])
    a = [
        torch.as_tensor(matrix, dtype=torch.float64).reshape(-1).expand(1).diag()
        if torch.as_tensor(matrix).numel() == 1
        else torch.as_tensor(matrix, dtype=torch.float64)
        for matrix in matrices
    ]
    counts = list(sizes or [1] * len(c))
    x = [matrix.expand(n, p, p).contiguous() for matrix, n in zip(a, counts, strict=True)]
    y = [centre.expand(n, p).contiguous() for centre, n in zip(c, counts, strict=True)]
    w0 = torch.zeros(p, dtype=torch.float64)
    if start is not None:
        w0 = torch.as_tensor(start, dtype=torch.float64).reshape(-1)

    def loss(w: Tensor, x: Tensor, y: Tensor) -> Tensor:
        gap = w - y
        return 0.5 * torch.einsum("bi,bij,bj->b", gap, x, gap)

    return World(Problem.from_function(loss, w0), federation(x, y, newcomers=newcomers))


def pooled(world: World) -> World:
    """The same samples, all with one client."""
    f = world.federation
    return World(
        world.problem,
        replace(
            f,
            train=Ragged.of(f.train.values, np.asarray([len(f.train.values)])),
            validation=Ragged.of(f.validation.values, np.asarray([len(f.validation.values)])),
            test=Ragged.of(f.test.values, np.asarray([len(f.test.values)])),
            names=("everybody",),
            newcomers=np.zeros(1, dtype=bool),
        ),
    )


def fixed_point(
    method: Method,
    matrices: Sequence[float],
    centres: Sequence[float],
    *,
    sizes: Sequence[int] | None = None,
    **options: Any,
) -> float:
    """Where a round of scalar quadratics moves nothing: the round is affine, w -> A w + b."""

    def after_one_round(start: float) -> float:
        world = quadratics(matrices, centres, sizes=sizes, start=start)
        outcome = world.run(method, 1, **options)
        model: Any = method.global_model(outcome.server)
        return float(model)

    b = after_one_round(0.0)
    return b / (1 - (after_one_round(1.0) - b))


def samples(x: Tensor, y: Tensor, *, batch_size: int = 10**6, passes: int = 1) -> Batches:
    """The batches of a client alone with these samples."""
    n = len(x)
    return Batches(
        x=x,
        y=y,
        ids=torch.arange(n),
        size=torch.tensor(n),
        key=torch.tensor(1),
        home=torch.tensor(2),
        sizes=np.asarray([n]),
        most=n,
        batch_size=batch_size,
        passes=passes,
        dtype=torch.float64,
    )


def whole_batch(x: Tensor, y: Tensor) -> Batch:
    """Up to 256 samples as one batch, in this order."""
    (step,) = samples(x, y).in_order()
    return step.batch


@dataclass(frozen=True)
class Halves(Batches):
    """Samples whose split into two parts is known: the first `first`, and the rest."""

    first: int = 0

    @staticmethod
    def of(support: tuple[Tensor, Tensor], query: tuple[Tensor, Tensor]) -> Halves:
        """The samples of both parts (x, y)."""
        together = samples(*(torch.cat(both) for both in zip(support, query, strict=True)))
        return Halves(
            **{f.name: getattr(together, f.name) for f in fields(together)}, first=len(support[0])
        )

    def split(self, share: float) -> tuple[Batches, Batches]:
        cut = self.first
        return samples(self.x[:cut], self.y[:cut]), samples(self.x[cut:], self.y[cut:])


def blobs(
    sizes: Sequence[int] = (12, 1, 30, 7, 20, 5),
    *,
    features: int = 6,
    classes: int = 3,
    validation: int = 3,
    test: int = 5,
    newcomers: Sequence[int] = (),
    hidden: int = 8,
    seed: int = 0,
) -> World:
    """A ragged classification world with a small network, float64: `sizes` are training samples.

    Client i sees mostly class i % classes.
    """
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, features)) * 2
    x, y = [], []
    for i, size in enumerate(sizes):
        count = size + validation + test
        favourite = rng.random(count) < 0.6
        labels = np.where(favourite, i % classes, rng.integers(classes, size=count))
        x.append(torch.from_numpy(centres[labels] + rng.normal(size=(count, features))))
        y.append(torch.from_numpy(labels))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Linear(features, hidden), nn.Tanh(), nn.Linear(hidden, classes)
        ).double()
    return World(
        Problem(net),
        federation(
            x,
            y,
            validation=[validation] * len(sizes),
            test=[test] * len(sizes),
            newcomers=newcomers,
            classes=classes,
        ),
    )
