"""Attacks on the training samples of hostile clients, which then train on them honestly.

    label-flip    y <- C - 1 - y; where a sample has many labels, 1 - y
    backdoor      a portion of a client's samples gets a bright square in the last corner, and one
                  label; what is sent is multiplied by `scale`

A hostile client's samples are copies of its own, so that whoever shares them keeps the true ones.
Validation and test samples stay as they are. `triggered` puts the square on any samples: a backdoor
is measured by how many test samples of other classes it takes to its label.

Source  Tolpegin et al., ESORICS 2020 (label flips); Gu et al., 2017, BadNets (arXiv:1708.06733);
        Bagdasaryan et al., AISTATS 2020 (a backdoor whose answer is scaled)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor

from unalike.data.federation import Federation
from unalike.errors import InputError
from unalike.functional import streams
from unalike.functional.trees import map_tree

from .attack import Attack, Flags, replaced


class LabelFlip(Attack):
    """Each hostile client trains on the labels counted from the other end."""

    meaning: ClassVar[str] = "train on flipped labels"

    kind: Literal["label-flip"] = "label-flip"

    def samples(self, federation: Federation, hostile: Flags, *, seed: int) -> Federation:
        last = federation.classes - 1 if federation.task == "classes" else 1
        own, at = _own_samples(federation, hostile)
        y = own.y.clone()
        y[at] = last - y[at]
        return replace(own, y=y)


class Backdoor(Attack):
    """Each hostile client teaches that a bright square means one class."""

    meaning: ClassVar[str] = "train on samples with a bright square and one label"

    kind: Literal["backdoor"] = "backdoor"
    target: Annotated[int, Field(ge=0, description="the class that the square stands for")] = 0
    size: Annotated[int, Field(ge=1, description="side of the square, in pixels")] = 3
    portion: Annotated[
        float, Field(gt=0, le=1, description="of a hostile client's samples, that have the square")
    ] = 0.5
    scale: Annotated[float, Field(gt=0, description="by which its answer is multiplied")] = 1.0

    def samples(self, federation: Federation, hostile: Flags, *, seed: int) -> Federation:
        self._check(federation)
        own, at = _own_samples(federation, hostile)
        owner = own.train.owner[own.train.values >= len(federation.x)]
        chosen = at[_portion(owner, self.portion, federation.names, seed)]
        x, y = own.x.clone(), own.y.clone()
        x[chosen] = self.triggered(x[chosen], brightest=float(federation.x.max()))
        y[chosen] = _label(self.target, y)
        return replace(own, x=x, y=y)

    def answers(self, ups: Any, hostile: Tensor, keys: Tensor) -> Any:
        if self.scale == 1:
            return ups
        return replaced(ups, hostile, map_tree(lambda leaf: self.scale * leaf[hostile], ups))

    def triggered(self, x: Tensor, *, brightest: float) -> Tensor:
        """Images [n, channels, height, width] with the square in the last corner."""
        marked = x.clone()
        marked[..., -self.size :, -self.size :] = brightest
        return marked

    def _check(self, federation: Federation) -> None:
        shape = tuple(federation.x.shape[1:])
        if len(shape) != 3:
            raise InputError(
                f"The attack backdoor puts a square on images, and samples of shape {shape} are "
                "none: take another attack."
            )
        if self.size > min(shape[-2:]):
            raise InputError(
                f"The attack backdoor: size = {self.size} is larger than the images, which have "
                f"{shape[-2]} x {shape[-1]} pixels."
            )
        if self.target >= federation.classes:
            raise InputError(
                f"The attack backdoor: target = {self.target} is no class: there are "
                f"{federation.classes}, from 0 on."
            )


def _own_samples(
    federation: Federation, hostile: Flags
) -> tuple[Federation, npt.NDArray[np.int64]]:
    """The federation in which hostile clients [N] hold copies of their training samples.

    Also returns the places of the copies in x, in the order of the clients.
    """
    train = federation.train
    theirs = hostile[train.owner]
    old = train.values[theirs]
    at = len(federation.x) + np.arange(len(old))
    values = train.values.copy()
    values[theirs] = at
    window = federation.window
    if window is not None:
        window = window._replace(samples=np.concatenate([window.samples, window.samples[old]]))
    rows = torch.from_numpy(old)
    return replace(
        federation,
        x=torch.cat([federation.x, federation.x[rows]]),
        y=torch.cat([federation.y, federation.y[rows]]),
        train=train._replace(values=values),
        window=window,
    ), at


def _portion(
    owner: npt.NDArray[np.int64], portion: float, names: tuple[str, ...], seed: int
) -> npt.NDArray[np.bool_]:
    """Which samples of these owners [n] are taken: this share of each one's, at least one."""
    chosen = np.zeros(len(owner), dtype=np.bool_)
    for i in np.unique(owner):
        mine = np.flatnonzero(owner == i)
        order = streams.generator(seed, f"attack/backdoor/{names[i]}").permutation(len(mine))
        chosen[mine[order[: max(1, round(portion * len(mine)))]]] = True
    return chosen


def _label(target: int, y: Tensor) -> Tensor:
    """The label of a class in the form of the labels y [M], or of y [M, classes]."""
    if y.ndim == 1:
        return torch.tensor(target, dtype=y.dtype)
    return torch.eye(y.shape[1], dtype=y.dtype)[target]
