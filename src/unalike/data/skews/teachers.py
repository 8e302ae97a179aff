"""Concept shift by teachers: each group of clients has a linear one, who names everything anew.

    y = argmax_c (w_gc x + b_gc),    (w_g, b_g) = sqrt(1 - s) Z + sqrt(s) Z_g,    Z, Z_g ~ N(0, 1)

x is centred and scaled as a whole; s is the strength. Meant for synthetic samples, whose own names
mean little.

Source  after Marfoq et al., NeurIPS 2021 (arXiv:2108.10252), and Li et al., MLSys 2020
        (arXiv:1812.06127), where teachers make the whole data set
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field

from unalike.data.federated_data import Data, FederatedData
from unalike.data.truth import Truth
from unalike.errors import InputError
from unalike.functional.streams import generator

from .concept import ConceptGroups
from .skew import Family, TransformSkew, by_unit, draw_units


class Teachers(TransformSkew):
    """All samples are named anew by the teacher of the client's group."""

    family: ClassVar[Family] = "concept"
    meaning: ClassVar[str] = "a random linear teacher of each group of clients names its samples"

    kind: Literal["teachers"] = "teachers"
    groups: ConceptGroups = 2
    strength: Annotated[
        float, Field(ge=0, le=1, description="0: one teacher for all; 1: independent ones")
    ] = 1.0

    def transform(self, federation: Data, *, seed: int) -> tuple[Data, Truth]:
        owner = np.concatenate(federation.owners())
        _check(federation, bool((owner < 0).any()))
        unit = draw_units(federation.clients, self.groups, "data/teachers", seed)
        x = np.concatenate([federation.x.numpy(), federation.x_test.numpy()])
        x = x.reshape(len(x), -1).astype(np.float64)
        x = (x - x.mean(0)) / max(float(x.std()), 1e-12)
        x = np.hstack([x, np.ones((len(x), 1))])
        shape = x.shape[1], federation.classes
        shared = generator(seed, "data/teachers/shared").standard_normal(shape)
        labels = np.empty(len(x), np.int64)
        for g, rows in by_unit(unit[owner]):
            own = generator(seed, "data/teachers/own", g).standard_normal(shape)
            teacher = np.sqrt(1 - self.strength) * shared + np.sqrt(self.strength) * own
            labels[rows] = (x[rows] @ teacher).argmax(1)
        y, y_test = np.split(labels, [len(federation.y)])
        named = replace(federation, y=torch.from_numpy(y), y_test=torch.from_numpy(y_test))
        drawn = tuple(f"teacher {g + 1}" for g in range(self.groups or federation.clients))
        return named, Truth(self.kind, unit, drawn)


def _check(federation: FederatedData, official: bool) -> None:
    if not federation.task.holds_classes:
        raise InputError("Only samples of one class each can be named by teachers.")
    if official:
        raise InputError(
            "Teachers name the samples of the clients anew, so an official test set would mean "
            "nothing: judge global models on the clients' own test samples instead."
        )
