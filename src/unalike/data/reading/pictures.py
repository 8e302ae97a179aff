"""Pictures decoded: grey or colour, 8 or 16 bits, all of one size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from unalike.errors import InputError

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
SUFFIXES = (*PICTURES, ".npy")
DEEP = ("I", "F")  # modes of more than eight bits
GREY = ("1", "L", "LA", "La")
TRANSPARENT = ("LA", "La", "PA", "RGBA", "RGBa")

Size = tuple[int, int]  # height, width


def read_pictures(
    files: Sequence[Path], resize: Size | None = None
) -> tuple[npt.NDArray[Any], list[str]]:
    """Pictures [n, channels, height, width] of one size, and what must be said of them.

    Raises:
        InputError: one of them cannot be read, or is of another size.
    """
    return stacked(((str(file), _read(file)) for file in files), resize)


def stacked(
    pictures: Iterable[tuple[str, Any]], resize: Size | None = None
) -> tuple[npt.NDArray[Any], list[str]]:
    """Pictures with their names, each an array or of Pillow, as one array.

    Raises:
        InputError: one cannot be decoded, or they are of two sizes or types.
    """
    arrays: list[npt.NDArray[Any]] = []
    names: list[str] = []
    notes: dict[str, int] = {}
    for name, picture in pictures:
        arrays.append(_resized(_values(picture, name, notes), resize, name))
        names.append(name)
    colours = max(array.shape[0] for array in arrays)
    if any(array.shape[0] == 1 for array in arrays) and colours == 3:
        grey = sum(array.shape[0] == 1 for array in arrays)
        notes[f"{grey} grey pictures among coloured ones get three equal colours."] = 0
        arrays = [np.repeat(a, 3, 0) if a.shape[0] == 1 else a for a in arrays]
    _refuse_unlike(arrays, names)
    if resize is not None:
        notes[f"Pictures are resized to {resize[0]} x {resize[1]}."] = 0
    said = [
        f"{text} ({count} of {len(arrays)})." if count else text for text, count in notes.items()
    ]
    return np.stack(arrays), said


def _refuse_unlike(arrays: Sequence[npt.NDArray[Any]], names: Sequence[str]) -> None:
    for array, name in zip(arrays, names, strict=True):
        if array.shape != arrays[0].shape:
            raise InputError(
                f"The pictures are of two sizes: {names[0]} is {_size(arrays[0])}, {name} is "
                f"{_size(array)}: say resize=28, or any other size, to bring them to one."
            )
        if array.dtype != arrays[0].dtype:
            raise InputError(
                f"The pictures are of two types: {names[0]} is {arrays[0].dtype}, {name} is "
                f"{array.dtype}: save them with the same number of bits."
            )


def _read(file: Path) -> Any:
    try:
        if file.suffix.lower() == ".npy":
            return np.load(file, allow_pickle=False)
        with _pillow(file).open(file) as picture:
            picture.load()
            return picture
    except (OSError, ValueError, EOFError, SyntaxError):
        raise InputError(f"{file} is no picture that can be read.") from None


def _pillow(file: Path) -> Any:
    try:
        return import_module("PIL.Image")
    except ImportError:
        raise InputError(
            f"Reading {file} needs Pillow: pip install 'unalike[images]', or save the pictures as "
            ".npy."
        ) from None


def _values(picture: Any, name: str, notes: dict[str, int]) -> npt.NDArray[Any]:
    """[channels, height, width]"""
    if is_picture(picture):
        picture = _plain(picture, notes)
    values = np.asarray(picture)
    if values.dtype.kind not in "biuf":
        raise InputError(f"{name} holds no numbers.")
    if values.ndim not in (2, 3):
        raise InputError(f"{name} must be [height, width] or with colours, not {values.shape}.")
    if values.ndim == 2:
        return values[None]
    if values.shape[-1] <= 4:
        return np.moveaxis(values, -1, 0)
    if values.shape[0] <= 4:
        return values
    raise InputError(f"{name} is {values.shape}: colours must come first or last, at most four.")


def is_picture(value: Any) -> bool:
    """Whether this is a picture of Pillow."""
    return isinstance(getattr(value, "mode", None), str) and hasattr(value, "convert")


def _plain(picture: Any, notes: dict[str, int]) -> Any:
    """A picture of Pillow, upright, as grey, RGB, 16 bits or floats."""
    mode = picture.mode
    if mode not in DEEP and not mode.startswith("I;"):
        picture = import_module("PIL.ImageOps").exif_transpose(picture)
    if getattr(picture, "n_frames", 1) > 1:
        _count(notes, "Of pictures with several frames the first one is taken")
    if mode == "I" or mode.startswith("I;"):
        values = np.asarray(picture)
        if values.dtype.kind == "i" and values.min() >= 0 and values.max() < 2**16:
            return values.astype(np.uint16)
        return values.astype(np.uint16) if values.dtype.kind == "u" else values
    if mode == "F":
        return np.asarray(picture)
    if mode in TRANSPARENT or "transparency" in picture.info:
        _count(notes, "Transparency is left out")
    if mode == "P":
        _count(notes, "Colours of a palette become red, green and blue")
    return np.asarray(picture.convert("L" if mode in GREY else "RGB"))


def _count(notes: dict[str, int], text: str) -> None:
    notes[text] = notes.get(text, 0) + 1


def _resized(array: npt.NDArray[Any], size: Size | None, name: str) -> npt.NDArray[Any]:
    """Bilinear, each colour by itself; the type stays."""
    if size is None or array.shape[1:] == size:
        return array
    pillow = _pillow(Path(name))
    shrunk = [
        np.asarray(
            pillow.fromarray(colour.astype(np.float32)).resize(
                size[::-1], pillow.Resampling.BILINEAR
            )
        )
        for colour in array
    ]
    if array.dtype.kind == "f":
        return np.stack(shrunk).astype(array.dtype)
    return np.rint(np.stack(shrunk)).astype(array.dtype)


def _size(image: npt.NDArray[Any]) -> str:
    channels, height, width = image.shape
    return f"{height} x {width}" + (f" with {channels} colours" if channels > 1 else "")
