"""How a site's own samples become those of the federation: what everybody has agreed on.

    fit     query -> answer     a question to each site while the preprocessing is fitted

A site gets its preparation with the first request of a run, and keeps it.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt, ValidationError

from unalike.data.preprocessing.preprocessing import Preprocessing, from_dict
from unalike.data.reading.label_evidence import LabelEvidence
from unalike.tasks import AUTO, TargetScale, Task, task_named

from .messages import MessageError

FIT = "fit"
"""The verb of a question about raw samples."""
Part = Literal["training", "all"]
"""The samples that are asked about: those that train with a seed, or all."""
About = Literal["features", "targets"]
"""What of these samples is asked about."""


class SampleDescription(BaseModel):
    """What a site says of its samples when it comes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[str, ...] = ()  # the features of a table, by name
    shape: tuple[NonNegativeInt, ...] = ()  # of one sample of an array
    labels: LabelEvidence
    task: str = AUTO
    kinds: dict[str, str] = {}  # of columns, where somebody at the site has said them
    scale: str = AUTO


class Preparation(BaseModel):
    """What is asked of the samples, where a site's own stand, and how they become numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    outputs: PositiveInt
    y_shape: tuple[NonNegativeInt, ...] = ()
    class_names: tuple[str, ...] = ()
    start: NonNegativeInt = 0  # of this site's samples, those of all sites one after the other
    preprocessing: dict[str, Any] | None = None  # None in a diagnosis with noise
    target_scale: TargetScale | None = None  # None: what is asked stays in its own unit

    def question(self) -> Task:
        """What is asked of a sample."""
        kind = task_named(self.task)
        return kind.of(self.outputs, self.y_shape, self.class_names).on_scale(self.target_scale)

    def fitted(self) -> Preprocessing:
        """How raw samples become numbers.

        Raises:
            MessageError: nobody has said it.
        """
        if self.preprocessing is None:
            raise MessageError("the question does not say how samples become numbers")
        try:
            return from_dict(self.preprocessing)
        except ValidationError:
            raise MessageError("what was fitted cannot be read") from None

    def facts(self) -> dict[str, Any]:
        """As plain values."""
        return {"preparation": self.model_dump(mode="json")}

    @classmethod
    def of(cls, facts: dict[str, Any]) -> Preparation | None:
        """The inverse of `facts`; None where a message brings none.

        Raises:
            MessageError: it cannot be read.
        """
        plain = facts.get("preparation")
        if plain is None:
            return None
        try:
            return cls.model_validate(plain)
        except ValidationError:
            raise MessageError("how samples are prepared cannot be read") from None
