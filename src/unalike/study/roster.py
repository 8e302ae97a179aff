"""Who takes part in a study whose clients are on other machines: what they told of themselves.

    sites.json    in the study's folder: the sites with their places, and what their samples share

A simulated study has no such file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unalike.data.federation import Federation
from unalike.data.preprocessing.preprocessing import Preprocessing, from_dict
from unalike.data.preprocessing.settings import PreprocessingSettings
from unalike.data.preprocessing.table_preprocessing import TablePreprocessing
from unalike.data.ragged import Ragged
from unalike.errors import InputError
from unalike.tasks import TargetScale, Task, task_named

from .files import write_atomically
from .settings import BASELINES, Study

OWN = "own"
"""The data of a study whose sites bring their own samples."""
DTYPE = torch.float32
PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Site:
    """One site, as it describes itself."""

    name: str
    mark: str  # drawn once by the site, so that two of one name can be told apart
    train: int = 0  # samples
    validation: int = 0
    test: int = 0
    label_counts: dict[str, int] = field(default_factory=dict)  # by class; empty where untold
    start: int = 0  # of its samples, those of all sites one after the other
    cuts: Sequence[Sequence[int]] = ()
    """Samples that train, validate and test by seed, where subjects of unlike size are cut."""

    @property
    def samples(self) -> int:
        """How many it has told of."""
        return self.train + self.validation + self.test

    def sizes(self, seed: int) -> dict[str, int]:
        """Samples by part, as they are cut with a seed."""
        usual = (self.train, self.validation, self.test)
        cut = self.cuts[seed] if seed < len(self.cuts) else usual
        return dict(zip(PARTS, cut, strict=True))


@dataclass(frozen=True)
class SampleFormat:
    """What the samples of all sites have in common, as they were brought."""

    shape: tuple[int, ...]  # of one sample of an array
    classes: int  # or labels, tokens, targets; 1 for a number or a time
    task: str
    columns: tuple[str, ...] = ()  # of a table, by name; none of arrays
    y_shape: tuple[int, ...] = ()  # of one sample's y
    class_names: tuple[str, ...] = ()
    settings: PreprocessingSettings = field(default_factory=PreprocessingSettings)

    @property
    def question(self) -> Task:
        """What is asked of a sample."""
        return task_named(self.task).of(self.classes, self.y_shape, self.class_names)

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {**asdict(self), "settings": self.settings.model_dump(mode="json")}

    @classmethod
    def of(cls, plain: dict[str, Any]) -> SampleFormat:
        """The inverse of `plain`."""
        lists = ("shape", "columns", "y_shape", "class_names")
        settings = PreprocessingSettings.model_validate(plain["settings"])
        listed = {name: tuple(plain[name]) for name in lists}
        return cls(**{**plain, **listed, "settings": settings})


@dataclass
class Roster:
    """The places of a federation, and who has them: row i of the study is `places[i]`.

    Where the study deals its own data (a rehearsal), a place is known before its site comes.
    """

    token: str  # of this federation: private states are kept under it
    places: list[Site | None]
    samples: SampleFormat | None = None
    dealt: bool = False
    begun: bool = False  # places and classes are settled, because training has begun
    fitted: dict[str, dict[str, Any]] = field(default_factory=dict)  # preprocessing by seed
    target_scales: dict[str, dict[str, Any]] = field(default_factory=dict)  # by seed, where scaled
    folder: Path | None = field(default=None, repr=False)

    def row(self, name: str) -> int | None:
        """The place of a site."""
        found = [i for i, site in enumerate(self.places) if site and site.name == name]
        return found[0] if found else None

    def write(self) -> None:
        """Save in the study's folder."""
        if self.folder is not None:
            plain = asdict(replace(self, samples=None))
            plain["samples"] = None if self.samples is None else self.samples.plain()
            del plain["folder"]
            write_atomically(_path(self.folder), json.dumps(plain, indent=2).encode())

    def settle_starts(self) -> None:
        """Number the samples of all sites, one place after the other."""
        start = 0
        for i, site in enumerate(self.places):
            if site is not None:
                self.places[i] = replace(site, start=start)
                start += site.samples

    def start_of(self, place: int) -> int:
        """The number of the first sample that a site at this place has: those before it count."""
        return sum(site.samples for site in self.places[:place] if site is not None)

    def preprocessing(self, seed: int) -> Preprocessing | None:
        """How raw samples become numbers with this seed; None where that is not known yet."""
        plain = self.fitted.get(str(seed))
        return None if plain is None else from_dict(plain)

    def target_scale(self, key: str) -> TargetScale | None:
        """The scale of what is asked with this seed; None where it stays in its own unit."""
        plain = self.target_scales.get(key)
        return None if plain is None else TargetScale.model_validate(plain)

    def federation(self, seed: int = 0) -> Federation:
        """Who holds how much; the samples themselves are elsewhere.

        Places that are still empty are said to hold as much as the (lower) median of the others.

        Raises:
            InputError: nothing is known of the samples yet.
        """
        samples, fitted = self.samples, self.preprocessing(seed)
        if samples is None:
            raise InputError("No site has described its samples yet.")
        if fitted is None:
            raise InputError(f"The preprocessing of seed {seed} has not been fitted yet.")
        x = _placeholder_samples(samples, fitted)
        names = tuple(
            site.name if site else f"place {i + 1}, empty" for i, site in enumerate(self.places)
        )
        return RemoteFederation(
            x=x,
            y=_placeholder_labels(samples),
            x_test=x[:0],
            y_test=_placeholder_labels(samples)[:0],
            train=_lists_of_sizes(self._sizes("train", seed, at_least=1)),
            validation=_lists_of_sizes(self._sizes("validation", seed)),
            test=_lists_of_sizes(self._sizes("test", seed)),
            names=names,
            newcomers=np.zeros(len(self.places), dtype=bool),
            pooled_test=np.zeros(0, np.int64),
            task=samples.question.on_scale(self.target_scale(str(seed))),
            preprocessing=fitted,
            reported_counts=self._reported_counts(samples),
        )

    def _sizes(self, part: str, seed: int, at_least: int = 0) -> NDArray[np.int64]:
        known = [site.sizes(seed)[part] for site in self.places if site]
        usual = sorted(known)[(len(known) - 1) // 2] if known else 0
        sizes = [site.sizes(seed)[part] if site else usual for site in self.places]
        return np.maximum(np.array(sizes, dtype=np.int64), at_least)

    def _reported_counts(self, samples: SampleFormat) -> NDArray[np.int64]:
        names = samples.question.class_names
        told = [site.label_counts if site else {} for site in self.places]
        return np.array([[one.get(name, 0) for name in names] for one in told], np.int64).reshape(
            len(told), len(names)
        )


@dataclass(frozen=True, eq=False)
class RemoteFederation(Federation):
    """A federation whose samples are on other machines: names and sizes alone."""

    reported_counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 0), np.int64))

    @property
    def label_counts(self) -> NDArray[np.int64]:
        """Samples of each class as the sites told: [N, classes], zeros of those that did not."""
        return self.reported_counts


