"""The data sets: `SOURCES` by name, `load` for their arrays, `is_here` for a look beforehand."""

import os

from unalike.errors import unknown

from .cifar10 import CIFAR10, CIFAR10_SUBSET
from .digits import DIGITS
from .fashion_mnist import FASHION_MNIST
from .fcube import FCUBE
from .fed_heart import FED_HEART
from .file_cache import locate, present
from .leaf_synthetic import LEAF_SYNTHETIC
from .medmnist import MEDMNIST
from .mnist import MNIST, MNIST_WRITERS
from .multilevel import MULTILEVEL
from .packages import installed
from .sent140 import SENT140, SENT140_SAMPLE
from .shakespeare import SHAKESPEARE
from .source import Arrays, RemoteFile, Source
from .synthetic import SYNTHETIC, SYNTHETIC_IID, parse_synthetic
from .synthetic_mixture import SYNTHETIC_MIXTURE
from .tcga_brca import TCGA_BRCA

__all__ = ["SOURCES", "Arrays", "RemoteFile", "Source", "find", "is_here", "load"]

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        DIGITS,
        MNIST,
        MNIST_WRITERS,
        FED_HEART,
        FASHION_MNIST,
        CIFAR10,
        CIFAR10_SUBSET,
        *MEDMNIST,
        SENT140,
        SENT140_SAMPLE,
        TCGA_BRCA,
        *MULTILEVEL,
        SHAKESPEARE,
        FCUBE,
        SYNTHETIC_MIXTURE,
        *SYNTHETIC,
        SYNTHETIC_IID,
        LEAF_SYNTHETIC,
    )
}


def load(name: str, *, data_dir: str | os.PathLike[str] | None = None) -> Arrays:
    """The arrays of a data set, from `data_dir`, the folder in UNALIKE_DATA, or the network.

    Raises:
        InputError: no such data set, a damaged file, or one that cannot be had.
    """
    source = find(name)
    return source.read(*(locate(file, data_dir) for file in source.files))


def is_here(name: str, data_dir: str | os.PathLike[str] | None = None) -> bool:
    """Whether the data set can be loaded without a network (checksums are not looked at)."""
    source = find(name)
    return all(present(file, data_dir) for file in source.files) and (
        source.package is None or installed(source.package)
    )


def find(name: str) -> Source:
    """The data set of this name; synthetic-ALPHA-BETA for any two numbers.

    Raises:
        InputError: there is none; the nearest name is given.
    """
    source = SOURCES.get(name) or parse_synthetic(name)
    if source is None:
        raise unknown("data set", name, SOURCES)
    return source
