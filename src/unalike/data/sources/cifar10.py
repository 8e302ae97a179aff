"""CIFAR-10 from its binary archive (no pickle), and a class-balanced fifth of it."""

import tarfile
from pathlib import Path

import numpy as np

from unalike.errors import InputError

from .source import TEST, TRAIN, Arrays, RemoteFile, Source, parts, pixels

_BATCHES = (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin")
_ROW = 1 + 3 * 32 * 32  # a label, then the red, green and blue planes
_CITATION = (
    "Krizhevsky (2009). Learning Multiple Layers of Features from Tiny Images. "
    "Technical report, University of Toronto."
)


def read_cifar10(archive: Path) -> Arrays:
    """The binary archive -> images [n, 3, 32, 32], the last batch being the official test set."""
    batches = []
    with tarfile.open(archive) as tar:
        for name in _BATCHES:
            stream = tar.extractfile(f"cifar-10-batches-bin/{name}")
            if stream is None:
                raise InputError(f"{name} in {archive} is not a file: fetch it anew.")
            batches.append(np.frombuffer(stream.read(), np.uint8).reshape(-1, _ROW))
    rows = np.concatenate(batches)
    x = pixels(rows[:, 1:]).reshape(-1, 3, 32, 32)
    tests = len(batches[-1])
    part = parts(len(rows) - tests, tests, values=(TRAIN, TEST))
    return Arrays(x, rows[:, 0].astype(np.int64), 10, client=None, part=part)


def read_cifar10_subset(file: Path) -> Arrays:
    """The npz with 1,000 + 200 images a class -> images [n, 3, 32, 32]."""
    with np.load(file, allow_pickle=False) as npz:
        images = np.concatenate([npz["train_images"], npz["test_images"]])
        train_y, test_y = npz["train_labels"], npz["test_labels"]
    y = np.concatenate([train_y, test_y]).astype(np.int64)
    part = parts(len(train_y), len(test_y), values=(TRAIN, TEST))
    x = pixels(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    return Arrays(x, y, 10, client=None, part=part)


CIFAR10 = Source(
    name="cifar10",
    title="Photographs of animals and vehicles, 32 x 32 pixels in colour",
    samples=60_000,
    shape=(3, 32, 32),
    classes=10,
    licence="none stated",
    citation=_CITATION,
    files=(
        RemoteFile(
            "cifar-10-binary.tar.gz",
            "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            "md5:c32a1d4ab5d03f1284b67883e8d87530",
            "cifar10",
        ),
    ),
    read=read_cifar10,
)

CIFAR10_SUBSET = Source(
    name="cifar10-subset",
    title="The first 1,000 + 200 photographs of each class of CIFAR-10",
    samples=12_000,
    shape=(3, 32, 32),
    classes=10,
    licence="none stated",
    citation=_CITATION,
    files=(
        RemoteFile(
            "cifar10_subset_10k_2k.npz",
            None,
            "sha256:9b037571349cb2d325a5ff3821480d3841c238e684bad6d3f9f41dd6b6ba686e",
            "cifar10",
        ),
    ),
    read=read_cifar10_subset,
)
