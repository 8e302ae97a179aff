"""Several models that do not start at the same place: equal ones would stay equal for ever."""

import hashlib
from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor

from unalike.core import Problem
from unalike.functional import streams

StartNoise = Annotated[float, Gt(0), "spread of the starts where the model cannot be drawn anew"]
"""The setting of a method for `noise`."""


def distinct_starts(problem: Problem, w: Tensor, count: int, noise: float) -> Tensor:
    """w [P] itself, then models drawn anew by the model's own layers: [count, P].

    What is drawn follows from w alone, hence from the study's seed. Where the model cannot be
    drawn anew, normal noise with standard deviation `noise` is added to w instead.
    """
    starts = [w]
    for j in range(1, count):
        seed = _fingerprint(w, j)
        drawn = problem.init(seed).to(w)
        if torch.equal(drawn, problem.init(seed + 1).to(w)):
            normal = streams.generator(seed, "start").standard_normal(len(w))
            drawn = w + noise * torch.from_numpy(normal).to(w)
        starts.append(drawn)
    return torch.stack(starts)


def _fingerprint(w: Tensor, counter: int) -> int:
    """A seed below 2^62 that follows from the bits of w and a counter."""
    digest = hashlib.blake2b(w.detach().cpu().numpy().tobytes(), digest_size=8)
    digest.update(counter.to_bytes(8, "little"))
    return int.from_bytes(digest.digest(), "little") >> 2
