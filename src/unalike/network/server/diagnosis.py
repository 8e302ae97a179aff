"""A diagnosis over a network, on the server's side: what sites tell, and what follows from it.

    told.safetensors    in the study's folder: all that the server has heard of the samples
    diagnosis.json, diagnosis.html

Sites are asked for the spread of their features, then for counts and moments on everybody's
scale; with noise for counts and moments alone.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from flwr.serverapp import Grid

from unalike import __version__
from unalike.api.diagnose import DiagnosisResult, diagnose_from_summaries
from unalike.data.preprocessing.preprocessing import from_dict
from unalike.diagnosis.diagnose_summaries import Summaries
from unalike.diagnosis.samples import classes_of
from unalike.diagnosis.summary import DIRECTIONS, FeatureMoments, Summary, pooled_scale
from unalike.errors import InputError
from unalike.functional.trees import items, leaves, rebuild
from unalike.network.protocol.messages import Message, MessageError, pack, unpack
from unalike.network.protocol.run_description import settings_for_sites
from unalike.network.protocol.summary_request import (
    SPREAD,
    SUMMARISE,
    SummaryRequest,
    as_tensors,
)
from unalike.study.files import read_tensors, write_tensors
from unalike.study.inputs import deal_study
from unalike.study.roster import Roster, SampleFormat, read_sites
from unalike.study.settings import Study, read_study
from unalike.study.store import strip_prefix

from .answer_checks import check_numbers
from .events import EventHandler, remark
from .preparations import preparation_of, tell_preparation
from .preprocessing_fit import fit_preprocessing
from .requests import Requests, audit_log
from .server_settings import ServerSettings
from .sites import ConnectedSites

ALL = "all"
"""The key of the preprocessing that is fitted on all samples of the sites."""
Part = TypeVar("Part", FeatureMoments, Summary)


def run_diagnosis(
    grid: Grid, folder: Path, settings: ServerSettings, on_event: EventHandler
) -> DiagnosisResult:
    """Ask the sites of the study in this folder, and write the diagnosis there.

    Raises:
        InputError: there are too few sites for too long, or their samples cannot be compared.
    """
    study, roster = read_study(folder / "study.toml"), read_sites(folder)
    if roster is None:
        raise InputError(f"{folder} holds no study over a network: begin it with 'unalike serve'.")
    request = SummaryRequest(settings.noise, settings.label)
    requests = Requests(grid, poll=settings.poll, audit=audit_log(folder))
    sites = ConnectedSites(study, roster, requests, settings, on_event, request.facts())
    sites.wait_for_all()
    if not roster.dealt and request.noise == 0 and ALL not in roster.fitted:
        fitted = fit_preprocessing(sites, roster, request.seed, "all")
        roster.fitted[ALL] = fitted.to_dict()
        roster.write()
        tell_preparation(roster, ALL, on_event)
    _write(folder, _SummaryCollection(sites, study, roster, request).summaries())
    result = read_diagnosis(folder, out=folder)
    on_event(remark(result.headline))
    on_event({"event": "finished"})
    return result


def read_diagnosis(folder: Path, *, out: Path | None = None) -> DiagnosisResult:
    """The diagnosis of what the sites of the study in this folder have told.

    out: a folder to which it is written.

    Raises:
        InputError: the sites have told nothing yet, or the file is damaged.
    """
    stored = read_tensors(_path(folder))
    if stored is None:
        raise InputError(f"{_path(folder)} is missing or damaged: ask the sites again.")
    arrays, about = stored[0], json.loads(stored[1]["about"])
    schema = Summary(*(torch.zeros(0) for _ in Summary._fields))  # type: ignore[arg-type]
    of_sites = tuple(
        _as_arrays(rebuild(schema, strip_prefix(arrays, f"{i}.")))
        for i in range(len(about["names"]))
    )
    summaries = Summaries(tuple(about["names"]), tuple(about["labels"]), of_sites, about["epsilon"])
    return diagnose_from_summaries(summaries, data=folder.name, out=out)


class _SummaryCollection:
    """Asks all sites for summaries that can be compared."""

    def __init__(
        self, sites: ConnectedSites, study: Study, roster: Roster, request: SummaryRequest
    ) -> None:
        self.sites, self.request = sites, request
        samples = roster.samples or _dealt_samples(study, request.seed)
        self.roster = roster
        self.labels = _labels(samples, request)
        shape = _shape(samples, roster)
        self.images = len(shape) > 1
        classes, size = len(self.labels), math.prod(shape)
        self._facts: dict[str, Any] = {
            "version": __version__,
            "study": settings_for_sites(study),
            "classes": classes,
            **request.facts(),
        }
        m, real = min(size, DIRECTIONS), torch.float64
        self._spread_schema = as_tensors(
            FeatureMoments(np.array(0), np.zeros(size), np.zeros(size))
        )
        self._summary_schema = Summary(
            torch.zeros(classes, dtype=torch.int64),  # type: ignore[arg-type]
            torch.zeros(classes, m, dtype=real),  # type: ignore[arg-type]
            torch.zeros(classes, m, m, dtype=real),  # type: ignore[arg-type]
            torch.zeros(classes, dtype=real),  # type: ignore[arg-type]
        )

    def summaries(self) -> Summaries:
        """What the sites told, in the order of their places."""
        places = list(self.sites.places)
        trees: dict[str, Any] = {}
        if self.request.noise == 0:
            spreads = self._collect(SPREAD, "spread", places, {}, self._spread_schema)
            lens = pooled_scale(list(spreads.values()), together=self.images)
            trees, places = {"lens": as_tensors(lens)}, list(spreads)
        of_sites = self._collect(SUMMARISE, "summary", places, trees, self._summary_schema)
        names = tuple(self.sites.name(place) for place in of_sites)
        epsilon = self.request.noise or None
        return Summaries(names, self.labels, tuple(of_sites.values()), epsilon)

    def _prepared(self, place: int) -> dict[str, Any]:
        """What a site with samples of its own must know of their preparation."""
        if self.roster.dealt:
            return {}
        key = ALL if self.request.noise == 0 else None
        return preparation_of(self.roster, key, place).facts()

    def _collect(
        self, verb: str, name: str, places: list[int], trees: dict[str, Any], schema: Part
    ) -> dict[int, Part]:
        """Place -> numbers, of those that answered as they should."""
        requests = {
            place: pack(verb, self._facts | self._prepared(place), trees) for place in places
        }
        purpose = {SPREAD: "Spread of features", SUMMARISE: "Summaries"}[verb]
        answers = self.sites.request_from_enough(requests, purpose)
        parts = {}
        for place in places:
            if place in answers:
                try:
                    parts[place] = _read(answers[place], name, schema)
                except MessageError as error:
                    site = self.sites.name(place)
                    self.sites.remark(f"{purpose}: what {site} told is not used: {error}.")
        if len(parts) < 2:
            raise InputError(
                f"{purpose}: {len(parts)} sites told what can be used; a diagnosis compares at "
                "least two."
            )
        return parts


def _read(answer: Message, name: str, schema: Part) -> Part:
    part = unpack(answer, {name: schema}).get(name)
    if part is None:
        raise MessageError("it holds no numbers")
    check_numbers(part, schema)
    if bool((leaves(part)[0] < 0).any()):
        raise MessageError("it counts fewer than no samples")
    return _as_arrays(part)


def _as_arrays(tree: Part) -> Part:
    return type(tree)(*(leaf.numpy() for leaf in leaves(tree)))


def _shape(samples: SampleFormat, roster: Roster) -> tuple[int, ...]:
    """Of one sample as numbers; with noise a table's columns are numbers as they are."""
    if not samples.columns:
        return samples.shape
    fitted = roster.fitted.get(ALL)
    width = len(samples.columns) if fitted is None else len(from_dict(fitted).feature_names)
    return (width,)


