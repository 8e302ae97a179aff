"""Attention that can be stacked and differentiated twice, its dropout from the run's streams."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from unalike.errors import InputError

from .dropout import drop


class StreamedAttention(nn.MultiheadAttention):
    """Takes the place of an `nn.MultiheadAttention`, whose parameters it keeps.

    PyTorch's own runs kernels that neither `vmap` nor a second derivative knows.
    """

    def __init__(self, layer: nn.MultiheadAttention) -> None:
        nn.Module.__init__(self)
        self.__dict__.update(layer.__dict__)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """As the layer it stands for: outputs [B, T, E], and the weights where they are asked."""
        if query.dim() == 2:
            raise InputError(
                "nn.MultiheadAttention needs a batch of sequences, a tensor of three dimensions."
            )
        inputs = [query, key, value]
        if not self.batch_first:
            inputs = [part.transpose(0, 1) for part in inputs]
        q, k, v = (
            functional.linear(part, weight, bias)
            .unflatten(-1, (self.num_heads, -1))
            .transpose(1, 2)
            for part, weight, bias in zip(inputs, self._weights(), self._biases(), strict=True)
        )
        scores = q @ k.mT / math.sqrt(q.shape[-1])  # [B, heads, T, S]
        if attn_mask is not None:
            mask = _additive(attn_mask, scores)
            scores = scores + (mask if mask.dim() == 2 else mask.reshape(scores.shape))
        if key_padding_mask is not None:
            scores = scores + _additive(key_padding_mask, scores)[:, None, None]
        weights = drop(torch.softmax(scores, -1), self.dropout)
        output = self.out_proj((weights @ v).transpose(1, 2).flatten(2))
        if not self.batch_first:
            output = output.transpose(0, 1)
        if not need_weights:
            return output, None
        return output, weights.mean(1) if average_attn_weights else weights

    def _weights(self) -> tuple[Tensor, ...]:
        if self._qkv_same_embed_dim:
            return self.in_proj_weight.chunk(3)
        return self.q_proj_weight, self.k_proj_weight, self.v_proj_weight

    def _biases(self) -> tuple[Tensor | None, ...]:
        return (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)


def _additive(mask: Tensor, like: Tensor) -> Tensor:
    """A mask whose true entries are left out, as numbers that are added."""
    if mask.dtype != torch.bool:
        return mask.to(like.dtype)
    return torch.zeros(mask.shape, dtype=like.dtype, device=like.device).masked_fill(
        mask, -math.inf
    )
