"""The kernels that a function of tensors runs, as a graph of their own."""

from __future__ import annotations

from collections.abc import Callable
from operator import getitem
from typing import Any

from torch import Tensor, fx
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only


def trace_kernels(
    fn: Callable[..., Tensor],
    tensors: tuple[Tensor, ...],
    constants: tuple[Tensor, ...],
    *,
    rewrite: Callable[[fx.Graph], None],
) -> fx.GraphModule | None:
    """The kernels that `fn` runs for such tensors, as a module of its own.

    rewrite: may change the graph; each node's meta["val"] holds the tensor that it made.

    None where one of them meets a tensor that is neither given, nor made by another of them, nor
    a known constant.
    """
    tracer = _Tracer(tensors, constants)
    try:
        with tracer:
            result = fn(*tensors)
        tracer.graph.output(tracer.node_of(result))
        rewrite(tracer.graph)
    except _UnknownTensorError:
        return None
    finally:
        tracer.forget()
    return fx.GraphModule(tracer.holders, tracer.graph)


class _UnknownTensorError(LookupError):
    pass


class _Tracer(TorchDispatchMode):
    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # there is nothing to skip, and asking loads 80 MB

    def __init__(self, given: tuple[Tensor, ...], constants: tuple[Tensor, ...]) -> None:
        super().__init__()
        self.graph = fx.Graph()
        self.holders = {f"constant_{i}": tensor for i, tensor in enumerate(constants)}
        self._alive: list[Any] = []  # an id stays unique while its tensor lives
        self._nodes: dict[int, fx.Node] = {}
        for i, tensor in enumerate(given):
            self._know(tensor, self.graph.placeholder(f"given_{i}"))
        for name, tensor in self.holders.items():
            self._know(tensor, self.graph.get_attr(name))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        inputs = tree_map_only(Tensor, self.node_of, (tuple(args), dict(kwargs)))
        node = self.graph.call_function(func, *inputs)
        result = func(*args, **kwargs)
        if isinstance(result, Tensor):
            self._know(result, node)
        else:
            for i, part in enumerate(result):
                self._know(part, self.graph.call_function(getitem, (node, i)))
        return result

    def node_of(self, tensor: Tensor) -> fx.Node:
        if id(tensor) not in self._nodes:
            raise _UnknownTensorError
        return self._nodes[id(tensor)]

    def forget(self) -> None:
        """Let go of all tensors but the constants; nodes that are taken out of the graph hold on to
        theirs, and to one another."""
        for node in (*self._nodes.values(), *self.graph.nodes):
            node.meta.clear()
        self._nodes.clear()
        self._alive.clear()

    def _know(self, tensor: Any, node: fx.Node) -> None:
        if isinstance(tensor, Tensor):
            self._alive.append(tensor)
            self._nodes[id(tensor)] = node
            node.meta["val"] = tensor
