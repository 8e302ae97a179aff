"""Which lengths of answers are believed."""

from __future__ import annotations

import numpy as np
import torch

from unalike.network.protocol.messages import pack
from unalike.network.server.answer_checks import gradient_count, too_long


def test_a_client_of_many_samples_may_move_further() -> None:
    ups = [torch.tensor([length]) for length in (1.0, 1.2, 0.9, 20.0)]
    alike = np.array([10, 10, 10, 10])
    assert list(too_long(ups, alike, 8.0)) == [3]
    assert list(too_long(ups, np.array([10, 10, 10, 1000]), 8.0)) == []
    assert list(too_long(ups, np.array([10, 10, 10, 40]), 8.0)) == [3]  # 8 sqrt(4) = 16
    assert list(too_long(ups, np.array([1000, 10, 10, 10]), 8.0)) == [3]  # only its own samples


def test_without_a_limit_or_others_all_are_believed() -> None:
    ups = [torch.tensor([length]) for length in (1.0, 1.0, 1e9)]
    sizes = np.array([1, 1, 1])
    assert too_long(ups, sizes, 0.0) == {}
    assert too_long(ups[1:], sizes[1:], 8.0) == {}
    assert too_long([torch.zeros(1)] * 3, sizes, 8.0) == {}


def test_gradients_that_nobody_has_taken() -> None:
    for said in ("many", -1, 10**16, 10**400, 1.5, None):
        assert gradient_count(pack("train", {"gradients": said})) is None
    assert gradient_count(pack("train", {"gradients": 10**12})) == 10**12
    assert gradient_count(pack("train")) is None
