"""What a run has spent: epsilon at delta, for a client all of whose data are replaced by others.

Replacing a client's data moves its clipped answer by up to 2 C, so noise sigma C is a Gaussian
mechanism of multiplier sigma / 2, which is exact in composition. Where a cohort of S < N is drawn
without replacement and stays hidden, as with `central`, Renyi accounts with amplification by
sampling hold as well; the smaller epsilon of the two is told.

Source  Balle and Wang, ICML 2018 (arXiv:1805.06530), the Gaussian mechanism; Wang et al., AISTATS
        2019, theorem 27 (arXiv:1808.00087), sampling without replacement; both by dp-accounting
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unalike.errors import InputError

from .settings import Privacy


@dataclass(frozen=True)
class Account:
    """The price of rounds in which S of N clients are asked."""

    privacy: Privacy
    clients: int  # N
    cohort: int  # S

    def epsilon(self, rounds: int) -> float:
        """After so many rounds; with `local` of those in which one client was asked."""
        sigma, delta = self.privacy.noise / 2, self.privacy.delta
        if rounds == 0:
            return 0.0
        if sigma == 0:
            return math.inf
        plain = gaussian_epsilon(rounds / sigma**2, delta)
        if self.privacy.kind == "local" or self.cohort >= self.clients:
            return plain
        import dp_accounting

        orders, spent = _one_round(sigma, self.clients, self.cohort)
        return min(
            plain, float(dp_accounting.rdp.compute_epsilon(orders, rounds * spent, delta)[0])
        )


class Ledger:
    """What a run has spent so far."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._times = np.zeros(account.clients, dtype=np.int64)
        self._rounds = 0
        self._sent = False

    def note(self, clients: NDArray[np.int64], *, sent: bool) -> None:
        """A round in which these clients were asked; whether anything was sent."""
        self._times[clients] += 1
        self._rounds += 1
        self._sent |= sent

    @property
    def epsilon(self) -> float:
        """Of the client that was asked most often with `local`, of every client with `central`.

        Zero while nothing has ever been sent, as with a method that sends nothing.
        """
        if not self._sent:
            return 0.0
        local = self.account.privacy.kind == "local"
        return self.account.epsilon(int(self._times.max()) if local else self._rounds)


def precision(privacy: Privacy) -> float:
    """One over the variance of the noise of an answer, by how far replacing a client moves it."""
    ratio = math.inf if privacy.noise == 0 else 2 / privacy.noise
    return ratio * ratio


def gaussian_epsilon(precisions: float, delta: float) -> float:
    """Of several answers with Gaussian noise together, whose precisions add up to this.

    They may be of different noise, and each may be asked for after seeing those before.
    """
    if precisions == 0:
        return 0.0
    if math.isinf(precisions):
        return math.inf
    import dp_accounting

    return float(dp_accounting.get_epsilon_gaussian(1 / math.sqrt(precisions), delta))


def require_accountant() -> None:
    """Complain where the accountant's library is missing."""
    if find_spec("dp_accounting") is None:
        raise InputError("Privacy needs dp-accounting to count: pip install 'unalike[privacy]'.")


@lru_cache(maxsize=8)
def _one_round(sigma: float, clients: int, cohort: int) -> tuple[Any, Any]:
    """Renyi orders, and what a round spends at each."""
    import dp_accounting

    accountant = dp_accounting.rdp.RdpAccountant(
        neighboring_relation=dp_accounting.NeighboringRelation.REPLACE_ONE
    )
    event = dp_accounting.GaussianDpEvent(sigma)
    accountant.compose(dp_accounting.SampledWithoutReplacementDpEvent(clients, cohort, event))
    return accountant.orders, accountant.rdp
