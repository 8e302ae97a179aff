"""Which methods can be advised, and the few settings of each that a race tries.

Every method has one key hyper-parameter, the knob. Step sizes are not searched for each method:
`shared` names those that take the step found best for FedAvg, `personal` those that take the step
found best for Local. Where the two differ, a method that has both kinds is tried once more with
FedAvg's for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from unalike.core import Method, Problem
from unalike.core.buffers import with_buffers
from unalike.errors import InputError
from unalike.methods import METHODS
from unalike.study.method_settings import build_method

STEPS = (0.03, 0.1, 0.3)
"""Step sizes tried first, with FedAvg and Local; then beyond the edge, as long as it is best."""
BEYOND = 2
"""How many steps, each by a factor of about three, are tried beyond an edge."""
AROUND = (1 / 3, 3.0)
"""The leader of the last heat is tried again with its steps multiplied by these."""
STEPPED = ("local", "fedavg")
"""The methods whose best steps the others take over."""
REFERENCES = (*STEPPED, "finetuning")
"""Always in the race: without them nobody could say that a method helps."""


class Candidate(NamedTuple):
    """A method, and what a race varies of it."""

    method: str
    effort: int  # 0 to 5: what it takes to run and to explain; decides between equals
    work: float  # at most so many gradients for each sample and local epoch
    shared: tuple[str, ...] = ("lr",)
    personal: tuple[str, ...] = ()
    knob: str = ""
    values: tuple[Any, ...] = ()
    fixed: Mapping[str, Any] = {}

    def settings(self, shared: float = 0.1, personal: float = 0.1) -> list[dict[str, Any]]:
        """Its settings in the race, under these step sizes."""
        steps = dict.fromkeys(self.shared, shared) | dict.fromkeys(self.personal, personal)
        common = {**self.fixed, **steps}
        found = [{**common, self.knob: value} for value in self.values] or [common]
        if self.personal and self.shared and personal != shared:
            found.append({**found[len(found) // 2], **dict.fromkeys(self.personal, shared)})
        return found

    @property
    def most(self) -> int:
        """How many settings a race tries of it at most."""
        return max(1, len(self.values)) + bool(self.shared and self.personal)

    def scale_steps(self, given: Mapping[str, Any], factor: float) -> dict[str, Any]:
        """These settings with all their steps multiplied."""
        steps = {*self.shared, *self.personal}
        return {
            name: float(f"{factor * value:.2g}") if name in steps else value
            for name, value in given.items()
        }

    def build(self, given: Mapping[str, Any]) -> Method:
        """The method with these settings."""
        return build_method(METHODS[self.method], given)

    def unfit(self, problem: Problem) -> str | None:
        """Why it makes no sense for this model; None if it does."""
        try:
            method = with_buffers(self.build(self.settings()[0]), problem)
            return method.vacuous(problem)
        except InputError as error:
            return str(error)


_LR = ("lr",)
_BOTH = ("personal_lr",)

CANDIDATES: dict[str, Candidate] = {
    one.method: one
    for one in (
        #         method        effort work shared  personal       knob            values
        Candidate("local",        0, 1, (),       _LR),
        Candidate("fedavg",       1, 1, _LR),
        Candidate("finetuning",   1, 1, _LR,     ("tune_lr",),   "tune_epochs",  (3, 10)),
        Candidate("fedprox",      2, 1, _LR,     (),             "mu",           (0.03, 0.3, 3.0)),
        Candidate("fednova",      2, 1, _LR),
        Candidate("fedper",       2, 1, _LR),
        Candidate("fedbn",        2, 1, _LR),
        Candidate("lg_fedavg",    2, 1, _LR),
        Candidate("fedrep",       3, 6, _LR,     ("head_lr",),   "head_epochs",  (1, 5)),
        Candidate("scaffold",     3, 1, _LR),
        Candidate("ditto",        3, 2, _LR,     _BOTH,          "lam",          (0.1, 0.5, 2.0)),
        Candidate("apfl",         3, 2, _LR,     _BOTH,          "alpha",        (0.25, 0.5, 0.75)),
        Candidate("per_fedavg",   4, 4, ("beta",), ("alpha",)),
        Candidate("pfedme",       4, 5, (),      _BOTH,          "lam",          (0.5, 2.0),
                  {"lr": 0.3}),
        Candidate("mocha",        4, 1, _LR,     (),             "lam",          (0.03, 0.1, 0.3)),
        Candidate("cfl",          4, 1, _LR,     (),             "eps1",         (0.2, 0.4, 0.8),
                  {"eps2": 0.1}),
        Candidate("ifca",         4, 3, _LR,     (),             "clusters",     (2, 3, 4)),
        Candidate("fedem",        5, 3, _LR,     (),             "components",   (2, 3)),
    )
}  # fmt: skip
"""In the order of effort: of equals the first is advised."""
