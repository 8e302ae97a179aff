"""A site's part in a federation, over all runs: who it is, and which run it is at work for."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unalike import __version__
from unalike.core.model_check import check_model
from unalike.data.cut import cut
from unalike.data.federation import Federation
from unalike.data.own_samples import OwnSamples
from unalike.data.sources.source import Arrays
from unalike.engines.local import LocalEngine
from unalike.errors import InputError
from unalike.network.protocol.messages import FAILED, MessageError, Parcel, pack
from unalike.network.protocol.run_config import Run, read_settings
from unalike.network.protocol.schemas import ONE_BY_ONE
from unalike.privacy import kept_secret, with_privacy
from unalike.study.run import Own, dealt, problem_for
from unalike.study.settings import Study

from . import summaries as telling
from .local_data import cut_once, only
from .trainer import Site


@dataclass(frozen=True)
class Identity:
    """Who a site is, and what it holds: samples of its own, or a client of the study's data."""

    name: str
    state: Path  # where private states are kept
    samples: OwnSamples | None = None
    client: int | None = None
    data_dir: str | None = None  # of the study's data
    device: str = "cpu"
    tells_classes: bool = True  # whether the server learns how many samples of each class it has
    tells_accuracy: bool = True  # whether it learns how many of them its models got right
    noise: float | None = None  # the largest epsilon that it tells anything with; then only once

    def mark(self) -> str:
        """Drawn when the state folder is first used: it tells two sites of one name apart."""
        path = self.state / "mark"
        self.state.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(secrets.token_hex(8), "ascii")
        return path.read_text("ascii").strip()


class Membership:
    """Answers every question; `refused` says why there will be no more."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.refused: str | None = None
        self._run: Run | None = None
        self._site: Site | None = None

    def handle(self, asked: Parcel) -> Parcel:
        """The answer, or why there is none: only what is wrong with this program is raised."""
        try:
            if asked.verb == "refuse":
                self.refused = f"The server refuses this site: {asked.facts.get('why')}"
                return pack("refuse")
            wish = telling.allow(self.identity, asked)
            if asked.verb == "describe":
                return self._describe(asked, told=wish is None or wish.noise == 0)
            if wish is not None and asked.verb in telling.VERBS:
                return telling.tell(self.identity, asked, wish)
            return self._at_work(Run.of(asked.facts)).handle(asked)
        except MessageError as error:
            return pack(FAILED, {"why": str(error)})
        except InputError as error:
            self.refused = str(error)
            return pack(FAILED, {"why": str(error), "lasting": True})

    def _describe(self, asked: Parcel, *, told: bool) -> Parcel:
        """Who this site is and, unless it is to be told with noise, how many samples it has."""
        one = self.identity
        facts: dict[str, Any] = {
            "version": __version__,
            "name": one.name,
            "mark": one.mark(),
            "client": one.client,
        }
        if one.samples is not None and asked.facts.get("version") == __version__:
            study = read_settings(asked.facts["study"])
            facts |= _told_of(one.samples.numbered(study.classes), study, one.tells_classes)
            facts["columns"] = one.samples.fingerprint()
            if not told:
                facts |= {"sizes": [0, 0, 0], "label_counts": []}
        return pack("describe", facts)

    def _at_work(self, run: Run) -> Site:
        if self._site is None or run != self._run:
            self._site, self._run = None, None
            self._site, self._run = self._begin(run), run
        return self._site

    def _begin(self, run: Run) -> Site:
        one, study = self.identity, run.settings()
        study = study.model_copy(update={"data_dir": one.data_dir})
        held = self._held(run, study)
        problem = problem_for(study, held, Own())
        check_model(problem, held.x[:1], held.classes)
        secret = 0 if study.privacy is None else kept_secret(one.state / "secret")
        engine = LocalEngine(
            with_privacy(study.method(run.label), study.privacy, problem, secret=secret),
            problem,
            held,
            seed=run.seed,
            batch_size=study.batch_size,
            epochs=study.local_epochs,
            plan=ONE_BY_ONE,
            weights=torch.ones(int((~held.newcomers).sum())),
            w=problem.init(run.seed),
            device=one.device,
            stream_ids=np.array([run.row]),
        )
        folder = one.state / _plain(run.token) / _plain(run.label) / f"seed-{int(run.seed)}"
        return Site(
            engine,
            folder,
            clients=run.clients,
            tells_classes=one.tells_classes,
            tells_accuracy=one.tells_accuracy,
        )

    def _held(self, run: Run, study: Study) -> Federation:
        one = self.identity
        if one.samples is None:
            return only(dealt(study, run.seed), run.row)
        return cut_once(
            one.samples.numbered(study.classes),
            one.name,
            classes=run.classes,
            seed=run.seed,
            validation=study.validation,
            test=study.test,
        )


def _told_of(samples: Arrays, study: Study, tells_classes: bool) -> dict[str, Any]:
    parts = cut(np.array([len(samples.y)]), validation=study.validation, test=study.test)
    if samples.task == "classes":
        counts = np.bincount(samples.y, minlength=samples.classes)
    else:
        counts = samples.y.sum(axis=0).astype(np.int64)
    return {
        "shape": list(samples.x.shape[1:]),
        "classes": samples.classes,
        "task": samples.task,
        "sizes": [int(size[0]) for size in parts],
        "label_counts": counts.tolist() if tells_classes else [],
    }


def _plain(name: str) -> str:
    """A name as one component of a path, whatever the server calls things."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name) or "_"
