"""The clients of a run behind a network: what `rounds` and a run's loop ask for, over a grid."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unalike.core import Cohort, Method, Population
from unalike.data.federation import Federation
from unalike.engines.local import Answers
from unalike.engines.messages import messages_for
from unalike.functional.trees import map_tree
from unalike.network.protocol.messages import Message, MessageError
from unalike.network.protocol.schemas import up_schema
from unalike.rounds import LIKELY_CAUSE
from unalike.study.kept_models import RoundModels
from unalike.study.store import Checkpoint
from unalike.study.training import Evaluation
from unalike.tasks import Task

from . import evaluation
from .answer_checks import NOT_FINITE, gradient_count, not_clipped, read_up
from .answer_lengths import AnswerLengths
from .remote_run import RemoteRun, RunSetup
from .sites import ConnectedSites


class LastAnswers(NamedTuple):
    """What a checkpoint keeps of clients that keep their states themselves."""

    last: Tensor  # [N] int64, the last round of which each one's answer was used; 0: none
    lengths: Tensor  # [N, ...] float64, those of answers that were used: `AnswerLengths.history`


class RemoteClients:
    """N clients behind nodes: the `Clients` of `rounds` and the `RunClients` of a run."""

    every_checkpoint = True

    def __init__(self, setup: RunSetup, sites: ConnectedSites) -> None:
        self.setup, self.sites, self.run = setup, sites, RemoteRun(setup, sites)
        self._diverged: set[str] = set()  # sites of which it was said
        self._lengths = AnswerLengths(sites.settings.max_norm_ratio)
        federation = self.run.federation
        zero_x, zero_y = federation.x[:1] * 0, federation.y[:1] * 0
        self._up_schema = up_schema(
            setup.method, setup.problem, zero_x, zero_y, federation.task, len(self.run.places)
        )

    @property
    def clients(self) -> RemoteClients:
        return self

    @property
    def method(self) -> Method:
        return self.run.method

    @property
    def task(self) -> Task:
        return self.federation.task

    @property
    def secret(self) -> int:
        return self.setup.secret

    @property
    def federation(self) -> Federation:
        return self.run.federation

    @property
    def population(self) -> Population:
        """N, and the clients' weights from the sizes that are known by now."""
        sizes = self.sites.weighing_sizes(self.federation.train.sizes)[self.run.places]
        return Population(len(sizes), self.setup.weights(sizes).to(self.setup.w.dtype))

    @property
    def states(self) -> LastAnswers:
        places = self.run.places
        lengths = torch.from_numpy(self._lengths.history(places))
        return LastAnswers(torch.from_numpy(self.run.last_used[places]), lengths)

    @property
    def newcomers(self) -> bool:
        return len(self.run.new_places) > 0

    def init_server(self) -> Any:
        return self.method.init_server(self.setup.problem, self.setup.w, self.population)

    def begin(self, server: Any, saved: Checkpoint | None) -> str:
        if saved is not None:
            self.run.last_used[self.run.places] = saved.clients.last.numpy()
            self._lengths.restore(self.run.places, saved.clients.lengths.numpy())
        return f"{len(self.run.places)} sites"

    def names(self, ids: NDArray[np.int64]) -> list[str]:
        return [self.sites.name(place) for place in self.run.places[ids].tolist()]

    def evaluate(self, server: Any, t: int, cohort: Cohort) -> Evaluation:
        shared = evaluation.shared_model(self.run, server, t)
        models = RoundModels(
            None,
            shared,
            self.method.introduce(server),
            self.method.init_client(self.setup.problem, self.setup.w),
        )
        return Evaluation(evaluation.evaluate(self.run, server, shared, t), lambda: models)

    def evaluate_new(self, server: Any, t: int) -> dict[str, Any]:
        return evaluation.evaluate_new(self.run, server, t)

    def broadcast(self, server: Any, ids: NDArray[np.int64]) -> Any:
        """What travels to these clients: every leaf [S, ...]."""
        return messages_for(self.method.broadcast, server, torch.from_numpy(ids))

    def train(self, t: int, ids: NDArray[np.int64], downs: Any) -> Answers:
        """One round of work of these clients; who does not answer in time is left out."""
        places = self.run.places[ids].tolist()
        requests = {
            place: self.run.request("train", t, place, {"down": _row(downs, i)})
            for i, place in enumerate(places)
        }
        answers = self.sites.request_from_enough(requests, f"Round {t}")
        ups, refused = self._check(answers)
        for place, why in refused.items():
            self._remark_refused(t, self.sites.name(place), why)
        used = [place for place in places if place in ups]
        self.run.last_used[used] = t
        return Answers(
            map_tree(lambda *rows: torch.stack(rows), *(ups[i] for i in used)) if used else None,
            np.isin(places, used),
            np.isin(places, list(answers)),
            sum(gradient_count(answer) or 0 for answer in answers.values()),
        )

    def _remark_refused(self, t: int, name: str, why: str) -> None:
        """What diverges is said once a run and site, with its likely cause; the rest each time."""
        text = f"Round {t}: the answer of {name} is not used: {why}."
        if why != NOT_FINITE:
            self.sites.remark(text)
        elif name not in self._diverged:
            self._diverged.add(name)
            self.sites.remark(f"{text} {LIKELY_CAUSE} Later rounds are counted, not said.")

    def _check(self, answers: dict[int, Message]) -> tuple[dict[int, Any], dict[int, str]]:
        """The numbers that may be used, by place, and why others may not."""
        ups: dict[int, Any] = {}
        refused: dict[int, str] = {}
        for place, answer in answers.items():
            up, why = self._read(answer)
            if why is None:
                ups[place] = up
            else:
                refused[place] = why
        privacy = self.setup.privacy
        if privacy is not None and privacy.kind == "central":
            long = not_clipped(ups, privacy.clip)
        else:
            sizes = self.sites.weighing_sizes(self.federation.train.sizes)
            long = self._lengths.too_long(ups, sizes, self._pull(sizes))
        return {i: up for i, up in ups.items() if i not in long}, refused | long

    def _pull(self, sizes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Each place's say in the server's sums [places]; the same for all where a method's server
        uses answers in other ways, so that a small site's may count in full."""
        pull = np.ones(len(sizes))
        if self.method.needs_each is None:
            pull[self.run.places] = self.setup.weights(sizes[self.run.places]).numpy()
        return pull

    def _read(self, answer: Message) -> tuple[Any, str | None]:
        """The numbers of an answer, or why they may not be used."""
        try:
            return read_up(answer, self._up_schema), None
        except MessageError as error:
            return None, str(error)


def _row(tree: Any, i: int) -> Any:
    """Row i of a tree with leaves [S, ...]."""
    return map_tree(lambda leaf: leaf[i], tree)
