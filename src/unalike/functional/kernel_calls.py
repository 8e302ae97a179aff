"""Kernels called through PyTorch's own Python functions.

`torch.ops` reads its arguments by a schema at each call, which takes about as long as a small
kernel; `torch.bmm` and its like have them compiled in.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx

_HOMES = (torch, torch._C._nn, Tensor)


def with_direct_calls(module: fx.GraphModule) -> fx.GraphModule:
    """The same kernels, each called through the function of its name where there is one.

    Which overload such a function takes follows from the arguments, so what comes back has to be
    compared with what the module itself gives.
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
