"""A user's module made ready: copied, and with the layers replaced that need to know more.

The module itself is never changed.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn

from unalike.errors import InputError

from .attention import StreamedAttention
from .dropout import DROPOUT_LAYERS, StreamedDropout
from .normalisation import BatchNorm, BatchNormLayer, MaskedBatchNorm, batch_norm_layer
from .recurrent import StreamedRecurrent


class ModulePerThread(threading.local):
    """The module once per thread: while it is called, its parameters are swapped."""

    def __init__(self, module: nn.Module) -> None:
        self.original, self.module = module, copy.deepcopy(module)

    def __reduce__(self) -> tuple[Any, ...]:
        return ModulePerThread, (self.original,)


def copy_module(module: nn.Module) -> nn.Module:
    """A deep copy in training mode.

    Raises:
        InputError: the module is lazy, or cannot be copied.
    """
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if nn.parameter.is_lazy(tensor):
            raise InputError(
                f"The model's {name!r} has no shape yet (a lazy layer): call the model once on a "
                "batch before making a Problem of it, or hand over the model itself."
            )
    try:
        return copy.deepcopy(module).train()
    except RuntimeError as error:
        raise InputError(
            f"The model {type(module).__name__} cannot be copied: {first_line(error)}"
        ) from None


def trainable_parameters(module: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters to train by name, a shared one once; frozen ones are not among them.

    Raises:
        InputError: there are none, or they are of several types.
    """
    named = {name: p for name, p in module.named_parameters() if p.requires_grad}
    kind = type(module).__name__
    if not named:
        frozen = any(True for _ in module.parameters())
        why = "all its parameters are frozen" if frozen else "it has none"
        raise InputError(f"The model {kind} has no parameters to train: {why}.")
    dtypes = {p.dtype for p in named.values()}
    if len(dtypes) > 1:
        names = ", ".join(sorted(str(dtype).removeprefix("torch.") for dtype in dtypes))
        raise InputError(f"The model {kind} mixes parameters of {names}; convert it to one type.")
    (dtype,) = dtypes
    if dtype not in (torch.float32, torch.float64):
        raise InputError(
            f"The model {kind} has parameters of {str(dtype).removeprefix('torch.')}, in which "
            "small local steps are lost; convert it with .float()."
        )
    return named


def batch_norm_layers(module: nn.Module) -> tuple[BatchNormLayer, ...]:
    """The batch normalisation layers, in the order that numbers them."""
    return tuple(
        batch_norm_layer(name, part)
        for name, part in module.named_modules()
        if isinstance(part, BatchNorm)
    )


def has_dropout(module: nn.Module) -> bool:
    """Whether the model draws random numbers in training."""
    return any(
        isinstance(part, DROPOUT_LAYERS)
        or (isinstance(part, nn.MultiheadAttention | nn.RNNBase) and part.dropout > 0)
        for part in module.modules()
    )


def materialised(module: nn.Module, x: Tensor) -> nn.Module:
    """The module itself, or, where layers are lazy, a copy whose shapes are those for x [B, ...].

    Raises:
        InputError: the module fails on these samples.
    """
    tensors = [*module.parameters(), *module.buffers()]
    if not any(nn.parameter.is_lazy(tensor) for tensor in tensors):
        return module
    buffer: Any = nn.parameter.UninitializedBuffer
    empty = {
        id(tensor): buffer(device=tensor.device, dtype=tensor.data.dtype)
        for tensor in module.buffers()
        if isinstance(tensor, buffer)
    }
    ready = copy.deepcopy(module, empty).eval()
    try:
        with torch.no_grad():
            ready(x)
    except Exception as error:
        raise InputError(
            f"The model {type(module).__name__} fails on samples of shape {tuple(x.shape[1:])}: "
            f"{first_line(error)}"
        ) from error
    return ready.train()


def replace_layers(module: nn.Module) -> nn.Module:
    """A copy with batch normalisation and dropout replaced; InputError names what cannot be."""
    ready = copy.deepcopy(module)
    new: dict[nn.Module, nn.Module] = {}
    numbers = count()
    for name, part in ready.named_modules():
        other = _replacement(name, part, numbers)
        if other is not None:
            new[part] = other
    for part in list(ready.modules()):
        for name, child in part._modules.items():
            if child in new:
                part._modules[name] = new[child]
    return new.get(ready, ready)


def constants(module: nn.Module) -> dict[str, Tensor]:
    """What belongs to the model but is not trained: buffers and frozen parameters, by name."""
    frozen = {n: p.detach() for n, p in module.named_parameters() if not p.requires_grad}
    return {**frozen, **dict(module.named_buffers())}


def shares_tensors(module: nn.Module) -> bool:
    """Whether a parameter or buffer goes by several names."""
    named = (module.named_parameters, module.named_buffers)
    return any(len(list(each(remove_duplicate=False))) > len(list(each())) for each in named)


def written_by_call(module: nn.Module, call: Callable[[nn.Module], None]) -> str | None:
    """What calls change of a module, its layers being replaced: "buffer 'n'"; None: nothing."""
    ready = replace_layers(module)
    before = {what: tensor.clone() for what, tensor in _tensors(ready).items()}
    call(ready)
    numbers = _numbers(ready)
    call(ready)
    after = _tensors(ready)
    for what, tensor in before.items():
        if what not in after or not torch.equal(after[what], tensor):
            return what
    again = _numbers(ready)
    return next((what for what in again if again[what] != numbers.get(what)), None)


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    buffers = {f"buffer {name!r}": tensor for name, tensor in module.named_buffers()}
    return buffers | {f"parameter {name!r}": tensor for name, tensor in module.named_parameters()}


def _numbers(module: nn.Module) -> dict[str, float]:
    """Plain numbers that the parts of a module keep."""
    return {
        f"attribute {f'{name}.{attribute}'.lstrip('.')!r}": value
        for name, part in module.named_modules()
        for attribute, value in vars(part).items()
        if isinstance(value, int | float)
    }


def first_line(error: BaseException) -> str:
    """The beginning of an error's message, or its kind where it has none."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0].strip() if lines else type(error).__name__


def _replacement(name: str, part: nn.Module, numbers: Iterator[int]) -> nn.Module | None:
    if isinstance(part, BatchNorm):
        return MaskedBatchNorm(part, next(numbers))
    if isinstance(part, DROPOUT_LAYERS):
        return StreamedDropout(part.p, channels=not isinstance(part, nn.Dropout))  # type: ignore[arg-type]
    if isinstance(part, nn.modules.dropout._DropoutNd):
        raise InputError(_unsupported(name, part, "use nn.Dropout"))
    if isinstance(part, nn.RNNBase) and part.dropout:
        return StreamedRecurrent(part)
    if isinstance(part, nn.MultiheadAttention):
        if part.bias_k is None and not part.add_zero_attn:
            return StreamedAttention(part)
        if part.dropout:
            raise InputError(
                _unsupported(name, part, "set its dropout, add_bias_kv or add_zero_attn to 0")
            )
    if isinstance(part, nn.modules.instancenorm._InstanceNorm) and part.track_running_stats:
        raise InputError(_unsupported(name, part, "set its track_running_stats to False"))
    return None


def _unsupported(name: str, part: nn.Module, advice: str) -> str:
    return (
        f"The model's layer {name or 'itself'!r} is a {type(part).__name__} that draws or keeps "
        f"what clients trained side by side cannot share; {advice}."
    )
