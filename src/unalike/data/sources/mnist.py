"""MNIST, and MNIST by the people who wrote it (QMNIST's writer ids)."""

from pathlib import Path

import numpy as np

from .idx import read_idx
from .source import TEST, TRAIN, Arrays, RemoteFile, Source, parts, pixels

_WRITER, _SERIES = 2, 1  # columns of QMNIST's label table
_MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_QMNIST_URL = "https://raw.githubusercontent.com/facebookresearch/qmnist/master/"


def read_mnist(
    train_images: Path, train_labels: Path, test_images: Path, test_labels: Path
) -> Arrays:
    """The four idx files of MNIST or of a set in its format -> images [n, 1, 28, 28]."""
    images = np.concatenate([read_idx(train_images), read_idx(test_images)])
    train_y, test_y = read_idx(train_labels), read_idx(test_labels)
    y = np.concatenate([train_y, test_y]).astype(np.int64)
    part = parts(len(train_y), len(test_y), values=(TRAIN, TEST))
    return Arrays(pixels(images[:, None]), y, 10, client=None, part=part)


def read_mnist_writers(
    train_images: Path,
    train_labels: Path,
    test_images: Path,
    test_labels: Path,
    train_writers: Path,
    test_writers: Path,
) -> Arrays:
    """MNIST with its writers as clients, and as groups the NIST series that a writer belongs to.

    The official test images were written by 297 other people. They stay the official test set:
    the natural split deals only the 539 people of the training images.
    Groups: 0 employees of the census bureau, 4 high-school students.
    """
    arrays = read_mnist(train_images, train_labels, test_images, test_labels)
    train, test = (arrays.part == value for value in (TRAIN, TEST))
    table = np.concatenate(
        [read_idx(train_writers)[: train.sum()], read_idx(test_writers)[: test.sum()]]
    )
    ids = np.char.zfill(table[:, _WRITER].astype(str), 4)
    return arrays._replace(
        client=np.char.add("writer-", ids), group=table[:, _SERIES].astype(np.int64)
    )


def _file(name: str, md5: str, url: str = _MNIST_URL) -> RemoteFile:
    return RemoteFile(name, url + name, f"md5:{md5}", "mnist")


_FILES = (
    _file("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
    _file("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
    _file("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
    _file("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
)
_WRITERS = (
    _file("qmnist-train-labels-idx2-int.gz", "0058f8dd561b90ffdd0f734c6a30e5e4", _QMNIST_URL),
    _file("qmnist-test-labels-idx2-int.gz", "5b5b05890a5e13444e108efe57b788aa", _QMNIST_URL),
)

MNIST = Source(
    name="mnist",
    title="Handwritten digits of 28 x 28 pixels",
    samples=70_000,
    shape=(1, 28, 28),
    classes=10,
    licence="none stated at the source (often given as CC BY-SA 3.0)",
    citation="LeCun, Bottou, Bengio and Haffner (1998). Gradient-based learning applied to "
    "document recognition. Proceedings of the IEEE 86(11).",
    files=_FILES,
    read=read_mnist,
)

MNIST_WRITERS = Source(
    name="mnist-writers",
    title="MNIST by its 539 writers (297 others wrote the test images)",
    samples=70_000,
    shape=(1, 28, 28),
    classes=10,
    licence="images: none stated at the source; writer table: BSD-style",
    citation="Yadav and Bottou (2019). Cold Case: The Lost MNIST Digits. NeurIPS 32.",
    files=_FILES + _WRITERS,
    read=read_mnist_writers,
    natural_clients=539,
)
