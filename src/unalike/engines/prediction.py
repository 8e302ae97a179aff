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
from unalike.measures.groups import Floats
from unalike.tasks import Losses, Sums, Task

from .chunks import Chunks
from .client_data import ClientData, padded

POOLED_BATCH = 1024
"""Samples in one batch of a pooled prediction."""


class Predictions(NamedTuple):
    """Outputs for consecutive groups of samples, one group a client."""

    output: Tensor  # [n, ...] what the task's measures need of them
    losses: Tensor | Losses  # [n] of each sample; or of groups, where a mean is not over samples
    truth: Tensor  # [n, ...]
    sizes: NDArray[np.int64]  # [groups]

    def counts(self, task: Task, *, addable: bool = False, together: bool = False) -> Sums:
        """What scores need to know of each group, or of all samples together as one group.

        addable: whether the sums may be added to those of other places.
        """
        output, truth = (values.detach().cpu().numpy() for values in (self.output, self.truth))
        losses: Floats | Losses
        if isinstance(self.losses, Tensor):
            losses = self.losses.detach().cpu().numpy().astype(np.float64)
        else:
            losses = self.losses
        if together:
            return task.pooled(output, truth, losses, self.sizes)
        return task.counts(output, truth, losses, self.sizes, addable=addable)


class _Losses(NamedTuple):
    """The losses of a group: of each of its samples, or, where they are coupled, of all."""

    numerator: Tensor  # [B] or [1]
    denominator: Tensor  # [B] or [1]


class Predictor:
    """Predicts with the models of a method, without gradients, on the samples of `data`."""

    def __init__(self, method: Method, problem: Problem, data: ClientData) -> None:
        self.method, self.problem, self.data = method, problem, data

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
        outputs: list[Tensor] = [self._no_output] * len(rows)
        losses = [_Losses(self._nothing, self._nothing)] * len(rows)

        def one(model: Any, ids: Tensor, size: Tensor) -> tuple[Tensor, _Losses]:
            real = torch.arange(len(ids), device=ids.device) < size
            output = self.method.predict(self.problem, model, x[ids])
            return self._reduced(output, y[ids]), self._losses(output, y[ids], real)

        with torch.no_grad():
            for at in chunks.split(ragged.sizes[rows]) if len(rows) else ():
                ids, sizes = padded(ragged, rows[at], data.device)
                models = map_tree(lambda leaf, at=at: leaf[torch.from_numpy(at)], personal)
                output, loss = chunks.apply(lambda _: one, len(at), (models, ids, sizes))
                real = torch.arange(ids.shape[1], device=data.device) < sizes[:, None]
                for position, i in enumerate(at):
                    outputs[i] = output[position][real[position]]
                    losses[i] = self._of_real(loss, position, real[position])
        ids = _joined([ragged.rows(row) for row in rows], data.device)
        return Predictions(
            torch.cat(outputs) if outputs else self._no_output,
            self._grouped(losses, ragged.sizes[rows]),
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
        outputs: list[Tensor] = []
        losses: list[_Losses] = []
        with torch.no_grad():
            for some in batches:
                output = self.method.predict(self.problem, model, x[some])
                outputs.append(self._reduced(output, y[some]))
                if not self._coupled:
                    losses.append(self._losses(output, y[some], torch.ones_like(some)))
            together = torch.cat(outputs) if outputs else self._no_output
            if self._coupled:
                losses.append(self._losses(together, y[ids], torch.ones_like(ids)))
        numerator, denominator = (
            torch.cat([self._nothing, *(one[i] for one in losses)]) for i in (0, 1)
        )
        sizes = np.asarray([len(ids)])
        return Predictions(
            together, self._grouped([_Losses(numerator, denominator)], sizes), y[ids], sizes
        )

    def _samples(self, part: str) -> tuple[Tensor, Tensor]:
        data = self.data
        return (data.x_test, data.y_test) if part == "test" else (data.x, data.y)

    @property
    def _coupled(self) -> bool:
        return self.problem.couples

    @property
    def _nothing(self) -> Tensor:
        return torch.empty(0, dtype=self.data.dtype, device=self.data.device)

    @property
    def _no_output(self) -> Tensor:
        """What measures need of no samples: [0, ...]."""
        task = self.data.federation.task
        return self._reduced(self._nothing.reshape(0, *task.outputs), self.data.y[:0])

    def _reduced(self, output: Tensor, y: Tensor) -> Tensor:
        """In the shape that the task says, whatever else of that size a model puts out."""
        task = self.data.federation.task
        reduced = task.reduced(output, y)
        return reduced[:, None] if reduced.dim() == 1 else reduced

    def _losses(self, output: Tensor, y: Tensor, real: Tensor) -> _Losses:
        """Of samples [B], those that are not real being padding."""
        loss = self.problem.criterion
        if loss.couples:
            ratio = loss.ratio(output, y, real.to(output.dtype))
            return _Losses(ratio.numerator[None], ratio.denominator[None])
        each, denominators = loss.each(output, y), loss.denominators(output, y)
        assert each is not None
        return _Losses(each, self._nothing if denominators is None else denominators)

    def _of_real(self, losses: _Losses, position: int, real: Tensor) -> _Losses:
        """Of one client of a chunk, without padding."""
        mine = _Losses(*(column[position] for column in losses))
        if self._coupled:
            return mine
        return _Losses(*(column[real] if len(column) else column for column in mine))

    def _grouped(self, losses: list[_Losses], sizes: NDArray[np.int64]) -> Tensor | Losses:
        """Those of all groups, in the form in which they are counted."""
        numerator, denominator = (
            torch.cat([self._nothing, *(one[i] for one in losses)]) for i in (0, 1)
        )
        if not len(denominator):
            return numerator
        columns = (
            part.detach().cpu().numpy().astype(np.float64) for part in (numerator, denominator)
        )
        if self._coupled:
            return Losses(*columns)
        each, below = columns
        return Losses.of_samples(each, sizes, below)


def _joined(lists: list[NDArray[np.int64]], device: torch.device) -> Tensor:
    """Lists of indices one after the other: [n] int64."""
    return torch.from_numpy(np.concatenate([np.zeros(0, np.int64), *lists])).to(device)
