"""Cox's partial likelihood of a batch, with Efron's correction for events at the same time.

For each distinct time with d events, their set D, and R = everybody who is still there,

    loss = - sum over D of r_i + sum over k = 0..d-1 of log( sum_R exp(r) - (k/d) sum_D exp(r) )

summed over times, divided by the number of events; r is a model's output, the log of the risk.
With weights, exp(r_i) and r_i are multiplied by theirs and the logarithms of a time by the mean
weight of its events. A batch without events has the loss 0.

Memory grows with the square of the batch. Risks may differ by any factor: the sums are taken as
logarithms.

Source  Efron, JASA 72 (1977); weights as in R's survival and in lifelines; the mean over events as
        in DeepSurv: Katzman et al., BMC Medical Research Methodology 18 (2018)
"""

from __future__ import annotations

import torch
from torch import Tensor

from unalike.core.loss import Loss, Ratio, only


class CoxLoss(Loss):
    """y [B, 2]: time, and 1 where the event was seen; output [B] or [B, 1]."""

    couples = True

    def ratio(self, output: Tensor, y: Tensor, weight: Tensor) -> Ratio:
        real = weight != 0
        risk = only(real, output.reshape(len(y)))
        time, event = only(real, y[:, 0]), (only(real, y[:, 1]) > 0.5) & real
        same_time = time[:, None] == time
        tied = same_time & event[:, None] & event  # row i: the events at i's time
        number = tied.sum(1).clamp(min=1).to(risk.dtype)
        before = torch.tril(tied.to(risk.dtype), diagonal=-1).sum(1)  # k of event i
        left_over = 1 - tied * (before / number)[:, None]
        still_there = real & (time >= time[:, None])
        itself = torch.eye(len(y), dtype=torch.bool, device=y.device)
        log_weight = torch.where(real, weight, 1).log()
        terms = torch.where(still_there | itself, risk + log_weight + left_over.log(), -torch.inf)
        mean_weight = (tied * weight).sum(1) / number
        losses = mean_weight * torch.logsumexp(terms, 1) - weight * risk
        return Ratio(torch.where(event, losses, 0).sum(), event.sum().to(risk.dtype))
