"""Functions of tensors that are traced once, and then run as the plain list of their kernels.

Under `torch.func` a small gradient spends most of its time on bookkeeping: each operation passes
through every level of the mapping before its kernel runs. A `TracedFunction` lets the first calls
of each signature (shapes, types, device, precision) through unchanged; a signature that keeps
coming back is traced to the list of kernels that it runs, and from then on only these are called.
The trace is taken only if it gives the same bits as the function itself on the arguments at hand.

Where compiled is true, the trace goes to torch's compiler, at the first call of a signature: its
results agree with the function's to rounding, and do not depend on how often it was called.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import torch
from torch import Tensor, fx
from torch._C import _functorch as functorch
from torch.func import grad, vjp, vmap

from .graph_rewriting import rewrite_approximately, rewrite_exactly, rewrite_steps
from .kernel_calls import InterpretedKernels, with_direct_calls
from .plain_derivatives import plain_curvature
from .precision import current_precision
from .stack import WithoutStacks, is_plain_call, stacked_arguments
from .tracing import trace_kernels

Function = Callable[..., Tensor]

CALLS_BEFORE_TRACING = 30
"""Calls of a signature before it is traced: a trace costs what it saves in 10 to 60 of them."""

SMALL = 1 << 12
"""Numbers up to which a tensor is copied into order, so that calls have few signatures: a batch's
weights are a part of those of a whole epoch, which is longer in one round than in another."""

BLOCK = 1 << 16
"""Numbers that are compared at once."""

_functions: WeakValueDictionary[int, TracedFunction] = WeakValueDictionary()


class TracedFunction:
    """A function of tensors alone, without side effects or data-dependent branches.

    fn: of these tensors and of nothing else that ever changes. A tensor that it finds elsewhere
    must be one of `constants`, or the function is never traced.
    traceable: whether it may be traced at all: a function that looks at values may not.
    over: whether a trace of it may write over the first argument, which then comes back.

    What comes back is fresh and contiguous: the caller may write over it. It may be called under
    any number of `vmap` levels. While gradients are enabled, as they are
    inside of `torch.func.grad`, the function itself is called.
    """

    def __init__(
        self,
        fn: Function,
        constants: Iterable[Tensor] = (),
        *,
        compiled: bool = False,
        traceable: bool = True,
        over: bool = False,
    ) -> None:
        self.fn, self.compiled, self.traceable, self.over = fn, compiled, traceable, over
        self._constants = tuple(constants)
        self._mapped: dict[Any, TracedFunction] = {}
        self._calls: dict[Any, int] = {}
        self._traced: dict[Any, Function] = {}
        self._lock = threading.Lock()
        _functions[id(self)] = self

    def __call__(self, *tensors: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            fn = self.fn.differentiable if isinstance(self.fn, Derivative) else self.fn
            return fn(*tensors).contiguous()
        if is_plain_call():
            return self.run(tensors)
        given = stacked_arguments(tensors)
        if given is None:
            return _call(id(self), tensors)
        with WithoutStacks():
            found = self.mapped(given.in_dims).run(given.tensors)
        return given.stacked(found)

    def mapped(self, in_dims: tuple[int | None, ...]) -> TracedFunction:
        """The same function over stacked arguments: one object, whichever thread asks first."""
        found = self._mapped.get(in_dims)
        if found is None:
            own = self.fn.mapped if isinstance(self.fn, Derivative) else partial(vmap, self.fn)
            over = self.over and in_dims[0] == 0
            made = TracedFunction(own(in_dims), self._constants, compiled=self.compiled, over=over)
            found = self._mapped.setdefault(in_dims, made)
        return found

    def run(self, tensors: tuple[Tensor, ...]) -> Tensor:
        """The value for plain tensors."""
        if not self.traceable:
            return self.fn(*tensors).contiguous()
        tensors, signature = _in_order(tensors)
        traced = self._traced.get(signature)
        if traced is not None:
            return traced(*tensors).contiguous()
        calls = self._calls.get(signature, 0) + 1
        self._calls[signature] = calls
        if calls < CALLS_BEFORE_TRACING and not self.compiled:
            return self.fn(*tensors).contiguous()
        with self._lock:
            if signature not in self._traced:
                self._traced[signature] = self._trace(tensors)
        return self._traced[signature](*tensors).contiguous()

    def _trace(self, tensors: tuple[Tensor, ...]) -> Function:
        rewrite = rewrite_steps if self.over else rewrite_exactly
        if self.compiled:
            rewrite = rewrite_approximately
        module = trace_kernels(self.fn, tensors, self._constants, rewrite=rewrite)
        if module is None:
            return self.fn
        if self.compiled:
            from torch import _inductor  # loads 80 MB

            return _inductor.compile(module, list(tensors))
        wanted = self.fn(*tensors)
        for candidate in (with_direct_calls(module), module):
            if _gives(candidate.forward, self._own(tensors), wanted):
                return self._interpreted(candidate, tensors, wanted) or candidate.forward
        return self.fn

    def _interpreted(
        self, module: fx.GraphModule, tensors: tuple[Tensor, ...], wanted: Tensor
    ) -> Function | None:
        """What the interpreter makes of the module, where it gives these bits."""
        try:
            found = InterpretedKernels(module, self._own(tensors))
        except (RuntimeError, AttributeError):
            return None
        return found if _gives(found, self._own(tensors), wanted) else None

    def _own(self, tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Arguments of which the first may be written over where a trace does so."""
        return (tensors[0].clone(), *tensors[1:]) if self.over else tensors


