"""Scikit-learn's handwritten digits: small, real, and there without a network."""

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from unalike.errors import InputError

from .source import TRAIN, Arrays, Source, parts


def read_digits() -> Arrays:
    """1,797 images [n, 1, 8, 8] by 13 people, whose names are not known.

    From scikit-learn's file, without scikit-learn: to import it takes longer than all of a study's
    other preparations.

    Raises:
        InputError: scikit-learn is not there.
    """
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise InputError("The data set digits comes with scikit-learn, which is not installed.")
    path = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
    with gzip.open(path, "rt") as file:
        table = np.loadtxt(file, delimiter=",")
    x = (table[:, :-1].reshape(-1, 1, 8, 8) / 16).astype(np.float32)
    y = table[:, -1].astype(np.int64)
    return Arrays(x, y, 10, client=None, part=parts(len(y), values=(TRAIN,)))


DIGITS = Source(
    name="digits",
    title="Handwritten digits of 8 x 8 pixels (scikit-learn)",
    samples=1797,
    shape=(1, 8, 8),
    classes=10,
    licence="CC BY 4.0",
    citation="Alpaydin and Kaynak (1998). Optical Recognition of Handwritten Digits. "
    "UCI Machine Learning Repository. doi:10.24432/C50P49",
    files=(),
    read=read_digits,
)
