"""Worlds of every kind of question: clients of unlike sizes with a model that suits the task."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from task_samples import MAKERS
from unalike.core import Problem
from unalike.data import Federation
from unalike.models.gru import GRU
from unalike.tasks import task_named
from worlds import World

SIZES = (40, 25, 61)
OWNER = np.repeat(["a", "b", "c"], SIZES)
UNSUITED = {
    "fusedspacefed": dict.fromkeys(MAKERS, "needs a model with the parts encoder, decoder"),
    "fedas": dict.fromkeys(
        ("labels", "regression", "counts", "survival", "sequence"), "needs samples of classes"
    ),
    "fedem": {"survival": "needs a loss for each sample"},
}
"""method -> task -> why it cannot be trained on it"""


def world(name: str, *, hidden: int = 0) -> World:
    """Three clients of unlike sizes, in double precision.

    hidden: width of a hidden layer, where samples are no sequences.
    """
    task, output, truth = MAKERS[name](sum(SIZES), 2.0, 4)
    if name == "sequence":
        x = np.where(truth < 0, 0, np.roll(truth, 1, axis=1)).clip(min=0)
        module: nn.Module = GRU((6,), 5, embedding=2, hidden=3)
    else:
        noise = np.random.default_rng(1).normal(size=(len(truth), 3))
        x = noise + 0.3 * output.reshape(len(truth), -1)[:, :1]
        x = (x - x.mean(0)) / x.std(0)
        outputs = task.outputs[-1]
        module = nn.Linear(3, outputs)
        if hidden:
            module = nn.Sequential(nn.Linear(3, hidden), nn.Tanh(), nn.Linear(hidden, outputs))
    held = Federation.from_arrays(x, truth, OWNER, task=name)
    assert held.task == task_named(name).of(held.classes, held.y.shape[1:], held.task.class_names)
    exact = {
        part: getattr(held, part).double()
        for part in ("x", "y", "x_test", "y_test")
        if getattr(held, part).is_floating_point()
    }
    torch.manual_seed(0)
    return World(Problem(module.double(), held.task.loss()), replace(held, **exact))
