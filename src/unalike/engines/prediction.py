"""What models answer on samples: each client's own model on its own, or one model on all."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unalike.core import Method, Problem
from unalike.data.ragged import Ragged
from unalike.functional.trees import map_tree

from .chunks import Chunks
from .client_data import ClientData, padded

POOLED_BATCH = 1024
"""Samples in one batch of a pooled prediction."""


class Predictions(NamedTuple):
    """Outputs for consecutive groups of samples, one group a client."""

    output: Tensor  # [n] classes, or [n, labels] bool
    losses: Tensor  # [n]
    truth: Tensor  # [n] or [n, labels]
    sizes: NDArray[np.int64]  # [groups]


class Predictor:
    """Predicts with the models of a method, without gradients, on the samples of `data`."""

    def __init__(self, method: Method, problem: Problem, data: ClientData) -> None:
        self.method, self.problem, self.data = method, problem, data
        self._no_losses = torch.empty(0, dtype=data.dtype, device=data.device)

    def predict(
        self,
        chunks: Chunks,
        personal: Any,
        rows: NDArray[np.int64],
        part: str,
        *,
        only: Ragged | None = None,
    ) -> Predictions:
        """Each client's own model (leaves [n, ...]) on its "test" or "validation" samples.

        only: other lists of indices, into x_test for "test" and else into x, one for each client.
        """
        data = self.data
        ragged = data.federation.test if part == "test" else data.federation.validation
        ragged = ragged if only is None else only
        x, y = self._samples(part)
        outputs: list[Tensor] = [y[:0]] * len(rows)
        losses: list[Tensor] = [self._no_losses] * len(rows)

        def one(model: Any, ids: Tensor) -> tuple[Tensor, Tensor]:
            return self._answers(model, x[ids], y[ids])

        with torch.no_grad():
            for at in chunks.split(ragged.sizes[rows]) if len(rows) else ():
                ids, sizes = padded(ragged, rows[at], data.device)
                models = map_tree(lambda leaf, at=at: leaf[torch.from_numpy(at)], personal)
                output, loss = chunks.apply(lambda _: one, len(at), (models, ids))
                real = torch.arange(ids.shape[1], device=data.device) < sizes[:, None]
                for position, i in enumerate(at):
                    outputs[i] = output[position][real[position]]
                    losses[i] = loss[position][real[position]]
        ids = _joined([ragged.rows(row) for row in rows], data.device)
        return Predictions(
            torch.cat(outputs) if outputs else y[:0],
            torch.cat(losses) if losses else self._no_losses,
            y[ids],
            ragged.sizes[rows],
        )

    def predict_pooled(self, model: Any, rows: NDArray[np.int64], part: str) -> Predictions:
        """One model on the pooled test samples, or on these clients' validation samples."""
        federation, device = self.data.federation, self.data.device
        x, y = self._samples(part)
        if part == "test":
            ids = _joined([federation.pooled_test], device)
        else:
            ids = _joined([federation.validation.rows(int(row)) for row in rows], device)
        batches = ids.split(POOLED_BATCH) if len(ids) else ()
        with torch.no_grad():
            answers = [self._answers(model, x[some], y[some]) for some in batches]
        outputs, losses = zip(*answers, strict=True) if answers else ((), ())
        return Predictions(
            torch.cat(outputs) if outputs else y[ids],
            torch.cat(losses) if losses else self._no_losses,
            y[ids],
            np.asarray([len(ids)]),
        )

    def _samples(self, part: str) -> tuple[Tensor, Tensor]:
        data = self.data
        return (data.x_test, data.y_test) if part == "test" else (data.x, data.y)

    def _answers(self, model: Any, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Classes [B] (or labels [B, labels]) and losses [B]."""
        logits = self.method.predict(self.problem, model, x)
        labels = self.data.federation.task == "labels"
        output = logits > 0 if labels else logits.argmax(-1)
        return output, self.problem.sample_losses(logits, y)


def _joined(lists: list[NDArray[np.int64]], device: torch.device) -> Tensor:
    """Lists of indices one after the other: [n] int64."""
    return torch.from_numpy(np.concatenate([np.zeros(0, np.int64), *lists])).to(device)
