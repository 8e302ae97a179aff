"""A classifier that sees each input together with its reconstruction by an autoencoder.

The model is any module with the parts `encoder`, `decoder` and `classifier` whose output is
classifier(fuse(x, decoder(encoder(x)))); `fuse` is a method of the module, or else the sum.
What the encoder returns is handed to the decoder as it is, skip connections included.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor, nn

from unalike.errors import InputError

from . import parts
from .batches import Batch
from .parts import Parts
from .problem import Problem

STAGES = ("encoder", "decoder", "classifier")


@dataclass(frozen=True, eq=False)
class FusedStages:
    """The stages of a fused model as problems of their own, over slices of w [P]."""

    whole: Problem
    parts: Parts  # encoder, decoder, classifier
    autoencoder: Problem  # over [encoder | decoder]: mean squared error per value
    stages: Parts  # encoder, decoder of the autoencoder
    classifier: Problem  # the whole problem's loss, for inputs that are already fused
    fuse: Callable[[Tensor, Tensor], Tensor]

    def reconstruct(self, autoencoder: Tensor, x: Tensor) -> Tensor:
        """x~ [B, ...] for x [B, ...]."""
        return self.autoencoder.logits(autoencoder, x)

    def reconstruction_grad(self, autoencoder: Tensor, batch: Batch) -> Tensor:
        """Gradient of the mean of (x~ - x)^2, by encoder and decoder; needs no labels."""
        return self.autoencoder.grad(autoencoder, batch._replace(y=batch.x))

    def encoder_grad(self, encoder: Tensor, decoder: Tensor, batch: Batch) -> Tensor:
        """The same by the encoder alone, the decoder frozen."""
        inputs = batch._replace(y=batch.x)
        return self.stages.grad(self.autoencoder, 0, (encoder, decoder), inputs)

    def fuse_batch(self, autoencoder: Tensor, batch: Batch) -> Batch:
        """The batch as the classifier sees it; no gradient flows back to the autoencoder."""
        return batch._replace(x=self.fuse(batch.x, self.reconstruct(autoencoder, batch.x)))

    def plain(self, batch: Batch) -> Batch:
        """The batch as the classifier would see it if the reconstruction were zero."""
        return batch._replace(x=self.fuse(batch.x, torch.zeros_like(batch.x)))


@lru_cache(maxsize=8)
def fused_stages(problem: Problem) -> FusedStages:
    """The stages of this problem's module; InputError where it does not have them."""
    module: nn.Module | None = getattr(problem, "module", None)
    missing = [stage for stage in STAGES if not isinstance(getattr(module, stage, None), nn.Module)]
    if module is None or missing:
        raise InputError(
            f"FusedSpaceFed needs a model with the parts {', '.join(STAGES)}, but this one has no "
            f"{' and no '.join(missing)}; use the model 'fused', or a module with those three."
        )
    encoder, decoder, classifier = (getattr(module, stage) for stage in STAGES)
    whole = module.named_parameters(remove_duplicate=False)
    if sum(parameter.numel() for _, parameter in whole) != sum(problem.layout.sizes):
        raise InputError("Encoder, decoder and classifier of a fused model must share no weights.")
    stages = nn.Sequential(encoder, decoder)
    fit = replace(problem.fit, one_logit=None, by_sample=False)
    autoencoder = Problem(stages, _squared_error).fitted(fit)
    if autoencoder.batch_norm_layers or autoencoder.has_dropout:
        raise InputError(
            "FusedSpaceFed's encoder and decoder must be functions of one sample: use GroupNorm in "
            "place of batch normalisation, and no dropout."
        )
    device = problem.init().device
    return FusedStages(
        problem,
        parts.split_by_module(problem.layout, STAGES),
        autoencoder.to(device),
        parts.split_by_module(autoencoder.layout, ("0", "1")),
        Problem(classifier, problem.criterion, output=problem.output_name)
        .fitted(replace(problem.fit, by_sample=False))
        .to(device),
        getattr(module, "fuse", torch.add),
    )


def _squared_error(output: Tensor, x: Tensor) -> Tensor:
    """Mean over the values of each sample: [B]."""
    if output.shape != x.shape:
        raise InputError(
            f"The decoder returns shape {tuple(output.shape[1:])} for inputs of shape "
            f"{tuple(x.shape[1:])}; a reconstruction must have the shape of its input."
        )
    return (output - x).square().flatten(1).mean(1)
