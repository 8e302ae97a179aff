"""Feature skew by rotation: each client turns all its images by an angle of its own.

Source  rotations by 180 degrees: Sattler et al., IEEE TNNLS 2021 (arXiv:1910.01991); by 0, 90,
        180 and 270 degrees: Ghosh et al., NeurIPS 2020 (arXiv:2006.04088)
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from unalike.data.federated_data import Data
from unalike.errors import InputError

from .skew import draw_units

Images = npt.NDArray[np.float32]


def rotated(federation: Data, *, angles: tuple[float, ...] = (0, 180), seed: int = 0) -> Data:
    """Deal the angles evenly to the clients at random and turn their images, anticlockwise.

    A client's training, validation and test images are turned alike; an official test set stays
    as it is. `groups` [N] of the new federation holds the position in `angles`.

    Raises:
        InputError: the samples are no images, or there are no angles or more than clients.
    """
    if not 1 <= len(angles) <= federation.clients:
        raise InputError(
            f"{len(angles)} angles cannot be dealt to {federation.clients} clients: give 1 to "
            f"{federation.clients}."
        )
    groups = draw_units(federation.clients, len(angles), "data/rotation", seed)
    return replace(rotate_by(federation, np.asarray(angles)[groups]), groups=groups)


def rotate_by(federation: Data, angles: npt.NDArray[np.floating]) -> Data:
    """Every client's images turned by its angle [N] in degrees, anticlockwise.

    Raises:
        InputError: the samples are no images.
    """
    shape = tuple(federation.x.shape[1:])
    if len(shape) != 3:
        raise InputError(f"Only images can be rotated, not samples of shape {shape}.")
    parts = []
    for images, owner in zip(
        (federation.x.numpy().copy(), federation.x_test.numpy().copy()),
        federation.owners(),
        strict=True,
    ):
        mine = np.where(owner >= 0, angles[owner], 0)
        for angle in np.unique(mine):
            images[mine == angle] = rotate_images(images[mine == angle], float(angle))
        parts.append(torch.from_numpy(images))
    return replace(federation, x=parts[0], x_test=parts[1])


def rotate_images(x: Images, angle: float) -> Images:
    """Images [n, channels, height, width] turned anticlockwise by an angle in degrees.

    Pixels move exactly where the angle and the shape allow it; else they are interpolated between
    four neighbours, and what turns in from outside continues the edge.
    """
    quarters = angle / 90
    if quarters == round(quarters) and (x.shape[2] == x.shape[3] or round(quarters) % 2 == 0):
        return np.ascontiguousarray(np.rot90(x, round(quarters) % 4, (2, 3)))
    from scipy import ndimage  # 18 MB that few need

    return ndimage.rotate(x, angle, (3, 2), reshape=False, order=1, mode="nearest")
