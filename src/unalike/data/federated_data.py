"""Who holds what: the resident tensors and, for each client, lists of indices into them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt
from torch import Tensor

from unalike.tasks import Strata, Task

from .ragged import Ragged
from .sources.source import Transform
from .truth import Truth
from .windows import Windows, current_lists

if TYPE_CHECKING:
    import pandas as pd

Data = TypeVar("Data", bound="FederatedData")
"""For what gives back the type of federation that it was given."""

MOST_SHOWN = 20
"""Clients, and kinds of samples, that a notebook shows."""


@dataclass(frozen=True, eq=False, repr=False)
class FederatedData:
    """N clients and their samples, on the host. Test samples lie apart: no method sees them.

    A plain value: it knows nothing of where samples are from, or of how clients came to hold them.
    """

    x: Tensor  # [M, ...] float32: the training and validation samples of all clients
    y: Tensor  # [M, ...] as the task has it: int64 [M] of classes, float32 [M] of quantities
    x_test: Tensor  # [T, ...]
    y_test: Tensor  # [T, ...]
    train: Ragged  # N lists of indices into x
    validation: Ragged  # N lists of indices into x
    test: Ragged  # N lists of indices into x_test
    names: tuple[str, ...]  # N
    newcomers: npt.NDArray[np.bool_]  # [N]: the clients that never train
    pooled_test: npt.NDArray[np.int64]  # indices into x_test: what one global model is judged on
    task: Task  # what is asked of a sample
    origin: npt.NDArray[np.int64] | None = None
    """[T]: which sample of the data set each test sample is, whatever the seed, or which is the
    first of its subject; its place here if nothing is said."""
    subject: npt.NDArray[np.int64] | None = None
    """[M]: equal for samples of x that one subject has and that must stay together."""
    groups: npt.NDArray[np.int64] | None = None  # [N]: true clusters of the clients, where known
    truth: tuple[Truth, ...] = ()  # who was drawn alike by each skew
    window: Windows | None = None  # when each sample comes, where clients change over time
    skews: tuple[str, ...] = ()  # what was done on top of the split, in sentences
    preprocessing: Transform | None = None  # how raw samples became x, where they were raw
    notes: tuple[str, ...] = ()  # what was found and guessed while reading, in sentences

    def table(self) -> pd.DataFrame:
        """Who holds what: a row for each client, with its samples by part and by kind."""
        import pandas as pd

        sizes = {
            "training": self.train.sizes,
            "validation": self.validation.sizes,
            "test": self.test.sizes,
        }
        kinds = dict(zip(self.strata.names, self.label_counts.T, strict=True))
        index = pd.Index(self.names, name="client")
        return pd.DataFrame({"new": self.newcomers, **sizes, **kinds}, index=index)

    def __repr__(self) -> str:
        kind, new = type(self).__name__, int(self.newcomers.sum())
        held = f"{len(self.y):,} known and {len(self.y_test):,} test samples"
        apart = f", {new} of them new" if new else ""
        return f"<{kind} of {self.clients:,} clients{apart}: {held}, {self.task.title}>"

    def _repr_html_(self) -> str:
        whole = self.table()
        shown = whole.iloc[:MOST_SHOWN, : MOST_SHOWN + 4]
        left = [
            f"{count} more {what}"
            for count, what in (
                (len(whole) - len(shown), "clients"),
                (whole.shape[1] - shown.shape[1], "kinds of samples"),
            )
            if count
        ]
        more = f"<p>and {', '.join(left)}</p>" if left else ""
        return f"<p><b>{self.clients:,} clients</b>, {self.task.title}</p>{shown.to_html()}{more}"

    @property
    def clients(self) -> int:
        """N, how many clients exist, those that never train included."""
        return len(self.names)

    @property
    def classes(self) -> int:
        """How many classes, labels, tokens or targets there are; 1 for a number or a time."""
        return self.task.outputs[-1]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of classes or labels in their natural order; none where there are neither."""
        return self.task.class_names

    @cached_property
    def strata(self) -> Strata:
        """The kinds of samples, each sample of x [M] and then of x_test [T] being of one of them.

        Classes, labels, or ranges of quantities.
        """
        return self.task.strata(np.concatenate([self.y.cpu().numpy(), self.y_test.cpu().numpy()]))

    @cached_property
    def label_counts(self) -> npt.NDArray[np.int64]:
        """How many samples of each kind (class, label, range) a client holds: [N, strata]."""
        strata, counts = self.strata, np.zeros((self.clients, len(self.strata.names)), np.int64)
        for lists, start in ((self.train, 0), (self.validation, 0), (self.test, len(self.y))):
            held = strata._replace(member=strata.member[start + lists.values])
            counts += held.counts(lists.owner, self.clients)
        return counts

    def check_training_samples(self) -> None:
        """Raise InputError, naming the client, where its training samples cannot be learned."""
        lists = self.train
        self.task.check_clients(self.y.cpu().numpy()[lists.values], lists.owner, self.names)

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
