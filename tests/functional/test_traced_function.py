"""Traced functions under several threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from unalike.functional.traced_function import Gradient, TracedFunction


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
