"""The scores of very many groups, block by block: what is counted of all takes much memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unalike.measures.groups import Floats, Ints

from .samples import Samples
from .sums import added, stacked
from .task import Task

BLOCK = 1 << 14
"""Groups that are counted at once."""


class GroupScores(NamedTuple):
    """How well each group is predicted, and whether all get one answer."""

    scores: dict[str, Floats]  # every measure, and the loss: [groups]
    one_answer: str | None  # see `Task.one_answer`


def group_scores(task: Task, samples: Samples, sizes: Ints) -> GroupScores:
    """Those of consecutive groups of these sizes: as of their sums, of which nothing is kept."""
    ends = np.cumsum(sizes)
    found, told = [], []
    for first in range(0, max(1, len(sizes)), BLOCK):
        groups = slice(first, first + BLOCK)
        held = slice(ends[first] - sizes[first], ends[groups][-1]) if len(sizes) else slice(0)
        sums = task.sums(samples.some(held, groups), sizes[groups])
        found.append(task.scores(sums))
        told.append(task.answers(sums))
    scores = {name: np.concatenate([some[name] for some in found]) for name in found[0]}
    return GroupScores(scores, task.one_of(added(stacked(told))))
