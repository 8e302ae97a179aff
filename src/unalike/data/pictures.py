"""Pictures from folders, as arrays of one shape with numbers in [0, 1]."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from unalike.errors import InputError

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")


def picture_files(folder: Path, pattern: str) -> list[Path]:
    """The pictures below a folder, in order."""
    return sorted(
        file
        for file in folder.glob(pattern)
        if file.suffix.lower() in (*PICTURES, ".npy") and not file.name.startswith(".")
    )


def read_pictures(files: Sequence[Path]) -> npt.NDArray[np.float32]:
    """Pictures of one size: [n, channels, height, width].

    Raises:
        InputError: one of them cannot be read, or is of another size.
    """
    images = [_picture(file) for file in files]
    for file, image in zip(files, images, strict=True):
        if image.shape != images[0].shape:
            raise InputError(
                f"The pictures are of two sizes: {files[0]} is {_size(images[0])}, {file} is "
                f"{_size(image)}: bring them to one size first."
            )
    return np.stack(images)


def _picture(file: Path) -> npt.NDArray[np.float32]:
    """[channels, height, width]; numbers of 8 or 16 bits become numbers in [0, 1]."""
    read = _load if file.suffix == ".npy" else _decoder(file)
    try:
        values = read(file)
    except (OSError, ValueError, EOFError):
        raise InputError(f"{file} is no picture that can be read.") from None
    if values.ndim not in (2, 3):
        raise InputError(f"{file} must be [height, width] or with colours, not {values.shape}.")
    scale = np.float32(np.iinfo(values.dtype).max if values.dtype.kind == "u" else 1)
    image: npt.NDArray[np.float32] = values.astype(np.float32) / scale
    return image[None] if image.ndim == 2 else np.moveaxis(image, -1, 0)


def _load(file: Path) -> npt.NDArray[Any]:
    return np.load(file, allow_pickle=False)


def _decoder(file: Path) -> Callable[[Path], npt.NDArray[Any]]:
    try:
        pillow = import_module("PIL.Image")
    except ImportError:
        raise InputError(
            f"Reading {file} needs Pillow: pip install 'unalike[images]', or save the pictures as "
            ".npy."
        ) from None

    def decode(file: Path) -> npt.NDArray[Any]:
        with pillow.open(file) as image:
            if image.mode[0] in "IF":
                return np.asarray(image)
            return np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB"))

    return decode


def _size(image: npt.NDArray[np.float32]) -> str:
    channels, height, width = image.shape
    return f"{height} x {width}" + (f" with {channels} colours" if channels > 1 else "")
