"""What was read, before it is dealt to clients: raw samples, their labels, whose each is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from unalike.tasks import Task

from .preprocessing.preprocessing import Preprocessing, fit
from .preprocessing.settings import PreprocessingSettings
from .preprocessing.table import Table
from .sources.source import TRAIN, Arrays, parts
from .subjects import Subjects


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples as people brought them, n of them; nothing is scaled or encoded yet."""

    x: Table | npt.NDArray[Any]  # a table of raw columns, or numbers [n, ...]
    y: npt.NDArray[Any]  # [n, ...] as the task has it; of classes int64, places in their names
    task: Task  # what is asked of a sample
    client: npt.NDArray[np.str_] | None = None  # [n]
    time: npt.NDArray[Any] | None = None  # [n]
    group: npt.NDArray[np.int64] | None = None  # [n], places in `group_names`
    group_names: tuple[str, ...] = ()
    subjects: Subjects | None = None  # whose each is, where some share one
    settings: PreprocessingSettings = field(default_factory=PreprocessingSettings)
    notes: tuple[str, ...] = ()  # what was found and guessed, in sentences

    def __len__(self) -> int:
        return len(self.y)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of classes or labels, in their natural order; none where there are neither."""
        return self.task.class_names

    def only(self, rows: npt.NDArray[Any]) -> Dataset:
        """The samples that `rows` names, by index or by a mask [n]."""
        return replace(
            self,
            x=self.x[rows],
            y=self.y[rows],
            client=None if self.client is None else self.client[rows],
            time=None if self.time is None else self.time[rows],
            group=None if self.group is None else self.group[rows],
            subjects=None if self.subjects is None else self.subjects.of(rows),
        )

    def of_client(self, name: str) -> Dataset:
        """One client's samples; none of its own name is an empty data set."""
        if self.client is None:
            return self
        return self.only(np.flatnonzero(self.client == name))

    def arrays(self) -> Arrays:
        """In the form of a data set that is dealt; its preprocessing is fitted after the deal."""
        return Arrays(
            x=self.x,
            y=self.y,
            classes=self.task.outputs[-1],
            client=self.client,
            part=parts(len(self), values=(TRAIN,)),
            group=self.group,
            fit=self.fit,
            task=self.task.name,
            class_names=self.class_names,
            notes=self.notes,
            subjects=self.subjects,
        )

    @cached_property
    def preprocessing(self) -> Preprocessing:
        """The preprocessing that follows from all samples of all clients."""
        names = [""] if self.client is None else np.unique(self.client)
        samples = {str(name): self.of_client(str(name)).x for name in names}
        return fit(samples, self.settings)  # type: ignore[arg-type]

    def fitted(self) -> npt.NDArray[np.float32]:
        """All samples as numbers [n, ...], by what all clients' samples together say."""
        return self.preprocessing.transform(self.x)  # type: ignore[arg-type]

    def fit(self, training: list[Table] | list[npt.NDArray[Any]]) -> Preprocessing:
        """The preprocessing that follows from the training samples of each client."""
        named: dict[str, Any] = {str(i): samples for i, samples in enumerate(training)}
        return fit(named, self.settings)
