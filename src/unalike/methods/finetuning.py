"""FedAvg + fine-tuning: the global model, tuned on each client's own data before use.

Source  McMahan et al., AISTATS 2017, Algorithm 1 (arXiv:1602.05629), then local epochs as in
        Yu et al., 2020 (arXiv:2002.04758); no algorithm box of its own
Wire    down w [P]; up delta [P]
Ours    early stopping on the client's validation samples: the best epoch is kept, the broadcast
        model included; a client without validation samples keeps the last epoch
Avoid   when clients hold so few samples that tuning learns them by heart, and none to validate on
        that would say when to stop
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

import torch
from annotated_types import Ge
from torch import Tensor

from unalike.core import (
    Batches,
    Cohort,
    Method,
    NoState,
    Problem,
    any_client,
    average,
    optimise,
    solvers,
)
from unalike.core.search_range import STEP_SIZES, SearchRange


class Best(NamedTuple):
    w: Tensor  # [P]
    loss: Tensor  # [] on the validation samples
    stale: Tensor  # [] epochs since it was found


@dataclass(frozen=True)
class FineTuning(Method):
    name: ClassVar[str] = "finetuning"
    needs_each: ClassVar[str | None] = None
    lr: Annotated[float, Ge(0), "eta, step of a client in training", STEP_SIZES] = 0.1
    solver: solvers.LocalSolver = "sgd"
    tune_lr: Annotated[float, Ge(0), "step of a client in fine-tuning", STEP_SIZES] = 0.1
    tune_epochs: Annotated[int, Ge(0), "most epochs of fine-tuning", SearchRange(1, 20)] = 5
    patience: Annotated[int, Ge(1), "epochs without a better validation loss before stopping"] = 2

    def client_update(
        self, problem: Problem, down: Tensor, client: NoState, batches: Batches
    ) -> tuple[NoState, Tensor]:
        w = optimise(solvers.parse(self.solver, self.lr), problem.grad, down, batches)
        return client, w - down

    def server_update(self, server: Tensor, ups: Tensor, cohort: Cohort) -> Tensor:
        return server + cohort.mean(ups)

    def personalise(
        self, problem: Problem, down: Tensor, client: NoState, batches: Batches
    ) -> Tensor:
        held_out = batches.validation
        solver = solvers.parse(self.solver, self.tune_lr)

        def validation_loss(w: Tensor) -> Tensor:
            return average(lambda batch: problem.loss(w, batch), held_out)

        w, loss = down, validation_loss(down)
        best = Best(w, loss, torch.zeros_like(loss))
        for epoch in range(self.tune_epochs):
            if not any_client((best.stale < self.patience) | (held_out.size == 0)):
                break
            once = batches.epochs(1).stream(f"epoch {epoch}")
            w = optimise(solver, problem.grad, w, once)
            loss = validation_loss(w)
            better = (best.stale < self.patience) & (loss < best.loss)
            best = Best(
                torch.where(better, w, best.w),
                torch.where(better, loss, best.loss),
                torch.where(better, 0.0, best.stale + 1),
            )
        return torch.where(held_out.size > 0, best.w, w)
