"""Feature skew: every client, or every group of clients, sees its samples through its own lens.

    noise       x + N(0, (strength sd)^2 u),       u ~ U(0, 1)         a worse sensor
    gain        g x + b, g = exp(strength N / 2), b = strength sd N / 4       another instrument
    contrast    m + g (x - m), g = exp(strength N / 2), m the sample's own mean
    gamma       x^g, g = exp(strength N / 2)                           images in [0, 1] only
    blur        a mean with the four neighbours, weight strength u     images only
    shift       x + strength sd N_d / 2, one direction for all         another assay
    field       x exp(strength (a r + b c)), a, b ~ N / 2, r, c in [-1, 1]    images only
    scanner     field(clip(g x + b, 0, 1)^gamma), all five drawn as above     images in [0, 1] only
    colour      m + g R (x - m), R a turn of the hue by strength N pi / 6,    images of 3 channels
                g = exp(strength N / 2), m the mean of the channels: greys stay as they are
    turn        the image by strength N pi / 4                         images only

`sd` is the standard deviation of all numbers of x. Capital N draws are made once for each unit, by
a stream of its own, and hold for all its samples, whatever they are used for.

Source  Li et al., ICDE 2022 (noise, there of another level for every party and drawn anew in each
        epoch); Reisizadeh et al., NeurIPS 2020 (affine shifts); the others are ours
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from unalike.data.federated_data import Data
from unalike.errors import InputError, unknown
from unalike.functional.streams import generator

from .rotation import rotate_images
from .skew import by_unit

Array = npt.NDArray[np.float32]
Units = npt.NDArray[np.int64]
FeatureTransform = Callable[[Array, float, float, np.random.Generator], Array]


def transform_samples(
    x: Array,
    unit: Units,
    *,
    kind: str,
    strength: float,
    seed: int = 0,
    purpose: str | None = None,
    sd: float | None = None,
) -> Array:
    """Samples x [n, ...] of these units [n] as each unit sees them; strength 0 changes nothing.

    purpose: the name of the random stream, "data/<kind>" if not given.
    sd: the standard deviation of all numbers, that of x if not given.

    Raises:
        InputError: no such lens, a strength below 0, or no images where they are needed.
    """
    check_transform(x.shape[1:], kind, strength)
    seen = x.copy()
    sd = float(x.std()) if sd is None else sd
    for u, rows in by_unit(unit):
        rng = generator(seed, purpose or f"data/{kind}", u)
        seen[rows] = FEATURE_TRANSFORMS[kind](x[rows], strength, sd, rng)
    return seen


def transform_clients(
    federation: Data,
    *,
    kind: str,
    strength: float,
    groups: npt.NDArray[np.int64] | None = None,
    seed: int = 0,
) -> Data:
    """A federation whose clients see through lenses of their own, or of their group [N].

    Training, validation and test samples of a client are seen alike. An official test set stays as
    it is. With `groups` they are kept in the new federation.

    Raises:
        InputError: as `transform_samples`.
    """
    unit = np.arange(federation.clients) if groups is None else groups
    x, x_test = federation.x.numpy(), federation.x_test.numpy()
    both = np.concatenate([x, x_test])
    owner = np.concatenate(federation.owners())
    held = owner >= 0
    both[held] = transform_samples(
        both[held], unit[owner[held]], kind=kind, strength=strength, seed=seed
    )
    return replace(
        federation,
        x=torch.from_numpy(both[: len(x)]),
        x_test=torch.from_numpy(both[len(x) :]),
        groups=federation.groups if groups is None else groups,
    )


def _noise(x: Array, strength: float, sd: float, rng: np.random.Generator) -> Array:
    level = np.float32(strength * sd * np.sqrt(rng.random()))
    return x + level * rng.standard_normal(x.shape, np.float32)


def _gain(x: Array, strength: float, sd: float, rng: np.random.Generator) -> Array:
    gain, bias = rng.standard_normal(2)
    return np.exp(strength * gain / 2) * x + strength * sd * bias / 4


def _contrast(x: Array, strength: float, sd: float, rng: np.random.Generator) -> Array:
    middle = x.mean(axis=tuple(range(1, x.ndim)), keepdims=True)
    return middle + np.exp(strength * rng.standard_normal() / 2) * (x - middle)


def _gamma(x: Array, strength: float, sd: float, rng: np.random.Generator) -> Array:
    power = np.float32(np.exp(strength * rng.standard_normal() / 2))
    return np.power(np.clip(x, 0, 1), power, dtype=np.float32)


def _blur(x: Array, strength: float, sd: float, rng: np.random.Generator) -> Array:
    weight = np.float32(min(strength * rng.random(), 1.0))
    wide = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)], mode="edge")
    around = wide[..., :-2, 1:-1] + wide[..., 2:, 1:-1] + wide[..., 1:-1, :-2] + wide[..., 1:-1, 2:]
    return x + weight * ((x + around) * np.float32(0.2) - x)


def _shift(x: Array, strength: float, sd: float, rng: np.random.Generator) -> Array:
    return x + strength * sd / 2 * rng.standard_normal(x.shape[1:], np.float32)


def _field(x: Array, strength: float, sd: float, rng: np.random.Generator) -> Array:
    down, across = strength * rng.standard_normal(2) / 2
    rows, columns = (np.linspace(-1, 1, side) for side in x.shape[-2:])
    bright = np.exp(down * rows[:, None] + across * columns).astype(np.float32)
    return x * bright


def _scanner(x: Array, strength: float, sd: float, rng: np.random.Generator) -> Array:
    raw = np.clip(_gain(x, strength, sd, rng), 0, 1).astype(np.float32)
    return _field(_gamma(raw, strength, sd, rng), strength, sd, rng)


def _colour(x: Array, strength: float, sd: float, rng: np.random.Generator) -> Array:
    angle, vivid = strength * rng.standard_normal(2) * (np.pi / 6, 1 / 2)
    across = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    hue = np.cos(angle) * np.eye(3) + np.sin(angle) * across  # on colours that sum to 0
    grey = x.mean(axis=1, keepdims=True)
    turned = np.einsum("cd,ndhw->nchw", (np.exp(vivid) * hue).astype(np.float32), x - grey)
    return grey + turned


def _turn(x: Array, strength: float, sd: float, rng: np.random.Generator) -> Array:
    return rotate_images(x, 45 * strength * float(rng.standard_normal()))


FEATURE_TRANSFORMS: dict[str, FeatureTransform] = {
    "noise": _noise,
    "gain": _gain,
    "contrast": _contrast,
    "gamma": _gamma,
    "blur": _blur,
    "shift": _shift,
    "field": _field,
    "scanner": _scanner,
    "colour": _colour,
    "turn": _turn,
}
FOR_IMAGES = ("gamma", "blur", "field", "scanner", "colour", "turn")


def check_transform(shape: tuple[int, ...], kind: str, strength: float) -> None:
    """Whether samples of this shape can be seen through this lens.

    Raises:
        InputError: no such lens, a strength below 0, or no images where they are needed.
    """
    if kind not in FEATURE_TRANSFORMS:
        raise unknown("lens", kind, FEATURE_TRANSFORMS)
    if not 0 <= strength < np.inf:
        raise InputError(f"The strength of a feature skew must be 0 or more, not {strength}.")
    if kind in FOR_IMAGES and len(shape) != 3:
        raise InputError(f"{kind!r} is for images, not for samples of shape {shape}.")
    if kind == "colour" and shape[0] != 3:
        raise InputError(f"'colour' is for images of 3 channels, and these have {shape[0]}.")
