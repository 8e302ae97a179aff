"""Closed forms that the adaptive server optimisers share, but for the line of v."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from unalike.core.server_optimiser import AdaptiveServer
from unalike.methods import FedAvg
from worlds import blobs, quadratics

REST = 0.6925023465
"""Where FedAvg rests among parabolas of curvature 1 and 4 around 0 and 1, by five steps of 0.1."""


def one_round(delta: list[float], method: AdaptiveServer) -> Tensor:
    """Where one round leads from 0 when the only client's update is this."""
    p = torch.eye(len(delta), dtype=torch.float64)
    return quadratics([p], [delta]).run(method, 1).server.w


def assert_recursion(
    kind: Callable[..., AdaptiveServer], next_v: Callable[[float, float], float]
) -> None:
    """m, v and w of eight rounds of two parabolas, number by number."""
    method = kind(lr=0.1, server_lr=0.2, beta1=0.8, v0=4, tau=0.1)
    history = quadratics([1, 4], [0, 1], start=3.0).run(method, 8, steps=5).history
    contraction = (0.9**5 + 0.6**5) / 2
    centre = (1 - 0.6**5) / (2 - 0.9**5 - 0.6**5)
    w, m, v = 3.0, 0.0, 0.04
    for round_ in history:
        delta = (contraction - 1) * (w - centre)
        m = 0.8 * m + 0.2 * delta
        v = next_v(v, delta)
        w += 0.2 * m / (v**0.5 + 0.1)
        assert float(round_.server.w) == pytest.approx(w, abs=1e-9)
        assert float(round_.server.v) == pytest.approx(v, abs=1e-9)


def assert_rests_with_fedavg(kind: Callable[..., AdaptiveServer]) -> None:
    """Three rounds from FedAvg's fixed point move nothing."""
    start = (1 - 0.6**5) / (2 - 0.9**5 - 0.6**5)
    w = quadratics([1, 4], [0, 1], start=start).run(kind(lr=0.1), 3, steps=5).server.w
    assert float(w) == pytest.approx(REST, abs=1e-9)


def assert_fedavg_without_adaptation(kind: Callable[..., AdaptiveServer]) -> None:
    """beta1 = 0 and server_lr = tau so large that v does not count."""
    world = blobs()
    method = kind(beta1=0, server_lr=1e9, tau=1e9, v0=0)
    w = world.run(method, 3, batch_size=4, cohort=4).server.w
    known = world.run(FedAvg(), 3, batch_size=4, cohort=4).server
    torch.testing.assert_close(w, known, atol=1e-8, rtol=0)
    assert not torch.equal(known, world.problem.init())
