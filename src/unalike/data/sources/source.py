"""What a data set is: its facts, its files, and the arrays that come out of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Task = Literal["classes", "labels"]

TRAIN, VALIDATION, TEST = 0, 1, 2  # the values of Arrays.part

Transform = Callable[[Any], npt.NDArray[Any]]


class Arrays(NamedTuple):
    """All samples of a data set, n of them, in their official order."""

    x: Any  # float32 [n, ...]; images [n, channels, height, width] in [0, 1]; or raw, see `fit`
    y: npt.NDArray[Any]  # int64 [n] in 0..classes-1, or float32 [n, classes] of zeros and ones
    classes: int
    client: npt.NDArray[Any] | None  # [n]: whose sample it is by nature; None where nobody's
    part: npt.NDArray[np.int8]  # [n]: TRAIN, VALIDATION, TEST; all TRAIN without an official cut
    group: npt.NDArray[np.int64] | None = None  # [n]: the true cluster of the sample's client
    fit: Callable[[list[Any]], Transform] | None = None
    """Where x is raw, such as text [n] or a table of n rows: learns from the training samples of
    each client, in a list, how to make it numbers."""
    class_names: tuple[str, ...] = ()  # where classes have names
    notes: tuple[str, ...] = ()  # what was found and guessed while reading

    @property
    def task(self) -> Task:
        """One class a sample, or any number of labels."""
        return "classes" if self.y.ndim == 1 else "labels"

    def only(self, rows: npt.NDArray[Any]) -> "Arrays":
        """The samples that `rows` names, by index or by a mask [n]."""
        return self._replace(
            x=self.x[rows],
            y=self.y[rows],
            client=None if self.client is None else self.client[rows],
            part=self.part[rows],
            group=None if self.group is None else self.group[rows],
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
    samples: int
    shape: tuple[int, ...]
    classes: int
    licence: str
    citation: str
    files: tuple[RemoteFile, ...]
    read: Callable[..., Arrays]
    task: Task = "classes"


def pixels(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Grey values 0..255 of any shape -> float32 in [0, 1]."""
    x = images.astype(np.float32)
    x /= 255
    return x


def parts(*sizes: int, values: tuple[int, ...]) -> npt.NDArray[np.int8]:
    """`sizes[j]` times `values[j]`, one after the other."""
    return np.repeat(np.array(values, np.int8), sizes)
