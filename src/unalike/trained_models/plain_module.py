"""From what a client predicts with to a plain module that gives the same numbers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from unalike.core import Method, Problem
from unalike.core.buffers import BufferPolicy, RecomputeStatistics
from unalike.functional.forward_pass import Statistics
from unalike.functional.normalisation import BatchNorm
from unalike.study.model_description import ModelDescription

from .prediction_function import PredictionFunction

MODULE, FUNCTION = "module", "function"
"""A plain module, or the study's own function, where no plain module gives its numbers."""
TRIAL_ROWS = 3


def trial_samples(description: ModelDescription) -> Tensor:
    """Samples of the right shape, always the same: [3, ...]."""
    dtype = getattr(torch, description.samples)
    shape = (TRIAL_ROWS, *description.shape)
    if not dtype.is_floating_point or description.number == "int64":
        return (
            (torch.arange(TRIAL_ROWS) % 2)
            .reshape(-1, *[1] * len(shape[1:]))
            .expand(shape)
            .to(dtype)
            .contiguous()
        )
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)


def prediction_module(
    method: Method, problem: Problem, personal: Any, description: ModelDescription
) -> tuple[nn.Module, str]:
    """The module in evaluation mode, and of which form it is.

    A plain module is taken where it gives what the study's function gives on samples of a trial; a
    module that behaves otherwise in evaluation mode, for one, does not.
    """
    x = trial_samples(description)
    function = PredictionFunction(method, problem, personal).eval()
    try:
        module = plain_module(method, problem, personal, x)
        with torch.no_grad():
            same = torch.allclose(module(x), function(x), rtol=1e-4, atol=1e-5, equal_nan=True)
    except Exception:
        return function, FUNCTION
    return (module, MODULE) if same else (function, FUNCTION)


def plain_module(method: Method, problem: Problem, personal: Any, x: Tensor) -> nn.Module:
    """The module of a method's prediction, with the statistics of its normalisation layers.

    x [n, ...]: samples that show in which order the layers are called.

    Raises:
        ValueError: a layer is called more than once, and normalises differently each time.
    """
    if not isinstance(method, BufferPolicy):
        return method.prediction_module(problem, personal).eval()
    module = method.method.prediction_module(problem, personal.model).eval()
    layers = [layer for layer in module.modules() if isinstance(layer, BatchNorm)]
    for layer in layers:
        track_statistics(layer)
    if isinstance(method, RecomputeStatistics):
        layers = _in_order_of_calls(module, layers, x)
    sizes = [layer.num_features for layer in layers]
    known = Statistics(*(part.detach().cpu() for part in personal.statistics))
    for layer, mean, variance in zip(
        layers, known.mean.split(sizes), known.variance.split(sizes), strict=True
    ):
        layer.running_mean, layer.running_var = mean.clone(), variance.clone()
    return module


def track_statistics(layer: BatchNorm) -> None:
    """Let a normalisation layer have running statistics, where it came without."""
    layer.track_running_stats = True
    if layer.running_mean is None:
        layer.running_mean = torch.zeros(layer.num_features)
        layer.running_var = torch.ones(layer.num_features)
        layer.num_batches_tracked = torch.tensor(0)


def _in_order_of_calls(module: nn.Module, layers: list[BatchNorm], x: Tensor) -> list[BatchNorm]:
    called: list[BatchNorm] = []

    def note(layer: Any, _: Any, __: Any) -> None:
        called.append(layer)

    handles = [layer.register_forward_hook(note) for layer in layers]
    try:
        with torch.no_grad():
            module(x)
    finally:
        for handle in handles:
            handle.remove()
    if len({id(layer) for layer in called}) != len(called):
        raise ValueError("A normalisation layer is called more than once.")
    return called
