"""Scikit-learn's handwritten digits: small, real, and there without a network."""

import numpy as np

from .source import TRAIN, Arrays, Source, parts


def read_digits() -> Arrays:
    """1,797 images [n, 1, 8, 8] by 13 people, whose names are not known."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    x = (bunch.images[:, None] / 16).astype(np.float32)
    y = bunch.target.astype(np.int64)
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
