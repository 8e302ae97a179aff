"""`check_method` finds what is wrong with somebody else's method, and says it in words."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest
import torch
from torch import Tensor

from unalike.core import Batches, NoState, optimise, solvers
from unalike.errors import InputError
from unalike.methods import FedAvg
from unalike.plugins import register
from unalike.plugins.registrations import registered, restore
from unalike.testing import Contract, MethodError, Trial, check_method, laws_for, planted_bugs
from unalike.testing.check_method import broken_law
from unalike.testing.new_method import write_new_method


@pytest.fixture(autouse=True)
def _catalogues() -> Iterator[None]:
    before = registered()
    yield
    restore(before)


@dataclass(frozen=True)
class PlainMean(FedAvg):
    """Divides by the number of answers, so it is wrong that weights are all it needs."""

    name: ClassVar[str] = "plain-mean"

    def server_update(self, server: Any, ups: Any, cohort: Any) -> Any:
        return server + ups.mean(0)


@dataclass(frozen=True)
class FirstAnswer(FedAvg):
    name: ClassVar[str] = "first-answer"
    needs_each: ClassVar[str | None] = "it takes one"

    def server_update(self, server: Any, ups: Any, cohort: Any) -> Any:
        return server + ups[0]


@dataclass(frozen=True)
class InPlace(FedAvg):
    name: ClassVar[str] = "in-place"

    def server_update(self, server: Any, ups: Any, cohort: Any) -> Any:
        return server.add_(cohort.mean(ups))


@dataclass(frozen=True)
class Noisy(FedAvg):
    name: ClassVar[str] = "noisy"

    def server_update(self, server: Any, ups: Any, cohort: Any) -> Any:
        return server + cohort.mean(ups) + 0.01 * torch.randn(len(server))


class Secret(NamedTuple):
    v: Tensor


@dataclass(frozen=True)
class Telling(FedAvg):
    name: ClassVar[str] = "telling"

    def init_client(self, problem: Any, w: Tensor) -> Any:
        return Secret(w)

    def client_update(
        self, problem: Any, down: Tensor, client: Any, batches: Batches
    ) -> tuple[Any, Any]:
        w = optimise(solvers.parse("sgd", 0.1), problem.grad, down, batches)
        return Secret(w), w

    def server_update(self, server: Any, ups: Any, cohort: Any) -> Any:
        return cohort.mean(ups)


@dataclass(frozen=True)
class MeanOfSlots(FedAvg):
    """A mean over the slots of a client's samples, padding and all."""

    name: ClassVar[str] = "mean-of-slots"

    def client_update(
        self, problem: Any, down: Tensor, client: NoState, batches: Batches
    ) -> tuple[NoState, Any]:
        _, up = super().client_update(problem, down, client, batches)
        return client, up * (1 + 1e-12 * batches.x[batches.ids].double().mean())


BROKEN = {
    "needs_each = None, but": (PlainMean, "only_adds_up"),
    "the server's state": (FirstAnswer, "order_of_the_answers"),
    "server_update changed what it was given": (InPlace, "inputs_are_left_alone"),
    "it drew from torch's random numbers": (Noisy, "touches_no_other_randomness"),
    "numbers of a client's private state are sent: {'v'": (Telling, "no_private_number"),
    "beside other padding differ in value by up to": (MeanOfSlots, "padding_has_no_effect"),
    "up: 43 numbers|up: \\d+ numbers are sent, \\d+ are declared": (FedAvg, "what_travels"),
}


@pytest.mark.parametrize("sentence", BROKEN)
def test_each_law_notices_its_mistake(sentence: str) -> None:
    cls, name = BROKEN[sentence]
    (law,) = [one for one in laws_for(cls) if name in one.law.__name__]
    found = broken_law(law, Trial(cls, Contract(down=1, up=2 if cls is FedAvg else 1)))
    assert found.startswith(law.name)
    pattern = sentence if "\\d" in sentence else re.escape(sentence)
    assert re.search(pattern, found), found
    assert "\n" not in found
    if cls in (InPlace, Noisy, Telling):
        assert found.endswith("[clients of 3 samples]"), "the smallest clients that show it"
    if cls in (PlainMean,):
        assert found.endswith("[clients of 2, 1 samples]")


def test_all_that_is_broken_is_said_at_once() -> None:
    with pytest.raises(MethodError, match=r"^Telling breaks \d of 2\d laws:\n- no private") as said:
        check_method(Telling, Contract(down=1, up=1))
    assert "stacked is one by one" not in str(said.value)


def test_what_is_no_method_is_said_before_it_is_tried() -> None:
    wrong: Any = NoState
    with pytest.raises(InputError, match="NoState is no method"):
        check_method(wrong)


def test_new_files_are_refused_where_they_would_hurt(tmp_path: Path) -> None:
    for name in ("../x", "Half", "1st", "a--b", "import os"):
        with pytest.raises(InputError, match="A method cannot be called"):
            write_new_method(name, tmp_path)
    with pytest.raises(InputError, match="There is a method 'fedavg' already"):
        write_new_method("fedavg", tmp_path)
    write_new_method("half-step", tmp_path)
    with pytest.raises(InputError, match=r"half_step\.py is there already"):
        write_new_method("half-step", tmp_path)


def test_a_planted_bug_leaves_nothing_behind(tmp_path: Path) -> None:
    write_new_method("half-step", tmp_path)
    bugs = planted_bugs(tmp_path / "half_step_bugs.toml")
    before = registered()
    cls = bugs[0].module().HalfStep
    assert registered() == before
    assert "half_step" not in sys.modules
    register(FedAvg)
    assert "ups.mean(0)" in bugs[0].planted((tmp_path / "half_step.py").read_text())
    assert cls.name == "half-step"
    (tmp_path / "half_step_bugs.toml").write_text('file = "x.py"\n[[bug]]\nwhat = "x"\n')
    with pytest.raises(InputError, match=r"need file = .* missing: 'old'"):
        planted_bugs(tmp_path / "half_step_bugs.toml")
