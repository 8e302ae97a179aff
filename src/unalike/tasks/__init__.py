"""Kinds of questions: what y is, what a model puts out for it, and how good that is.

One task a file. Nothing outside this room asks which task it is.
"""

from unalike.core.loss import Loss, Ratio, SampleLoss

from .automatic import (
    ColumnFacts,
    Reading,
    RowFacts,
    read,
    row_facts,
    said,
    task_of_column,
    task_of_rows,
)
from .cox import CoxLoss
from .measure import NUMBER, SHARE, Axis, Measure, Unit
from .registry import AUTO, TASKS, own_measure, register_measure, task_named
from .samples import Samples
from .scores import GroupScores, group_scores
from .sums import Losses, Sums, added, stacked
from .target_scale import TargetScale
from .task import Baseline, Strata, Task
from .vocabulary import Vocabulary

__all__ = [
    "AUTO",
    "NUMBER",
    "SHARE",
    "TASKS",
    "Axis",
    "Baseline",
    "ColumnFacts",
    "CoxLoss",
    "GroupScores",
    "Loss",
    "Losses",
    "Measure",
    "Ratio",
    "Reading",
    "RowFacts",
    "SampleLoss",
    "Samples",
    "Strata",
    "Sums",
    "TargetScale",
    "Task",
    "Unit",
    "Vocabulary",
    "added",
    "group_scores",
    "own_measure",
    "read",
    "register_measure",
    "row_facts",
    "said",
    "stacked",
    "task_named",
    "task_of_column",
    "task_of_rows",
]
