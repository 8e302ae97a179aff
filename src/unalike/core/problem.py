"""What the clients learn: any differentiable loss as a function of one flat vector.

A model's parameters are one vector w [P]; `Layout` names its segments.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad

from unalike.errors import InputError, unknown
from unalike.functional.dropout import StreamedDropoutCalls
from unalike.functional.forward_pass import BatchMoments, ForwardPass, Statistics, set_forward_pass
from unalike.functional.gradient_count import record_gradient
from unalike.functional.module import (
    ModulePerThread,
    batch_norm_layers,
    constants,
    copy_module,
    has_dropout,
    replace_layers,
    shares_tensors,
    trainable_parameters,
)
from unalike.functional.normalisation import BatchNormLayer
from unalike.functional.outputs import OutputName, chosen_output, with_sample_dimension
from unalike.functional.plain_derivatives import plain_gradient
from unalike.functional.running_statistics import current_statistics
from unalike.functional.torch_random import own_random_state
from unalike.functional.traced_function import Curvature, Gradient, TracedFunction

from .batches import Batch
from .gradient_steps import GradientSteps, SteppedGradient
from .layout import Layout as Layout
from .loss import Loss, PerSample
from .module_fit import ModuleFit, lacks_memory, reason
from .prediction_modules import FittedModule
from .torch_losses import TorchLoss, by_sample, one_logit_loss, read_loss

BUFFERS = {
    "recompute": "predictions use the statistics of the client's own training samples",
    "share": "running statistics are sent and averaged with the model",
    "local": "running statistics stay with each client",
}
"""The policies for the running statistics of batch normalisation: see `buffers.py`."""


TRACED = ("_mean_loss", "_gradient", "steps", "_curvature")

SHARED_BACKWARD_SIZE = 16_384
"""Weights up to which stacked clients share a backward pass: their gradients fit the cache."""


class Problem:
    """A loss to be minimised over w [P]: a module with a loss, or any function.

    module: any `torch.nn.Module`; it is copied, never changed.
    loss: "cross_entropy", "squared_error", "binary_cross_entropy", a torch loss, or any
        function (output [B, ...], y [B, ...]) -> losses [B].
    output: which of several things that the module returns is its output, by key, attribute or
        place; `logits`, or else the first one, if not given.
    buffers: what batch normalisation uses in prediction, a key of `BUFFERS`. Other buffers and
        frozen parameters are constants.

    Attributes:
        layout: the parameters' names and shapes, in the order in which w [P] holds them.
        constants: frozen parameters and buffers by name; they are never trained and never sent.
        criterion: the loss as a function of output and y.
    """

    batch_norm_layers: tuple[BatchNormLayer, ...] = ()
    """The module's layers that normalise batches."""
    has_dropout: bool = False
    """Whether training draws random numbers (dropout)."""

    capacity: int = 1
    """The most training samples that any client holds; an engine says so."""
    compiled: bool = False
    """Whether gradients are compiled; see `compile`."""
    fit = ModuleFit()
    """How the module is called; see `model_check.prepare`."""
    output_name: OutputName = None
    """Which of several things that the module returns is its output."""

    def __init__(
        self,
        module: nn.Module,
        loss: str | Loss | PerSample | nn.Module = "cross_entropy",
        *,
        output: OutputName = None,
        buffers: str = "recompute",
    ) -> None:
        if buffers not in BUFFERS:
            raise unknown("policy for buffers", buffers, BUFFERS)
        self.module = copy_module(module)
        named = trainable_parameters(self.module)
        self.layout = Layout(tuple(named), tuple(p.shape for p in named.values()))
        self._start = torch.cat([p.detach().reshape(-1) for p in named.values()])
        self.buffers = buffers
        self.batch_norm_layers = batch_norm_layers(self.module)
        self.has_dropout = has_dropout(self.module)
        ready = replace_layers(self.module)
        self.constants = constants(ready)
        self._shares = shares_tensors(ready)
        self._modules = ModulePerThread(ready)
        self.criterion: Loss = read_loss(loss)
        self.output_name = output
        self._fitted: dict[ModuleFit, Problem] = {}
        for layer in self.batch_norm_layers:
            if layer.momentum is None and buffers != "recompute":
                raise InputError(
                    f"The model's layer {layer.name!r} has no momentum, which buffers={buffers!r} "
                    "needs; give it one, or use buffers='recompute'."
                )

    @staticmethod
    def from_function(
        loss: Callable[[Tensor, Tensor, Tensor], Tensor],
        w0: Tensor,
        *,
        logits: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> Problem:
        """Any differentiable `loss(w [P], x [B, ...], y [B, ...]) -> [B]`, started at w0 [P]."""
        return _FunctionProblem(loss, w0, logits)

    def init(self, seed: int | None = None) -> Tensor:
        """Initial weights [P]: the module's own, or drawn anew by its layers from `seed`."""
        if seed is None:
            return self._start.clone()
        module = copy.deepcopy(self.module)
        with own_random_state(seed):
            for part in module.modules():
                reset = getattr(part, "reset_parameters", None)
                if callable(reset):
                    reset()
        return torch.cat(
            [p.detach().reshape(-1) for p in trainable_parameters(module).values()]
        ).to(self._start)

    @property
    def start_statistics(self) -> Statistics:
        """What the batch normalisation layers came with, side by side: [channels] each."""
        parts = zip(*(layer.start for layer in self.batch_norm_layers), strict=True)
        return Statistics(*(torch.cat(part).to(self._start) for part in parts))

    def describe(self) -> str:
        """One line about the model: its size, and what becomes of its buffers."""
        line = f"{len(self._start):,} parameters"
        if self.batch_norm_layers:
            count = len(self.batch_norm_layers)
            line += (
                f"; {count} batch normalisation layer{'s' if count > 1 else ''}, "
                f"buffers = {self.buffers}: {BUFFERS[self.buffers]}"
            )
        return line

    def logits(self, w: Tensor, x: Tensor) -> Tensor:
        """The module's output [B, ...] at w [P] for x [B, ...].

        Raises:
            InputError: the problem is a bare loss, without `logits`.
        """
        return self._called(self.layout.views(w), x)

    def _called(self, segments: dict[str, Tensor], x: Tensor) -> Tensor:
        returned = self.returned(segments, x)
        output = chosen_output(returned, self.output_name)
        if self.fit.squeezes:
            output = with_sample_dimension(output, len(x))
        if self.fit.one_logit is None:
            return output
        yes = output.reshape(len(output))
        return torch.stack([torch.zeros_like(yes), yes], 1)

    def returned(self, segments: dict[str, Tensor], x: Tensor) -> Any:
        """All that the module returns for x [B, ...], from the segments of w by name."""
        if self.fit.dtype is not None:
            x = x.to(self.fit.dtype)
        module, tensors = self._modules.module, {**segments, **self.constants}
        if not self.fit.functional_dropout:
            return functional_call(module, tensors, (x,), tie_weights=self._shares)
        with StreamedDropoutCalls():
            return functional_call(module, tensors, (x,), tie_weights=self._shares)

    def module_at(self, w: Tensor) -> nn.Module:
        """A plain module that gives `logits` at w [P], in evaluation mode and on the CPU.

        It is a copy of the module that the problem was made of. Its normalisation layers still have
        the statistics that they came with.

        Raises:
            InputError: the problem is a bare function.
        """
        module = copy.deepcopy(self.module).cpu().eval()
        parameters = trainable_parameters(module)
        for name, value in self.layout.views(w.detach().cpu()).items():
            parameters[name].data.copy_(value)
        fit = self.fit
        called_as_it_is = (fit.dtype, fit.one_logit, fit.squeezes) == (None, None, False)
        if called_as_it_is and self.output_name is None and fit.usual_output is None:
            return module
        return FittedModule(module, fit, self.output_name).eval()

    def output(self, w: Tensor, batch: Batch) -> Tensor:
        """The module's output [B, ...] in training: padding is no sample, units are dropped."""
        return self._output(self.layout.views(w), batch)

    def _output(self, segments: dict[str, Tensor], batch: Batch) -> Tensor:
        if not (self.batch_norm_layers or self.has_dropout):
            return self._called(segments, batch.x)
        with set_forward_pass(_training(batch)):
            return self._called(segments, batch.x)

    @contextmanager
    def hooked(self, hook: Callable[[nn.Module, Any, Any], None]) -> Iterator[None]:
        """Inside the block `hook(part, inputs, output)` is called for every part of the module."""
        handles = [part.register_forward_hook(hook) for part in self._modules.module.modules()]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    @property
    def sample_losses(self) -> PerSample:
        """(output, y) -> the loss of each sample [B], before it is divided by anything."""
        self.require_sample_losses("This")
        return self._each

    def _each(self, output: Tensor, y: Tensor) -> Tensor:
        losses = self.criterion.each(output, y)
        if losses is None:
            raise InputError(
                f"The loss {type(self.criterion).__name__} gives no loss for each sample: give it "
                "`each`, or say couples = True where a batch has one number."
            )
        return losses

    def losses(self, w: Tensor, batch: Batch) -> Tensor:
        """The loss of each sample [B]; that of padding has no meaning."""
        return self.losses_at(self.layout.views(w), batch)

    def losses_at(self, segments: dict[str, Tensor], batch: Batch) -> Tensor:
        """`losses`, from the segments of w by name."""
        return self._each(self._output(segments, batch), batch.y)

    def loss_at(self, segments: dict[str, Tensor], batch: Batch) -> Tensor:
        """`loss`, from the segments of w by name."""
        return self._reduced(self._output(segments, batch), batch)

    def require_sample_losses(self, user: str) -> None:
        """Raise InputError, naming `user`, where the loss of a batch is no sum over samples."""
        if self.couples:
            raise InputError(
                f"{user} needs a loss for each sample, but the loss here is one number for all "
                "samples of a batch: choose another method."
            )

    def require_classes(self, user: str) -> None:
        """Raise InputError, naming `user`, where samples are not of classes with an output each."""
        if not self.criterion.of_classes:
            raise InputError(
                f"{user} needs samples of classes, with an output for each class; this task asks "
                "for something else: choose another method."
            )

    @property
    def couples(self) -> bool:
        """Whether the loss of a batch is no sum over its samples."""
        return self.criterion.couples

    def mixture(self, outputs: Tensor, shares: Tensor) -> Tensor:
        """The output [B, ...] of a mixture of models: outputs [M, B, ...], shares [M]."""
        return self.criterion.mixture(outputs, shares)

    def _reduced(self, output: Tensor, batch: Batch) -> Tensor:
        return self.criterion.mean(output, batch.y, batch.weight, batch.size)

    def loss(self, w: Tensor, batch: Batch) -> Tensor:
        """Loss [] of the batch, each sample scaled by its weight: the mean, unless the loss is a
        torch loss that divides otherwise. A traced function."""
        return self._mean_loss(w, *batch)

    def grad(self, w: Tensor, batch: Batch) -> Tensor:
        """Gradient [P] of the mean loss: a traced function of w and the batch alone.

        It is the caller's own, to be written over if that saves a pass over memory.
        """
        record_gradient()
        running = current_statistics() if self.batch_norm_layers else None
        if running is None:
            return self._gradient(w, *batch)
        layers: list[int] = []

        def loss(w: Tensor) -> tuple[Tensor, tuple[BatchMoments, ...]]:
            with set_forward_pass(_training(batch)) as forward:
                total = self._reduced(self.logits(w, batch.x), batch)
            layers.extend(call.layer for call in forward.calls)
            return total, tuple(call.moments for call in forward.calls)

        if self.fit.alone is None:
            gradient, met = grad(loss, has_aux=True)(w)
        else:
            gradient, met = plain_gradient(loss, w)
        running.update(layers, met)
        return gradient

    def descend(
        self,
        w: Tensor,
        batch: Batch,
        scale: float,
        *,
        at: Tensor | None = None,
        over: bool = False,
    ) -> Tensor:
        """w [P] + scale times the gradient of the mean loss: a step of plain descent.

        at: where the gradient is taken [P], in memory of its own; w if not given.
        over: whether w is the caller's own, to be written over if that saves a pass over memory.
        """
        return WholeGradient(self).descend(w, batch, scale, at=at, over=over)

    def hvp(self, w: Tensor, batch: Batch, v: Tensor) -> Tensor:
        """The Hessian of the mean loss at w, times v [P].

        Reverse over reverse: forward mode keeps its level in a global, so it is not for threads.

        Raises:
            InputError: the module has no second derivatives.
        """
        record_gradient(2)
        try:
            return self._curvature(w, v, *batch)
        except (RuntimeError, TypeError) as error:
            if lacks_memory(error):
                raise
            raise InputError(
                f"The model {type(self.module).__name__} has no second derivatives here "
                f"({reason(error)}), which this method needs; leave the method out."
            ) from error

    @cached_property
    def _mean_loss(self) -> TracedFunction:
        def mean(w: Tensor, *parts: Tensor) -> Tensor:
            return self.loss_at(self.layout.views(w), Batch(*parts))

        return self.traced_function(mean)

    def traced_function(self, fn: Any, *, over: bool = False) -> TracedFunction:
        """A function of tensors that calls this problem, to be traced where that is sound.

        over: whether it may write over its first argument.
        """
        return TracedFunction(
            fn,
            [*self.constants.values(), *self.criterion.constants],
            compiled=self.compiled,
            traceable=self.fit.alone is None,
            over=over,
        )

    @cached_property
    def _gradient(self) -> TracedFunction:
        return self.traced_function(
            Gradient(
                lambda w, *batch: self.loss(w, Batch(*batch)),
                together=sum(self.layout.sizes) <= SHARED_BACKWARD_SIZE,
            )
        )

    @cached_property
    def steps(self) -> GradientSteps:
        """Steps along the gradient of the mean loss."""
        return GradientSteps(
            self.traced_function,
            lambda w, *batch: self.loss(w, Batch(*batch)),
            together=sum(self.layout.sizes) <= SHARED_BACKWARD_SIZE,
        )

    @cached_property
    def _curvature(self) -> TracedFunction:
        product = Curvature(lambda w, *batch: self.loss(w, Batch(*batch)))
        return self.traced_function(product if self.fit.alone is None else product.__call__)

    def to(self, device: torch.device | str) -> Problem:
        """The same problem on a device; where it is there already, both share their traces."""
        if self._start.device == torch.device(device):
            for name in TRACED:
                getattr(self, name)  # made before the copy
            return copy.copy(self)
        moved = copy.copy(self)
        moved._start = self._start.to(device)
        moved.constants = {name: tensor.to(device) for name, tensor in self.constants.items()}
        moved.criterion = self.criterion.to(device)
        moved._clear_traced()
        return moved

    def with_loss(self, loss: Loss | PerSample) -> Problem:
        """The same module under another loss: (output [B, ...], y [B, ...]) -> [B]."""
        other = copy.copy(self)
        other.criterion = read_loss(loss)
        other._clear_traced()
        return other

    def fitted(self, fit: ModuleFit) -> Problem:
        """The same problem, its module called as a trial has shown; one object for each fit."""
        if fit == self.fit:
            return self
        if fit not in self._fitted:
            other = copy.copy(self)
            other.fit, other._fitted = fit, {}
            other.has_dropout = self.has_dropout or fit.functional_dropout
            if fit.by_sample and isinstance(self.criterion, TorchLoss):
                other.criterion = by_sample(self.criterion.each)
            if fit.one_logit is not None:
                other.criterion = one_logit_loss(other.criterion, fit.one_logit)
            other._clear_traced()
            self._fitted[fit] = other
        return self._fitted[fit]

    def compile(self, wanted: bool) -> None:
        """Compile gradients from now on, or take them as they are; an engine says so."""
        if wanted != self.compiled:
            self.compiled = wanted
            self._clear_traced()

    def _clear_traced(self) -> None:
        for name in TRACED:
            self.__dict__.pop(name, None)

    def __copy__(self) -> Problem:
        """With the same traces."""
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def __getstate__(self) -> dict[str, Any]:
        """Without traces, which belong to a process."""
        return {n: v for n, v in self.__dict__.items() if n not in TRACED} | {"_fitted": {}}


def _training(batch: Batch) -> ForwardPass:
    return ForwardPass(batch.weight, batch.key if batch.key.dim() == 0 else None)


def _no_output(output: Tensor, y: Tensor) -> Tensor:
    raise InputError("This problem is a bare loss, which is no function of an output.")


@dataclass(frozen=True)
class WholeGradient(SteppedGradient):
    """The gradient of a problem's mean loss by all of w.

    Where a class of somebody's own has another `grad`, that is followed, and nothing is recorded.
    """

    problem: Problem

    def __call__(self, w: Tensor, batch: Batch) -> Tensor:
        return self.problem.grad(w, batch)

    @property
    def steps(self) -> GradientSteps | None:
        problem = self.problem
        moments = bool(problem.batch_norm_layers) and current_statistics() is not None
        own = type(problem).grad is not Problem.grad
        return None if own or moments or problem.fit.alone is not None else problem.steps


class _FunctionProblem(Problem):
    def __init__(
        self,
        loss: Callable[[Tensor, Tensor, Tensor], Tensor],
        w0: Tensor,
        logits: Callable[[Tensor, Tensor], Tensor] | None,
    ) -> None:
        self.layout = Layout(("w",), (w0.shape,))
        self._start = w0.detach().clone()
        self.constants = {}
        self.criterion = TorchLoss(_no_output)
        self._fitted = {}
        self._loss_at = loss
        self._logits_at = logits

    def init(self, seed: int | None = None) -> Tensor:
        return self._start.clone()

    def losses_at(self, segments: dict[str, Tensor], batch: Batch) -> Tensor:
        pieces = [segment.reshape(-1) for segment in segments.values()]
        w = pieces[0] if len(pieces) == 1 else torch.cat(pieces)
        with set_forward_pass(_training(batch)):
            return self._loss_at(w, batch.x, batch.y)

    def loss_at(self, segments: dict[str, Tensor], batch: Batch) -> Tensor:
        return (self.losses_at(segments, batch) * batch.weight).sum() / batch.size

    def module_at(self, w: Tensor) -> nn.Module:
        raise InputError("This problem is a function of w and x, and no module.")

    def logits(self, w: Tensor, x: Tensor) -> Tensor:
        if self._logits_at is None:
            raise InputError("This problem is a bare loss: give `logits` to predict with it.")
        return self._logits_at(w, x)
