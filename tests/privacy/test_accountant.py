"""Epsilon against closed forms."""

from __future__ import annotations

import math
from importlib.machinery import ModuleSpec

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from private_worlds import CENTRAL, LOCAL, private
from unalike.errors import InputError
from unalike.privacy import Account, Ledger, Privacy, accountant, require_accountant


def delta_of(epsilon: float, multiplier: float) -> float:
    """Of the Gaussian mechanism with noise of so many sensitivities: Balle and Wang, theorem 8."""
    a, b = 1 / (2 * multiplier), epsilon * multiplier
    return float(norm.cdf(a - b) - math.exp(epsilon + norm.logcdf(-a - b)))


def epsilon_of(multiplier: float, delta: float) -> float:
    """The inverse of it, by bisection."""
    return float(brentq(lambda e: delta_of(e, multiplier) - delta, 0, 500, xtol=1e-12))


@pytest.mark.parametrize("kind", ["central", "local"])
@pytest.mark.parametrize(("noise", "rounds"), [(1.1, 1), (4.0, 1), (4.0, 10), (20.0, 100)])
@pytest.mark.parametrize("delta", [1e-5, 1e-3])
def test_everybody_in_every_round(kind: str, noise: float, rounds: int, delta: float) -> None:
    """Replacing a client moves the sum by 2 C, so the multiplier is sigma / 2 over sqrt(T)."""
    account = Account(Privacy(kind=kind, clip=3.0, noise=noise, delta=delta), 8, 8)
    expected = epsilon_of(noise / 2 / math.sqrt(rounds), delta)
    assert account.epsilon(rounds) == pytest.approx(expected, rel=1e-6)


def test_the_published_example() -> None:
    """Dwork and Roth's classical bound, theorem A.1, is looser than what is told here."""
    epsilon, delta = 0.9, 1e-5
    multiplier = math.sqrt(2 * math.log(1.25 / delta)) / epsilon
    account = Account(private(CENTRAL, noise=2 * multiplier, delta=delta), 5, 5)
    assert 0.5 * epsilon < account.epsilon(1) < epsilon


def test_the_clip_alone_does_not_matter() -> None:
    a, b = (Account(private(CENTRAL, clip=clip), 50, 5) for clip in (0.1, 10.0))
    assert a.epsilon(7) == b.epsilon(7)


def test_a_hidden_cohort_costs_less_in_the_middle_only() -> None:
    """Amplification by sampling: with `central` alone, since the server knows whom it asked."""
    central, local = private(CENTRAL, noise=4.0), private(LOCAL, noise=4.0)
    everybody = Account(central, 1000, 1000).epsilon(20)
    assert Account(central, 1000, 10).epsilon(20) < 0.5 * everybody
    assert Account(local, 1000, 10).epsilon(20) == everybody
    for cohort in (1, 100, 500, 900, 999):
        assert Account(central, 1000, cohort).epsilon(20) <= everybody


def theorem_27(q: float, multiplier: float, order: int) -> float:
    """Renyi divergence of sampling without replacement, Wang et al., theorem 27, at order 2."""
    assert order == 2
    rho = 2 / (2 * multiplier**2)
    return math.log(1 + q**2 * min(4 * math.expm1(rho), 2 * math.exp(rho)))


def test_sampling_without_replacement_at_order_two() -> None:
    orders, spent = accountant._one_round(2.0, 200, 20)
    at = int(np.flatnonzero(np.asarray(orders) == 2)[0])
    assert spent[at] == pytest.approx(theorem_27(0.1, 2.0, 2), rel=1e-9)


@pytest.mark.parametrize("privacy", [CENTRAL, LOCAL], ids=lambda privacy: privacy.kind)
def test_it_grows_with_rounds_and_falls_with_noise(privacy: Privacy) -> None:
    account = Account(private(privacy, noise=2.0), 30, 10)
    grown = [account.epsilon(t) for t in (0, 1, 2, 10, 100)]
    assert grown == sorted(set(grown))
    assert grown[0] == 0
    falling = [Account(private(privacy, noise=n), 30, 10).epsilon(5) for n in (0.5, 1, 2, 8)]
    assert falling == sorted(falling, reverse=True)


def test_without_noise_it_is_infinite() -> None:
    assert Account(private(CENTRAL, noise=0.0), 5, 5).epsilon(1) == math.inf


def test_local_counts_the_client_that_was_asked_most() -> None:
    ledger, account = Ledger(Account(LOCAL, 4, 2)), Account(LOCAL, 4, 2)
    for clients in ([0, 1], [1, 2], [1, 3]):
        ledger.note(np.array(clients), sent=True)
    assert ledger.epsilon == account.epsilon(3)
    for clients in ([0, 2], [0, 3]):
        ledger.note(np.array(clients), sent=True)
    assert ledger.epsilon == account.epsilon(3)


def test_central_counts_every_round() -> None:
    ledger = Ledger(Account(CENTRAL, 4, 2))
    for clients in ([0, 1], [2, 3]):
        ledger.note(np.array(clients), sent=True)
    assert ledger.epsilon == Account(CENTRAL, 4, 2).epsilon(2)


def test_what_sends_nothing_spends_nothing() -> None:
    ledger = Ledger(Account(private(CENTRAL, noise=0.0), 4, 4))
    ledger.note(np.arange(4), sent=False)
    assert ledger.epsilon == 0
    ledger.note(np.arange(4), sent=True)
    ledger.note(np.arange(4), sent=False)
    assert ledger.epsilon == math.inf


def test_a_missing_library_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    require_accountant()

    def nowhere(name: str) -> ModuleSpec | None:
        return None

    monkeypatch.setattr(accountant, "find_spec", nowhere)
    with pytest.raises(InputError, match=r"pip install 'unalike\[privacy\]'"):
        require_accountant()
