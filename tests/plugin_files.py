"""Plugins as files, for tests."""

from __future__ import annotations

from pathlib import Path

METHOD = '''
from dataclasses import dataclass
from typing import ClassVar

import unalike
from unalike.core import Method, NoState, optimise, solvers


@unalike.register
@dataclass(frozen=True)
class Halfway(Method):
    """Half of FedAvg's step."""

    name: ClassVar[str] = "halfway"
    needs_each: ClassVar[str | None] = None
    lr: float = 0.1

    def client_update(self, problem, down, client, batches):
        w = optimise(solvers.parse("sgd", self.lr), problem.grad, down, batches)
        return NoState(), w - down

    def server_update(self, server, ups, cohort):
        return server + 0.5 * cohort.mean(ups)
'''

ALL_KINDS = '''
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Gt
from torch import nn

import unalike
from unalike.data.skews.skew import Family, TransformSkew
from unalike.tasks.classes import Classes


@unalike.register
class Wide(nn.Module):
    """One layer and a bias of its own."""

    name = "wide"

    def __init__(self, shape, classes):
        super().__init__()
        self.top = nn.Linear(shape[0], classes)

    def forward(self, x):
        return self.top(x.flatten(1))


@unalike.register(kind="data", name="two-blobs", task="classes")
def two_blobs():
    """Two blobs."""
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2
    return rng.normal(size=(120, 3)) + 3 * y[:, None], y


@unalike.register(kind="split", name="halves")
def halves(labels, clients, rng, *, min_size, twist=1):
    """Consecutive samples."""
    return np.array_split(np.roll(np.arange(len(labels)), twist), clients)


@unalike.register
class Flipped(TransformSkew):
    family: ClassVar[Family] = "feature"
    meaning: ClassVar[str] = "all features change their sign"
    kind: Literal["flipped"] = "flipped"

    def transform(self, federation, *, seed):
        from dataclasses import replace

        return replace(federation, x=-federation.x, x_test=-federation.x_test), None


@unalike.register(kind="measure", task="classes", higher_is_better=True, name="sure")
def sure(output, truth):
    return float((np.abs(output).max(1) > 0).mean())


@unalike.register
class Groups(Classes):
    name: ClassVar[str] = "groups"
'''


def written(folder: Path, name: str, *sources: str) -> Path:
    """A plugin file of this name."""
    path = folder / f"{name}.py"
    path.write_text("\n".join(sources))
    return path
