"""Who holds what: the resident tensors and, for each client, lists of indices into them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from torch import Tensor

from unalike.errors import InputError

from .own import own_arrays
from .sources.source import Task, Transform
from .truth import Truth
from .windows import Windows


class Ragged(NamedTuple):
    """N lists of different lengths, one after the other."""

    values: npt.NDArray[np.int64]  # [sum of lengths]
    offsets: npt.NDArray[np.int64]  # [N + 1]: list i is values[offsets[i]:offsets[i + 1]]

    @classmethod
    def of(cls, values: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> "Ragged":
        """Cut `values` into lists of these sizes [N]."""
        return cls(values, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """The lengths of the lists: [N]."""
        return np.diff(self.offsets)

    @property
    def owner(self) -> npt.NDArray[np.int64]:
        """The list that each value belongs to: [sum of lengths]."""
        return np.repeat(np.arange(len(self.offsets) - 1), self.sizes)

    def rows(self, i: int) -> npt.NDArray[np.int64]:
        """List i."""
        return self.values[self.offsets[i] : self.offsets[i + 1]]


@dataclass(frozen=True, eq=False)
class Federation:
    """N clients and their samples, on the host. Test samples lie apart: no method sees them."""

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

    @classmethod
    def from_arrays(
        cls,
        x: Any,
        y: Any,
        client: Any = None,
        *,
        split: str | None = None,
        clients: int | None = None,
        classes: int | None = None,
        seed: int = 0,
        test: float = 0.2,
        validation: float = 0.1,
        new_clients: float = 0.0,
        min_size: int | None = None,
        skew: Any = (),
        **options: Any,
    ) -> "Federation":
        """A federation of your own data, in one call.

        Either `client` says whose each sample is, or `split` and `clients` (with the options of
        the split, such as alpha=0.1) say how to deal the samples.

            >>> x, y = np.ones((100, 3)), np.tile([0, 1], 50)
            >>> ours = Federation.from_arrays(x, y, client=np.repeat(["north", "south"], 50))
            >>> ours.names, ours.train.sizes.tolist(), ours.test.sizes.tolist()
            (('north', 'south'), [35, 35], [10, 10])

        Args:
            x: numbers [n, ...], an array, tensor, list or data frame; used as float32, unscaled.
            y: classes 0..C-1 [n], or zeros and ones [n, C] where a sample can have many labels.
            client: one name or number a sample [n].
            split: a name in `SPLITS`; "natural" where `client` is given.
            clients: how many clients to deal to; all natural ones where it is not given.
            classes: C, where some classes may have no sample; else the largest class and one.
            seed: decides the deal, the cut inside each client and the newcomers.
            test: share of each client's samples kept for testing.
            validation: share of each client's samples kept for validation.
            new_clients: share of the clients that never train.
            min_size: the least that a client may hold, see `federate`.
            skew: further skews, such as ["rotation", {"kind": "noise", "level": 0.3}].
            options: of the split.

        Raises:
            InputError: the data cannot be used; one sentence says what to change.
        """
        from .federate import federate
        from .skews.registry import asked

        named = asked(skew).split
        if named and split is not None:
            raise InputError(
                f"split={split!r} beside the skew {named['split']!r}: say how samples are dealt "
                "once."
            )
        if client is None and split is None and not named:
            raise InputError(
                "Say whose each sample is with client=..., or how to deal the samples with "
                "split=... and clients=..."
            )
        return federate(
            own_arrays(x, y, client, classes),
            split=split or "natural",
            clients=clients,
            seed=seed,
            test=test,
            validation=validation,
            new_clients=new_clients,
            min_size=min_size,
            skew=skew,
            **options,
        )
