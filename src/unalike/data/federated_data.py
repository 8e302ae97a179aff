"""Who holds what: the resident tensors and, for each client, lists of indices into them."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from torch import Tensor

from .ragged import Ragged
from .sources.source import Task, Transform
from .truth import Truth
from .windows import Windows, current_lists

Data = TypeVar("Data", bound="FederatedData")
"""For what gives back the type of federation that it was given."""


@dataclass(frozen=True, eq=False)
class FederatedData:
    """N clients and their samples, on the host. Test samples lie apart: no method sees them.

    A plain value: it knows nothing of where samples are from, or of how clients came to hold them.
    """

    x: Tensor  # [M, ...] float32: the training and validation samples of all clients
    y: Tensor  # [M] int64, or [M, classes] float32 of zeros and ones
    x_test: Tensor  # [T, ...]
    y_test: Tensor  # [T] or [T, classes]
    train: Ragged  # N lists of indices into x
    validation: Ragged  # N lists of indices into x
    test: Ragged  # N lists of indices into x_test
    names: tuple[str, ...]  # N
    newcomers: npt.NDArray[np.bool_]  # [N]: the clients that never train
    pooled_test: npt.NDArray[np.int64]  # indices into x_test: what one global model is judged on
    classes: int
    task: Task
    groups: npt.NDArray[np.int64] | None = None  # [N]: true clusters of the clients, where known
    truth: tuple[Truth, ...] = ()  # who was drawn alike by each skew
    window: Windows | None = None  # when each sample comes, where clients change over time
    skews: tuple[str, ...] = ()  # what was done on top of the split, in sentences
    class_names: tuple[str, ...] = ()  # C names in their natural order, where classes have any
    preprocessing: Transform | None = None  # how raw samples became x, where they were raw
    notes: tuple[str, ...] = ()  # what was found and guessed while reading, in sentences

    @property
    def clients(self) -> int:
        """N, how many clients exist, those that never train included."""
        return len(self.names)

    @cached_property
    def label_counts(self) -> npt.NDArray[np.int64]:
        """How many samples of each class (with each label) a client holds in all: [N, classes]."""
        counts = np.zeros((self.clients, self.classes), np.int64)
        for lists, y in (
            (self.train, self.y),
            (self.validation, self.y),
            (self.test, self.y_test),
        ):
            labels = y.cpu().numpy()[lists.values]
            if self.task == "classes":
                np.add.at(counts, (lists.owner, labels), 1)
            else:
                np.add.at(counts, lists.owner, labels.astype(np.int64))
        return counts

    def owners(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Whose each sample of x [M] and of x_test [T] is; -1 where nobody's."""
        found = []
        for lists, count in (
            ((self.train, self.validation), len(self.x)),
            ((self.test,), len(self.x_test)),
        ):
            owner = np.full(count, -1)
            for part in lists:
                owner[part.values] = part.owner
            found.append(owner)
        return found[0], found[1]

    def at_window(self: Data, window: int) -> Data:
        """What clients train and validate on in a window; test samples stay as they are.

        A client to whom nothing comes in a window goes on with what came last, or at the start
        waits with what comes first. A federation without time holds the same always.
        """
        time = self.window
        if time is None:
            return self
        train, validation = (
            current_lists(lists, time, window) for lists in (self.train, self.validation)
        )
        return replace(self, train=train, validation=validation)
