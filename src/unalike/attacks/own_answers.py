"""Attacks on answers that need no answer but the hostile client's own.

    sign-flip    u <- -scale u
    scaling      u <- scale u
    noise        u <- scale rms(u) z, z standard normal, leaf by leaf

Source  Blanchard et al., NeurIPS 2017 (noise in place of an answer); Li et al., AAAI 2019, RSA
        (sign flips); Bagdasaryan et al., AISTATS 2020 (scaling)
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from unalike.functional.noise import noise_like
from unalike.functional.trees import map_tree

from .attack import Attack, replaced

Scale = Annotated[float, Field(gt=0, description="length of what is sent, in that of the answer")]


class SignFlip(Attack):
    """Each hostile client sends the opposite of its answer."""

    meaning: ClassVar[str] = "send the opposite of their answers"

    kind: Literal["sign-flip"] = "sign-flip"
    scale: Scale = 1.0

    def answers(self, ups: Any, hostile: Tensor, keys: Tensor) -> Any:
        own = map_tree(lambda leaf: -self.scale * leaf[hostile], ups)
        return replaced(ups, hostile, own)


class Scaling(Attack):
    """Each hostile client sends a multiple of its answer."""

    meaning: ClassVar[str] = "send a multiple of their answers"

    kind: Literal["scaling"] = "scaling"
    scale: Scale = 10.0

    def answers(self, ups: Any, hostile: Tensor, keys: Tensor) -> Any:
        return replaced(ups, hostile, map_tree(lambda leaf: self.scale * leaf[hostile], ups))


class Noise(Attack):
    """Each hostile client sends noise of its own, each leaf as long as its answer's."""

    meaning: ClassVar[str] = "send noise in place of their answers"

    kind: Literal["noise"] = "noise"
    scale: Scale = 1.0

    def answers(self, ups: Any, hostile: Tensor, keys: Tensor) -> Any:
        def noise(i: int) -> Any:
            own = map_tree(lambda leaf: leaf[i], ups)
            return map_tree(
                lambda leaf, z: self.scale * leaf.square().mean().sqrt() * z,
                own,
                noise_like(own, keys[i]),
            )

        rows = [noise(i) for i in hostile.nonzero()[:, 0].tolist()]
        return replaced(ups, hostile, map_tree(lambda *z: torch.stack(z), *rows))
