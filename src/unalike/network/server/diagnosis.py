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
from unalike.diagnosis.diagnose_summaries import Summaries
from unalike.diagnosis.samples import classes_of
from unalike.diagnosis.summary import DIRECTIONS, FeatureMoments, Summary, pooled_scale
from unalike.errors import InputError
from unalike.functional.finite import finite
from unalike.functional.trees import items, leaves, rebuild
from unalike.network.protocol.messages import MessageError, Parcel, pack, shapes_of, unpack
from unalike.network.protocol.run_config import told
from unalike.network.site.summaries import Wish, tensors
from unalike.study.inputs import deal_study
from unalike.study.roster import Roster, SampleFormat, read_sites
from unalike.study.settings import Study, read_study
from unalike.study.store import read_tensors, strip_prefix, write_tensors

from .requests import Post
from .sites import Attendance, Tell, Terms

Numbers = TypeVar("Numbers", FeatureMoments, Summary)


def survey(grid: Grid, folder: Path, terms: Terms, wish: Wish, tell: Tell) -> DiagnosisResult:
    """Ask the sites of the study in this folder, and write the diagnosis there.

    Raises:
        InputError: there are too few sites for too long, or their samples cannot be compared.
    """
    study, roster = read_study(folder / "study.toml"), read_sites(folder)
    if roster is None:
        raise InputError(f"{folder} holds no study over a network: begin it with 'unalike serve'.")
    attendance = Attendance(study, roster, Post(grid, poll=terms.poll), terms, tell, wish.facts())
    attendance.gather()
    found = _Survey(attendance, study, roster, wish).summaries()
    _keep(folder, found)
    result = diagnosis_of(folder, out=folder)
    tell({"event": "remark", "text": result.headline})
    tell({"event": "finished"})
    return result


def diagnosis_of(folder: Path, *, out: Path | None = None) -> DiagnosisResult:
    """The diagnosis of what the sites of the study in this folder have told."""
    known = read_tensors(_path(folder))
    if known is None:
        raise InputError(f"{_path(folder)} is missing or damaged: ask the sites again.")
    arrays, about = known[0], json.loads(known[1]["about"])
    like = Summary(*(torch.zeros(0) for _ in Summary._fields))  # type: ignore[arg-type]
    summaries = tuple(
        _numbers(rebuild(like, strip_prefix(arrays, f"{i}."))) for i in range(len(about["names"]))
    )
    parts = Summaries(tuple(about["names"]), tuple(about["labels"]), summaries, about["epsilon"])
    return diagnose_from_summaries(parts, data=folder.name, out=out)


class _Survey:
    def __init__(self, attendance: Attendance, study: Study, roster: Roster, wish: Wish) -> None:
        self.attendance, self.wish = attendance, wish
        samples = roster.samples or _dealt_samples(study, wish.seed)
        self.labels = _labels(samples, study, wish)
        self.size = math.prod(samples.shape)
        self.images = len(samples.shape) > 1
        classes = len(self.labels)
        facts = {"version": __version__, "study": told(study), "classes": classes, **wish.facts()}
        self._facts: dict[str, Any] = facts
        d, m, c = self.size, min(self.size, DIRECTIONS), classes
        real = torch.float64
        self._spread = tensors(FeatureMoments(np.array(0), np.zeros(d), np.zeros(d)))
        self._summary = Summary(
            torch.zeros(c, dtype=torch.int64),  # type: ignore[arg-type]
            torch.zeros(c, m, dtype=real),  # type: ignore[arg-type]
            torch.zeros(c, m, m, dtype=real),  # type: ignore[arg-type]
            torch.zeros(c, dtype=real),  # type: ignore[arg-type]
        )

    def summaries(self) -> Summaries:
        """What the sites told, in the order of their places."""
        places = list(self.attendance.places)
        trees: dict[str, Any] = {}
        if self.wish.noise == 0:
            spreads = self._asked("spread", "spread", places, {}, self._spread)
            lens = pooled_scale(list(spreads.values()), together=self.images)
            trees, places = {"lens": tensors(lens)}, list(spreads)
        found = self._asked("summarise", "summary", places, trees, self._summary)
        names = tuple(self.attendance.name(place) for place in found)
        epsilon = self.wish.noise or None
        return Summaries(names, self.labels, tuple(found.values()), epsilon)

    def _asked(
        self, verb: str, name: str, places: list[int], trees: dict[str, Any], like: Numbers
    ) -> dict[int, Numbers]:
        """Place -> numbers, of those that answered as they should."""
        letter = pack(verb, self._facts, trees)
        what = {"spread": "Spread of features", "summarise": "Summaries"}[verb]
        answers = self.attendance.collect(dict.fromkeys(places, letter), what)
        found = {}
        for place in places:
            if place in answers:
                try:
                    found[place] = _read(answers[place], name, like)
                except MessageError as error:
                    text = f"{what}: what {self.attendance.name(place)} told is not used: {error}."
                    self.attendance.tell({"event": "remark", "text": text})
        if len(found) < 2:
            raise InputError(
                f"{what}: {len(found)} sites told what can be used; a diagnosis compares at least "
                "two."
            )
        return found


def _read(answer: Parcel, name: str, like: Numbers) -> Numbers:
    numbers = unpack(answer, {name: like}).get(name)
    if numbers is None:
        raise MessageError("it holds no numbers")
    expected, found = shapes_of(like), shapes_of(numbers)
    if expected != found:
        raise MessageError(f"it holds {', '.join(found)}, not {', '.join(expected)}")
    if not finite(numbers):
        raise MessageError("its numbers are not finite")
    if bool((leaves(numbers)[0] < 0).any()):
        raise MessageError("it counts fewer than no samples")
    return _numbers(numbers)


def _numbers(tree: Numbers) -> Numbers:
    return type(tree)(*(leaf.numpy() for leaf in leaves(tree)))


def _labels(samples: SampleFormat, study: Study, wish: Wish) -> tuple[str, ...]:
    """The names of the classes."""
    if samples.task == "classes" and wish.label < 0:
        return study.classes or tuple(map(str, range(samples.classes)))
    some = np.zeros((1, samples.classes) if samples.task == "labels" else 1, np.int64)
    return classes_of(some, wish.label if wish.label >= 0 else None)[1]


def _dealt_samples(study: Study, seed: int) -> SampleFormat:
    held = deal_study(study, seed)
    return SampleFormat(tuple(held.x.shape[1:]), held.classes, held.task)


def _keep(folder: Path, found: Summaries) -> None:
    arrays = {
        f"{i}.{name}": leaf
        for i, one in enumerate(found.summaries)
        for name, leaf in items(tensors(one))
    }
    about = {"names": found.names, "labels": found.labels, "epsilon": found.epsilon}
    beside = _path(folder).with_suffix(".writing")
    write_tensors(beside, arrays, {"about": json.dumps(about)})
    os.replace(beside, _path(folder))


def _path(folder: Path) -> Path:
    return folder / "told.safetensors"
