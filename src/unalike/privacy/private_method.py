"""What a client does to its answer before it leaves: clip it, and with `local` add noise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import torch

from unalike.core import Batches, Method, Problem
from unalike.errors import InputError
from unalike.functional import streams
from unalike.functional.noise import noise_like
from unalike.functional.trees import leaves, map_tree

from .settings import Privacy


def with_privacy(
    method: Method, privacy: Privacy | None, problem: Problem, *, secret: int = 0
) -> Method:
    """The method whose clients guard their answers; the method itself where nothing is asked.

    secret: what a client's noise depends on besides the seed; 0 in a simulation.

    Raises:
        InputError: the server needs more than sums, or sends something beside the answers.
    """
    if privacy is None:
        return method
    if method.needs_each is not None:
        raise InputError(
            f"Privacy is for methods whose server only adds answers up, and {method.name} needs "
            f"each by itself: {method.needs_each}; leave it out."
        )
    if problem.batch_norm_layers and problem.buffers == "share":
        raise InputError(
            "buffers = 'share' sends running statistics beside the answers, without noise: take "
            "buffers = 'recompute' or 'local' with privacy."
        )
    return cast(Method, PrivateMethod(method, privacy, secret))


@dataclass(frozen=True)
class PrivateMethod:
    """A method that answers everything as another one does, but for what leaves the client."""

    method: Method
    privacy: Privacy
    secret: int = 0

    def __getattr__(self, name: str) -> Any:
        if name == "method":
            raise AttributeError(name)
        return getattr(self.method, name)

    def with_step_sizes(self, factor: float) -> PrivateMethod:
        return replace(self, method=self.method.with_step_sizes(factor))

    def client_update(
        self, problem: Problem, down: Any, client: Any, batches: Batches
    ) -> tuple[Any, Any]:
        client, up = self.method.client_update(problem, down, client, batches)
        if not leaves(up):
            return client, up
        up = clipped(up, self.privacy.clip)
        if self.privacy.kind == "local" and self.privacy.noise > 0:
            key = streams.mix(streams.derive(batches.key, "privacy"), self.secret)
            scale = self.privacy.noise * self.privacy.clip
            up = map_tree(lambda leaf, z: leaf + scale * z, up, noise_like(up, key))
        return client, up


def clipped(up: Any, clip: float) -> Any:
    """u min(1, C / |u|), u all numbers of the tree; a direction is never changed."""
    norms = [torch.linalg.vector_norm(leaf, dtype=torch.float64) for leaf in leaves(up)]
    factor = (clip / torch.linalg.vector_norm(torch.stack(norms))).clamp(max=1)
    return map_tree(lambda leaf: leaf * factor.to(leaf.dtype), up)