class Derivative(ABC):
    """A function that is taken one way where one client calls it, and another way elsewhere."""

    @abstractmethod
    def __call__(self, *tensors: Tensor) -> Tensor:
        """For plain tensors, by PyTorch's own backward pass."""

    @abstractmethod
    def mapped(self, in_dims: tuple[int | None, ...]) -> Function:
        """The same over stacked arguments."""

    @abstractmethod
    def differentiable(self, *tensors: Tensor) -> Tensor:
        """The same value as a function that can be differentiated again."""


class Gradient(Derivative):
    """The gradient of `loss(w, ...)` by w.

    together: stacked clients share one backward pass through the sum of their losses. For small
    models that is cheaper than a mapped gradient; for large ones it is dearer, since it lays out
    gradients of matrices the wrong way round.
    """

    def __init__(self, loss: Function, *, together: bool) -> None:
        self.loss, self.together = loss, together

    def __call__(self, *tensors: Tensor) -> Tensor:
        w, *rest = tensors
        w = w.detach().requires_grad_()
        with torch.enable_grad():
            total = self.loss(w, *rest).sum()
        if not total.requires_grad:
            return torch.zeros_like(w)
        return torch.autograd.grad(total, w, allow_unused=True, materialize_grads=True)[0]

    def mapped(self, in_dims: tuple[int | None, ...]) -> Function:
        if self.together and in_dims[0] == 0:
            return Gradient(vmap(self.loss, in_dims), together=True)
        return vmap(grad(self.loss), in_dims)

    def differentiable(self, *tensors: Tensor) -> Tensor:
        return grad(self.loss)(*tensors)


class Base(NamedTuple):
    """Where a step of descent goes on from: a function of w and of as many other tensors."""

    others: int
    of: Function


WEIGHTS = Base(0, lambda w: w)
"""A step of descent goes on from w itself."""


class Descent(Derivative):
    """The base of a step, w if not given, plus scale times the gradient of `loss(w, ...)`.

    A function of w, scale [], what else the base is made of, and the rest. Going back begins with
    scale, so that a product of matrices may be added to w as it is made. A hook puts it there:
    gradients given to `torch.autograd.grad` load PyTorch's compiler.

    elsewhere: the gradient is that at another place [P], the argument after w.
    """

    def __init__(
        self, loss: Function, *, together: bool, elsewhere: bool = False, base: Base = WEIGHTS
    ) -> None:
        self.loss, self.together, self.elsewhere, self.base = loss, together, elsewhere, base

    def __call__(self, *tensors: Tensor) -> Tensor:
        w, at, scale, terms, rest = self._parted(tensors)
        start, at = self.base.of(w, *terms), at.detach().requires_grad_()
        with torch.enable_grad():
            total = self.loss(at, *rest).sum()
        if not total.requires_grad:
            return start.clone()
        total.register_hook(lambda _: scale)
        (g,) = torch.autograd.grad(total, at, allow_unused=True, materialize_grads=True)
        return torch.add(start, g)

    def mapped(self, in_dims: tuple[int | None, ...]) -> Function:
        first, place, of_scale, terms, rest = self._parted(in_dims)
        if self.together and first == place == 0 and of_scale is None:
            loss = vmap(self.loss, (place, *rest))
            base = Base(len(terms), vmap(self.base.of, (first, *terms))) if terms else WEIGHTS
            return Descent(loss, together=True, elsewhere=self.elsewhere, base=base)
        return vmap(self.differentiable, in_dims)

    def differentiable(self, *tensors: Tensor) -> Tensor:
        w, at, scale, terms, rest = self._parted(tensors)
        g = grad(lambda u: self.loss(u, *rest) * scale)(at)
        return torch.add(self.base.of(w, *terms), g)

    def _parted(self, arguments: tuple[Any, ...]) -> tuple[Any, Any, Any, Any, Any]:
        """(w, where the gradient is, scale, what the base is made of, the rest)."""
        w, at, scale, *rest = arguments if self.elsewhere else (arguments[0], *arguments)
        return w, at, scale, rest[: self.base.others], rest[self.base.others :]


