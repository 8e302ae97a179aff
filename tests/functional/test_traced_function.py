"""Traced functions under several threads, and derivatives that are taken in several ways."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from unalike.functional.traced_function import Curvature, Gradient, TracedFunction


class _AtOnce(Gradient):
    """Both threads are on their way to a mapped gradient before either has one."""

    both = threading.Barrier(2)

    def mapped(self, in_dims: tuple[int | None, ...]) -> Any:
        self.both.wait()
        return super().mapped(in_dims)


def test_threads_share_one_mapped_function() -> None:
    """What a thread got it goes on calling by its number, so that no other may take its place."""
    function = TracedFunction(_AtOnce(lambda w, x: (w * x).sum(), together=False))
    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(function.mapped, [(0, 0), (0, 0)])
    assert one is other is function.mapped((0, 0))


def test_a_hessian_times_a_vector_is_the_same_whichever_way_it_is_taken() -> None:
    """Of loss(w) = sum(c w^3) the Hessian is 6 c w on the diagonal."""

    def loss(w: Tensor, c: Tensor) -> Tensor:
        return (c * w**3).sum()

    luck = torch.Generator().manual_seed(0)
    w, v, c = torch.randn(3, 4, 5, generator=luck, dtype=torch.double)
    expected = 6 * c * w * v
    function = TracedFunction(Curvature(loss))
    with torch.no_grad():
        alone = torch.stack([function(*given) for given in zip(w, v, c, strict=True)])
        stacked = function.mapped((0, 0, 0)).run((w, v, c))
    first = w[0].clone().requires_grad_()
    differentiable = function(first, v[0], c[0])
    torch.testing.assert_close(alone, expected)
    torch.testing.assert_close(stacked, expected)
    (third,) = torch.autograd.grad(differentiable.sum(), first)
    torch.testing.assert_close(third, 6 * c[0] * v[0])
