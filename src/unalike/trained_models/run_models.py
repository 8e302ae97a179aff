"""The models that a study's runs have kept, one by one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from unalike.core import Problem
from unalike.errors import InputError, unknown
from unalike.functional.trees import items, named_tree
from unalike.measures.baseline_hazard import BaselineHazard
from unalike.study.keep import BEST, NONE, WHEN
from unalike.study.kept_models import (
    KeptModels,
    client_model,
    kept_hazard,
    kept_rounds,
    read_models,
)
from unalike.study.model_description import ModelDescription, number_name, plain_hazard
from unalike.study.round_choice import best_round
from unalike.study.settings import Study
from unalike.study.store import RunStore
from unalike.study.training import finished

from .network import method_of, problem_of
from .plain_module import prediction_module
from .trained_model import TrainedModel


@dataclass(frozen=True, eq=False)
class StudyModels:
    """The models in a study's folder.

    given: the module or the problem, where the study trained one of the user's own.
    """

    study: Study
    folder: Path
    given: nn.Module | Problem | None = None

    def model(
        self, method: str, client: str | None = None, *, when: str = BEST, seed: int = 0
    ) -> TrainedModel:
        """A client's model, or everybody's if no client is named.

        Raises:
            InputError: there is no such method, client or round, or it was not kept.
        """
        kept = self.kept(method, when, seed)
        if client is None:
            return self._trained(self._global(kept, method), kept, when)
        if client in kept.description.newcomers:
            raise InputError(
                f"Client {client!r} never trained, so no model of its own was kept: adapt gives it "
                "one from its samples."
            )
        if client not in kept.description.clients:
            raise unknown("client that trained,", client, kept.description.clients)
        if "clients" not in kept.trees:
            raise InputError(f"{self._place(method, seed)} kept no models of clients.")
        row = kept.description.clients.index(client)
        return self._trained(client_model(kept, row), kept, when, client, row)

    def kept(self, method: str, when: str, seed: int) -> KeptModels:
        """All that a run kept of its best or last round.

        Raises:
            InputError: there is no such method, seed or round, or it was not kept.
        """
        if method not in self.study.labels():
            raise unknown("method of this study,", method, self.study.labels())
        if when not in WHEN:
            raise unknown("round,", when, WHEN)
        if not 0 <= seed < self.study.seeds:
            raise InputError(
                f"There is no seed {seed}: the study has {self.study.seeds}, from 0 on."
            )
        store = RunStore(self.folder / "runs" / method / f"seed-{seed}")
        records = store.records()
        measured = [record for record in records if "evaluation" in record]
        place = self._place(method, seed)
        diverged = bool(records) and "diverged" in records[-1]
        if diverged and not measured:
            raise InputError(f"{place} diverged before anything was measured: it has no model.")
        if not measured or not finished(records, self.study):
            raise InputError(f"{place} is not finished: go on with 'unalike resume {self.folder}'.")
        if self.study.keep == NONE:
            raise InputError(f"{place} kept no models (keep = none): train again with another.")
        if diverged and when != BEST:
            raise InputError(
                f"{place} diverged in round {records[-1]['round']}, so it has no last model: take "
                "that of the best round."
            )
        for path, description in kept_rounds(store.folder).items():
            task = description.question
            record = best_round(task, measured) if when == BEST else measured[-1]
            if description.round == record["round"]:
                return read_models(path, description)
        raise InputError(f"{place} kept no models of its {when} round (keep = {self.study.keep}).")

    def _global(self, kept: KeptModels, method: str) -> dict[str, Tensor]:
        if "global" not in kept.trees:
            clients = ", ".join(kept.description.clients[:5])
            raise InputError(
                f"{method} has no model for everybody: name a client, such as one of {clients}."
            )
        return kept.trees["global"]

    def _trained(
        self,
        leaves: dict[str, Tensor],
        kept: KeptModels,
        when: str,
        client: str = "",
        row: int | None = None,
    ) -> TrainedModel:
        about = kept.description.model_copy(update={"when": when, "client": client, "trees": {}})
        return trained_model(named_tree(leaves), about, self.given, hazard=kept_hazard(kept, row))

    def _place(self, method: str, seed: int) -> str:
        return f"The run of {method}, seed {seed}, in {self.folder}"


def trained_model(
    personal: Any,
    description: ModelDescription,
    given: nn.Module | Problem | None = None,
    *,
    hazard: BaselineHazard | None = None,
) -> TrainedModel:
    """The model of what a client predicts with.

    hazard: the baseline hazard, where outputs are risks.

    Raises:
        InputError: the module of the user's own is missing.
    """
    problem = problem_of(description, given)
    method = method_of(description, problem)
    module, form = prediction_module(method, problem, personal, description)
    leaves = tuple(
        (name, tuple(leaf.shape), number_name(leaf.dtype)) for name, leaf in items(personal)
    )
    known = {"form": form, "personal": leaves, "hazard": plain_hazard(hazard)}
    return TrainedModel(module, description.model_copy(update=known))