class Curvature(Derivative):
    """The Hessian of `loss(w, ...)` by w, times v: a function of w, v and the rest.

    The first use of `torch.func` for one client alone would load PyTorch's compiler.
    """

    def __init__(self, loss: Function) -> None:
        self.loss = loss

    def __call__(self, *tensors: Tensor) -> Tensor:
        w, v, *rest = tensors
        return plain_curvature(lambda u: self.loss(u, *rest), w, v)

    def mapped(self, in_dims: tuple[int | None, ...]) -> Function:
        return vmap(self.differentiable, in_dims)

    def differentiable(self, *tensors: Tensor) -> Tensor:
        w, v, *rest = tensors
        product: Tensor = vjp(lambda u: grad(self.loss)(u, *rest), w)[1](v)[0]
        return product


_library = torch.library.Library("unalike", "DEF")
_library.define("traced_function(int which, Tensor[] tensors) -> Tensor")


@torch.library.impl(_library, "traced_function", "CompositeExplicitAutograd")
def _run(which: int, tensors: list[Tensor]) -> Tensor:
    return _functions[which].run(tuple(tensors))


@torch.library.impl(_library, "traced_function", "FuncTorchBatched")
def _run_stacked(which: int, tensors: list[Tensor]) -> Tensor:
    """At the innermost level of `vmap`: what `torch.library.register_vmap` arranges, without its
    search for tensors in trees, which takes as long as a small gradient."""
    level: Any = functorch.maybe_current_level()
    plain, in_dims = [], []
    for tensor in tensors:
        mapped = functorch.is_batchedtensor(tensor) and functorch.maybe_get_level(tensor) == level
        plain.append(functorch.get_unwrapped(tensor) if mapped else tensor)
        in_dims.append(functorch.maybe_get_bdim(tensor) if mapped else None)
    with _without_this_level():
        if all(dim is None for dim in in_dims):
            return _call(which, plain)
        found = _call(id(_functions[which].mapped(tuple(in_dims))), plain)
    return functorch._add_batch_dim(found, 0, level)


def _without_this_level() -> Any:
    return torch._C._ExcludeDispatchKeyGuard(_BATCHED)


_BATCHED = torch._C.DispatchKeySet(torch._C.DispatchKey.FuncTorchBatched)
_call = torch.ops.unalike.traced_function.default


def _in_order(tensors: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], tuple[Any, ...]]:
    """The tensors, small ones contiguous, and the signature of such a call."""
    ordered: list[Tensor] = []
    signature: list[Any] = [current_precision()]
    for tensor in tensors:
        if not tensor.is_contiguous():
            if tensor.numel() > SMALL:
                signature.append(tensor.stride())
            else:
                tensor = tensor.contiguous()
        ordered.append(tensor)
        signature += (tensor.shape, tensor.dtype, tensor.device)
    return tuple(ordered), tuple(signature)


def _gives(function: Function, tensors: tuple[Tensor, ...], wanted: Tensor) -> bool:
    """Whether a function gives these bits; not if it cannot be called so."""
    try:
        return _equal(function(*tensors), wanted)
    except (TypeError, RuntimeError):
        return False


def _equal(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are equal, and no number wherever the other is none; by blocks, so that
    nothing as large as they are is made."""
    if one.shape != other.shape:
        return False
    blocks = zip(one.reshape(-1).split(BLOCK), other.reshape(-1).split(BLOCK), strict=True)
    return all(torch.equal(here.nan_to_num(), there.nan_to_num()) for here, there in blocks)