def _labels(samples: SampleFormat, request: SummaryRequest) -> tuple[str, ...]:
    """The names of the classes."""
    task = samples.question
    if task.holds_classes and request.label < 0:
        return task.class_names
    nothing = task.no_truth()
    zeros = nothing.new_zeros(1, *nothing.shape[1:]).numpy().astype(np.int64)
    if task.strata(zeros).text:
        raise InputError(
            f"A diagnosis over a network looks at classes or labels, but the sites' samples ask "
            f"for {task.title}: diagnose them where they lie, with 'unalike diagnose'."
        )
    return classes_of(zeros, request.label if request.label >= 0 else None)[1]


def _dealt_samples(study: Study, seed: int) -> SampleFormat:
    federation = deal_study(study, seed)
    shapes = tuple(federation.x.shape[1:]), tuple(federation.y.shape[1:])
    return SampleFormat(shapes[0], federation.classes, federation.task.name, y_shape=shapes[1])


def _write(folder: Path, summaries: Summaries) -> None:
    arrays = {
        f"{i}.{name}": leaf
        for i, summary in enumerate(summaries.summaries)
        for name, leaf in items(as_tensors(summary))
    }
    about = {
        "names": summaries.names,
        "labels": summaries.labels,
        "epsilon": summaries.epsilon,
    }
    temporary = _path(folder).with_suffix(".writing")
    write_tensors(temporary, arrays, {"about": json.dumps(about)})
    os.replace(temporary, _path(folder))


def _path(folder: Path) -> Path:
    return folder / "told.safetensors"
