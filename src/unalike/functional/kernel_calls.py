"""Quicker ways to call the kernels of a graph than through `torch.ops`, one after the other.

`torch.ops` reads its arguments by a schema at each call, which takes about as long as a small
kernel. PyTorch's own Python functions, `torch.bmm` and its like, have them compiled in. The
interpreter of TorchScript goes through the whole graph without Python, so that other threads may
run meanwhile. What either gives has to be compared with what the module itself gives.
"""

from __future__ import annotations

import copy
import threading
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx

_HOMES = (torch, torch._C._nn, Tensor)
_one_at_a_time = threading.Lock()


def with_direct_calls(module: fx.GraphModule) -> fx.GraphModule:
    """The same kernels, each called through the function of its name where there is one.

    Which overload such a function takes follows from the arguments.
    """
    graph = copy.deepcopy(module.graph)
    for node in graph.nodes:
        if isinstance(node.target, torch._ops.OpOverload):
            node.target = _function_of(node.target) or node.target
    return fx.GraphModule(module, graph)


def _function_of(kernel: Any) -> Callable[..., Any] | None:
    """PyTorch's Python function of this kernel's name."""
    name = kernel._schema.name.removeprefix("aten::")
    found = (getattr(home, name, None) for home in _HOMES)
    return next((function for function in found if callable(function)), None)


class InterpretedKernels:
    """The same kernels in TorchScript's interpreter, which may not put others in their place: those
    round otherwise.

    Raises:
        RuntimeError: TorchScript does not know one of them.
        AttributeError: this PyTorch has none.
    """

    def __init__(self, module: fx.GraphModule, tensors: tuple[Tensor, ...]) -> None:
        def kernels(*given: Tensor) -> Any:
            return module.forward(*given)

        with _one_at_a_time, warnings.catch_warnings():  # the filters are those of all threads
            # PyTorch 2.13 calls it deprecated.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._graph: Any = torch.jit.trace(kernels, tensors, check_trace=False)

    def __call__(self, *tensors: Tensor) -> Tensor:
        rewrites = torch._C._get_graph_executor_optimize()  # of this thread
        torch._C._set_graph_executor_optimize(False)
        try:
            result: Tensor = self._graph(*tensors)
            return result
        finally:
            torch._C._set_graph_executor_optimize(rewrites)
