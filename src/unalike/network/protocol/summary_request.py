"""What the server asks a site for a diagnosis, and how summaries of samples travel."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np
import torch

from unalike.diagnosis.summary import FeatureMoments, FeatureScale, Summary

from .messages import MessageError

SPREAD, SUMMARISE = "spread", "summarise"
"""The verbs of a diagnosis."""

SummaryPart = TypeVar("SummaryPart", FeatureMoments, FeatureScale, Summary)


@dataclass(frozen=True)
class SummaryRequest:
    """How samples are to be summarised."""

    noise: float = 0.0  # epsilon; 0: none
    label: int = -1  # of samples with many labels, the one to look at
    seed: int = 0

    @staticmethod
    def of(facts: dict[str, Any]) -> SummaryRequest | None:
        """The inverse of `facts`; None where a message is not for a diagnosis.

        Raises:
            MessageError: the facts cannot be read.
        """
        plain = facts.get("survey")
        if plain is None:
            return None
        try:
            return SummaryRequest(float(plain["noise"]), int(plain["label"]), int(plain["seed"]))
        except (KeyError, TypeError, ValueError):
            raise MessageError("the question for a diagnosis cannot be read") from None

    def facts(self) -> dict[str, Any]:
        """As plain values."""
        return {"survey": asdict(self)}


def as_tensors(summary: SummaryPart) -> SummaryPart:
    """The same numbers in a tree that can travel."""
    return type(summary)(*(torch.from_numpy(np.asarray(part)) for part in summary))  # type: ignore
