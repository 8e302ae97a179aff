"""What a site has told is counted by the site, against a server that says other things."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from network_grid import InProcessGrid, node
from unalike import InputError
from unalike.network.server.server_settings import ServerSettings
from unalike.network.server.study import prepare, run_study
from unalike.network.site.own_samples import read_own_samples
from unalike.network.site.policy import Policy
from unalike.network.site.privacy_account import PrivacyAccount, Told
from unalike.network.site.session import Session
from unalike.network.site.site_settings import SiteSettings
from unalike.privacy import Privacy
from unalike.privacy.accountant import Account, gaussian_epsilon, precision
from unalike.study.settings import make_study

QUICK = ServerSettings(least=1, deadline=30.0, patience=1.0, grace=0.2, poll=0.01, baselines=False)
NOISY = Privacy(kind="local", clip=1.0, noise=20.0)
THREE = Account(NOISY, 1, 1).epsilon(3)


@pytest.mark.parametrize("rounds", [1, 3, 40])
def test_equal_answers_cost_what_a_run_of_so_many_rounds_costs(rounds: int) -> None:
    told = Told()
    for _ in range(rounds):
        told = told.after(NOISY)
    assert told.noisy == rounds
    expected = Account(NOISY, 1, 1).epsilon(rounds)
    assert gaussian_epsilon(told.total, 1e-5) == pytest.approx(expected)


def test_answers_of_different_noise_add_up() -> None:
    """One with half the standard deviation counts like four."""
    half = NOISY.model_copy(update={"noise": 10.0})
    four = Told().after(NOISY).after(NOISY).after(NOISY).after(NOISY)
    assert Told().after(half).total == pytest.approx(four.total)
    assert Told().total == 0
    assert math.isinf(four.after(None).total)
    assert math.isinf(four.after(NOISY.model_copy(update={"kind": "central"})).total)
    assert math.isinf(precision(NOISY.model_copy(update={"noise": 1e-200})))


def test_the_site_s_own_delta_counts(tmp_path: Path) -> None:
    account = PrivacyAccount(tmp_path, Policy(max_epsilon=THREE, delta=1e-5))
    lied = NOISY.model_copy(update={"delta": 0.9})
    for _ in range(3):
        account.charge(lied)
    with pytest.raises(InputError, match="answer number 4 from its state folder would make it"):
        account.charge(lied)
    assert account.read().noisy == 3


def test_what_was_told_without_noise_cannot_be_made_up_for(tmp_path: Path) -> None:
    PrivacyAccount(tmp_path, None).charge(None)
    with pytest.raises(InputError, match="would make it inf"):
        PrivacyAccount(tmp_path, Policy(max_epsilon=100.0)).charge(NOISY)


def test_a_damaged_count_is_not_begun_anew(tmp_path: Path) -> None:
    account = PrivacyAccount(tmp_path, None)
    account.charge(NOISY)
    (tmp_path / "told.json").write_text("{")
    with pytest.raises(InputError, match=r"told\.json says what this site has told so far"):
        account.charge(NOISY)


class Server:
    """Says what it likes to one site, whose state folder stays."""

    def __init__(self, folder: Path, policy: Policy) -> None:
        y = np.arange(30) % 3
        np.savez(folder / "a.npz", x=np.eye(3)[y].astype(np.float32), y=y)
        samples = read_own_samples(folder / "a.npz")
        self._folder = folder
        self._settings = SiteSettings("cautious", folder / "state", samples, policy=policy)
        self.account = PrivacyAccount(folder / "state", policy)

    def conduct(self, name: str, **more: Any) -> tuple[Session, list[str]]:
        """A study, with the site started anew; what the server said aloud."""
        remarks: list[str] = []
        session = Session(self._settings)
        study: dict[str, Any] = {"data": "own", "model": "logistic", "methods": ("fedavg",)}
        study |= {"rounds": 3, "seeds": 1, "privacy": "local:clip=1,noise=20"}
        prepare(make_study(study | more), self._folder / name, sites=1)

        def on_event(event: dict[str, Any]) -> None:
            if event["event"] == "remark":
                remarks.append(event["text"])

        grid = InProcessGrid({1: node(session.handle)})
        try:
            run_study(grid, self._folder / name, QUICK, on_event)
        except InputError as error:
            remarks.append(str(error))
        return session, remarks


def test_a_server_that_begins_study_after_study(tmp_path: Path) -> None:
    """Each is within what the policy allows; all of them together are not."""
    server = Server(tmp_path, Policy(privacy="local", max_epsilon=THREE))
    session, _ = server.conduct("first")
    assert session.refused is None
    assert server.account.read().noisy == 3
    session, remarks = server.conduct("second", rounds=2)
    why = "answer number 4 from its state folder would make it"
    assert why in (session.refused or "")
    assert any(why in remark for remark in remarks)
    assert server.account.read().noisy == 3


@pytest.mark.slow
def test_methods_that_send_nothing_cost_nothing(tmp_path: Path) -> None:
    server = Server(tmp_path, Policy())
    server.conduct("only local", methods=("local",))
    assert server.account.read() == Told()
    server.conduct("seeds", seeds=2)
    assert server.account.read().noisy == 6
    server.conduct("without privacy", privacy=None, rounds=1)
    assert server.account.read().plain == 1