def read_sites(folder: Path) -> Roster | None:
    """The sites of the study in this folder; None where it is simulated."""
    path = _path(folder)
    if not path.exists():
        return None
    try:
        plain: dict[str, Any] = json.loads(path.read_text("utf-8"))
        samples = plain["samples"]
        return Roster(
            token=plain["token"],
            places=[Site(**site) if site else None for site in plain["places"]],
            samples=SampleFormat.of(samples) if samples else None,
            fitted=plain["fitted"],
            target_scales=plain["target_scales"],
            dealt=plain["dealt"],
            begun=plain["begun"],
            folder=folder,
        )
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            f"{path} is damaged: take it from a backup, or begin the study anew."
        ) from None


def methods_run(study: Study, folder: Path) -> list[str]:
    """The methods of the study in this folder.

    Over a network, Local and FedAvg are among them only where they were asked for or have begun.
    """
    if not _path(folder).exists():
        return study.labels()
    begun = {path.name for path in (folder / "runs").glob("*")}
    asked = {*study.methods, *begun}
    return [label for label in study.labels() if label not in BASELINES or label in asked]


def _path(folder: Path) -> Path:
    return folder / "sites.json"


def _lists_of_sizes(sizes: NDArray[np.int64]) -> Ragged:
    return Ragged.of(np.zeros(0, np.int64), sizes)


def _placeholder_samples(samples: SampleFormat, fitted: Preprocessing) -> torch.Tensor:
    if isinstance(fitted, TablePreprocessing):
        return torch.zeros(1, len(fitted.feature_names), dtype=DTYPE)
    return torch.zeros(1, *samples.shape, dtype=torch.int64 if fitted.integers else DTYPE)


def _placeholder_labels(samples: SampleFormat) -> torch.Tensor:
    none = samples.question.no_truth()
    return none.new_zeros(1, *none.shape[1:])
