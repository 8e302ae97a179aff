"""The temporal skews of a study: what a client holds in a round depends on the round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field

from unalike.data.federated_data import Data
from unalike.data.truth import Truth
from unalike.data.windows import Windows
from unalike.errors import InputError

from .feature_transforms import check_transform, transform_samples
from .skew import Family, Skew, TransformSkew
from .window_assignment import Floats, assign_windows, drift_law

Law = Annotated[
    Literal["linear", "step", "sine"], Field(description="how the drift goes over time")
]


class TemporalSkew(Skew):
    """A skew that cuts the rounds into windows."""

    family: ClassVar[Family] = "temporal"

    windows: Annotated[
        int, Field(ge=2, description="windows of rounds; clients hold the samples of one")
    ] = 5


class LabelDrift(TemporalSkew):
    """The shares of the classes drift, another way in each client."""

    meaning: ClassVar[str] = "in each client some classes come early and others late"

    kind: Literal["label-drift"] = "label-drift"
    law: Law = "linear"
    strength: Annotated[
        float, Field(ge=0, le=1, description="0: chance alone; 1: as far as the law allows")
    ] = 0.5


class Arrival(TemporalSkew):
    """Classes arrive one after the other, in another order in each client."""

    meaning: ClassVar[str] = "classes that a client has not seen before arrive over time"

    kind: Literal["arrival"] = "arrival"
    first: Annotated[int, Field(ge=1, description="classes that are there from the start")] = 2


class FeatureDrift(TemporalSkew, TransformSkew):
    """A lens of each client that grows stronger over time, from not at all."""

    meaning: ClassVar[str] = "what a client sees changes over time, each client its own way"

    kind: Literal["feature-drift"] = "feature-drift"
    law: Law = "linear"
    lens: Annotated[
        Literal["gain", "shift", "contrast", "gamma", "field", "turn"],
        Field(description="what changes; turn: the angle of images"),
    ] = "gain"
    strength: Annotated[
        float, Field(ge=0, allow_inf_nan=False, description="of the lens where the law is at 1")
    ] = 1.0

    def transform(self, federation: Data, *, seed: int) -> tuple[Data, Truth | None]:
        time = federation.window
        if time is None:
            raise InputError("The skew feature-drift needs samples that come in windows.")
        check_transform(tuple(federation.x.shape[1:]), self.lens, self.strength)
        owner = federation.owners()
        sd = float(federation.x.numpy()[owner[0] >= 0].std())
        degree = self.strength * drift_law(self.law, time.number)
        parts = []
        for samples, mine, window in zip(
            (federation.x, federation.x_test), owner, (time.samples, time.tests), strict=True
        ):
            x = samples.numpy().copy()
            for t in range(time.number):
                rows = np.flatnonzero((window == t) & (mine >= 0))
                x[rows] = transform_samples(
                    x[rows],
                    mine[rows],
                    kind=self.lens,
                    strength=float(degree[t]),
                    seed=seed,
                    purpose=f"data/feature-drift/{self.lens}",
                    sd=sd,
                )
            parts.append(torch.from_numpy(x))
        return replace(federation, x=parts[0], x_test=parts[1]), None


def with_windows(federation: Data, skews: Sequence[TemporalSkew], *, seed: int) -> Data:
    """The federation with the window in which each sample comes.

    Raises:
        InputError: the skews cut time differently, or classes drift where samples have many labels.
    """
    count = skews[0].windows
    for skew in skews:
        if skew.windows != count:
            raise InputError(
                f"The skews {skews[0].kind} and {skew.kind} cut time into {count} and "
                f"{skew.windows} windows: give both the same number."
            )
    tilt: Floats = np.zeros(count)
    first: int | None = None
    for skew in skews:
        if isinstance(skew, (LabelDrift, Arrival)) and not federation.task.holds_classes:
            raise InputError(f"The skew {skew.kind} needs samples of one class each.")
        if isinstance(skew, LabelDrift):
            tilt = skew.strength * (2 * drift_law(skew.law, count) - 1)
        if isinstance(skew, Arrival):
            first = skew.first
    owner = np.concatenate(federation.owners())
    labels = np.zeros(len(owner), np.int64)
    if federation.task.holds_classes:
        labels = np.concatenate([federation.y.numpy(), federation.y_test.numpy()])
    window = np.zeros(len(owner), np.int64)
    held = owner >= 0
    window[held] = assign_windows(labels[held], owner[held], tilt, first=first, seed=seed)
    samples, tests = np.split(window, [len(federation.x)])
    return replace(federation, window=Windows(count, samples, tests))
