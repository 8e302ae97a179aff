"""What a data set is: its facts, its files, and the arrays that come out of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from unalike.data.subjects import Subjects
from unalike.errors import InputError
from unalike.tasks import Task, task_named

TRAIN, VALIDATION, TEST = 0, 1, 2  # the values of Arrays.part

Transform = Callable[[Any], npt.NDArray[Any]]


class Arrays(NamedTuple):
    """All samples of a data set, n of them, in their official order."""

    x: Any
    """float32 [n, ...]; images [n, channels, height, width] in [0, 1]; sequences int64 [n, length],
    0 behind their ends; or raw, see `fit`."""
    y: npt.NDArray[Any]
    """By task: classes int64 [n] in 0..classes-1; labels float32 [n, classes] of zeros and ones;
    regression float32 [n]; survival float32 [n, 2], the time and 1 where the event was seen;
    sequence int64 [n, length], the token after each of x, -1 behind the end."""
    classes: int  # how many classes, labels or tokens; 1 for a number or a time
    client: npt.NDArray[Any] | None  # [n]: whose sample it is by nature; None where nobody's
    part: npt.NDArray[np.int8]  # [n]: TRAIN, VALIDATION, TEST; all TRAIN without an official cut
    group: npt.NDArray[np.int64] | None = None  # [n]: the true cluster of the sample's client
    fit: Callable[[list[Any]], Transform] | None = None
    """Where x is raw, such as text [n], a table of n rows or numbers on unlike scales: learns from
    the training samples of each client, in a list, how to turn it into what a model takes."""
    task: str = "classes"  # a name in `unalike.tasks.TASKS`
    class_names: tuple[str, ...] = ()  # where classes have names
    notes: tuple[str, ...] = ()  # what was found and guessed while reading
    subjects: Subjects | None = None  # whose each sample is, where some share one

    @property
    def question(self) -> Task:
        """What is asked of these samples."""
        return task_named(self.task).of(self.classes, self.y.shape[1:], self.class_names)

    @property
    def natural_client(self) -> npt.NDArray[Any]:
        """Whose each sample is by nature: [n].

        Raises:
            InputError: nobody's.
        """
        if self.client is None:
            raise InputError("These samples have no natural clients.")
        return self.client

    def only(self, rows: npt.NDArray[Any]) -> "Arrays":
        """The samples that `rows` names, by index or by a mask [n]."""
        return self._replace(
            x=self.x[rows],
            y=self.y[rows],
            client=None if self.client is None else self.client[rows],
            part=self.part[rows],
            group=None if self.group is None else self.group[rows],
            subjects=None if self.subjects is None else self.subjects.of(rows),
        )


@dataclass(frozen=True)
class RemoteFile:
    """A file of a data set: its name, where to fetch it, and the checksum that it must have."""

    name: str
    url: str | None  # None: no public address, it must be put in place by hand
    hash: str  # "md5:..." or "sha256:..."
    subfolder: str


@dataclass(frozen=True)
class Source:
    """A data set by name. `read` takes the paths of `files`, in their order."""

    name: str
    title: str
    samples: int | None  # None where it is not known before they are read
    shape: tuple[int, ...] | None
    classes: int | None
    licence: str
    citation: str
    files: tuple[RemoteFile, ...]
    read: Callable[..., Arrays]
    task: str = "classes"  # a name in `unalike.tasks.TASKS`
    natural_clients: int | None = None
    """The people, hospitals or schools whose samples these are; None where clients are made."""
    package: str | None = None  # the Python package that brings the data, in place of files

    @property
    def asks_for_names(self) -> bool:
        """Whether what is asked is one or many of several names."""
        return bool(task_named(self.task).of(self.classes or 1, (1,)).class_names)

    @property
    def natural(self) -> bool:
        """Whether the set is a federation by nature."""
        return self.natural_clients is not None


def pixels(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Grey values 0..255 of any shape -> float32 in [0, 1]."""
    x = images.astype(np.float32)
    x /= 255
    return x


def parts(*sizes: int, values: tuple[int, ...]) -> npt.NDArray[np.int8]:
    """`sizes[j]` times `values[j]`, one after the other."""
    return np.repeat(np.array(values, np.int8), sizes)
