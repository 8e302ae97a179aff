"""The clients of a run behind a network: what `rounds` and a run's loop ask for, over a grid.

Private states never come here. The server remembers, of each client, the last round whose answer
it used, and says so in every question; a site goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unalike.core import Cohort, Method, Population, Problem
from unalike.core.buffers import with_buffers
from unalike.data.federation import Federation
from unalike.engines.local import Answers, messages_for
from unalike.functional.trees import map_tree
from unalike.network.protocol.messages import MessageError, Parcel, pack
from unalike.network.protocol.run_config import Run
from unalike.network.protocol.schemas import up_of
from unalike.privacy import Privacy
from unalike.study.store import Saved

from . import evaluation as measuring
from .answer_checks import beyond, gradients_of, read_up, too_long
from .sites import Attendance


class Standing(NamedTuple):
    """What a checkpoint keeps of clients that keep their states themselves."""

    last: Tensor  # [N] int64, the last round of which each one's answer was used; 0: none


@dataclass(frozen=True)
class Setting:
    """What is trained, and on behalf of whom."""

    method: Method
    problem: Problem
    w: Tensor  # [P] the initial weights
    federation: Callable[[], Federation]  # who holds how much, as far as it is known by now
    weights: Callable[[NDArray[np.int64]], Tensor]  # sizes [N] -> shares of the objective [N]
    run: Run  # its place is filled in for each site
    privacy: Privacy | None = None
    secret: int = 0  # of the server, for noise and cohorts where there is privacy


class FlowerClients:
    """N clients behind nodes: the `Clients` of `rounds` and the `RunClients` of a run."""

    every_checkpoint = True

    def __init__(self, setting: Setting, attendance: Attendance) -> None:
        self.setting, self.attendance = setting, attendance
        self.problem = setting.problem
        self.method = with_buffers(setting.method, setting.problem)
        federation = setting.federation()
        self.places = np.flatnonzero(~federation.newcomers)  # [N], of the clients that train
        self.new_places = np.flatnonzero(federation.newcomers)
        self._last = np.zeros(federation.clients, dtype=np.int64)
        some_x, some_y = federation.x[:1] * 0, federation.y[:1] * 0
        self._up = up_of(setting.method, setting.problem, some_x, some_y, len(self.places))

    @property
    def clients(self) -> FlowerClients:
        return self

    @property
    def secret(self) -> int:
        return self.setting.secret

    @property
    def federation(self) -> Federation:
        """Who holds how much, as far as it is known by now."""
        return self.setting.federation()

    @property
    def population(self) -> Population:
        """N, and the clients' weights from the sizes that are known by now."""
        sizes = self.federation.train.sizes[self.places]
        return Population(len(sizes), self.setting.weights(sizes).to(self.setting.w.dtype))

    @property
    def states(self) -> Standing:
        return Standing(torch.from_numpy(self._last[self.places]))

    @property
    def newcomers(self) -> bool:
        return len(self.new_places) > 0

    def init_server(self) -> Any:
        return self.method.init_server(self.problem, self.setting.w, self.population)

    def begin(self, server: Any, saved: Saved | None) -> str:
        if saved is not None:
            self._last[self.places] = saved.clients.last.numpy()
        return f"{len(self.places)} sites"

    def names(self, ids: NDArray[np.int64]) -> list[str]:
        return [self.attendance.name(place) for place in self.places[ids].tolist()]

    def evaluate(self, server: Any, t: int, cohort: Cohort) -> dict[str, Any]:
        return measuring.evaluate(self, server, t)

    def evaluate_new(self, server: Any, t: int) -> dict[str, Any]:
        return measuring.evaluate_new(self, server, t)

    def broadcast(self, server: Any, ids: NDArray[np.int64]) -> Any:
        """What travels to these clients: every leaf [S, ...]."""
        return messages_for(self.method.broadcast, server, torch.from_numpy(ids))

    def train(self, t: int, ids: NDArray[np.int64], downs: Any) -> Answers:
        """One round of work of these clients; who does not answer in time is left out."""
        places = self.places[ids].tolist()
        letters = {
            place: self.question("train", t, place, {"down": row(downs, at)})
            for at, place in enumerate(places)
        }
        answers = self.attendance.collect(letters, f"Round {t}")
        ups, refused = self._examined(answers)
        for place, why in refused.items():
            name = self.attendance.name(place)
            text = f"Round {t}: the answer of {name} is not used: {why}."
            self.attendance.tell({"event": "remark", "text": text})
        used = [place for place in places if place in ups]
        self._last[used] = t
        return Answers(
            map_tree(lambda *rows: torch.stack(rows), *(ups[i] for i in used)) if used else None,
            np.isin(places, used),
            np.isin(places, list(answers)),
            sum(gradients_of(answer) or 0 for answer in answers.values()),
        )

    def question(
        self, verb: str, t: int, place: int, trees: dict[str, Any], **facts: Any
    ) -> Parcel:
        """A question of round t to the site of this place."""
        run = replace(self.setting.run, row=place).facts()
        return pack(verb, {**run, "t": t, "last": int(self._last[place]), **facts}, trees)

    def _examined(self, answers: dict[int, Parcel]) -> tuple[dict[int, Any], dict[int, str]]:
        """The numbers that may be used, by place, and why others may not."""
        ups: dict[int, Any] = {}
        refused: dict[int, str] = {}
        for place, answer in answers.items():
            up, why = self._read(answer)
            if why is None:
                ups[place] = up
            else:
                refused[place] = why
        order, privacy = list(ups), self.setting.privacy
        rows = [ups[place] for place in order]
        if privacy is not None and privacy.kind == "central":
            found = beyond(rows, privacy.clip)
        else:
            found = too_long(rows, self.attendance.terms.excess)
        for at, why in found.items():
            refused[order[at]] = why
            del ups[order[at]]
        return ups, refused

    def _read(self, answer: Parcel) -> tuple[Any, str | None]:
        try:
            return read_up(answer, self._up), None
        except MessageError as error:
            return None, str(error)


def row(tree: Any, at: int) -> Any:
    """Row `at` of a tree with leaves [S, ...]."""
    return map_tree(lambda leaf: leaf[at], tree)
