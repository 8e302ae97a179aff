"""What a server says of its study to a site that has not joined yet: enough to decide by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unalike.method_files import read_top
from unalike.privacy import Privacy

if TYPE_CHECKING:
    from unalike.study.settings import Study

MOST = 200
"""Letters of a name that somebody else has given."""


class StudySummary(BaseModel):
    """A study in short."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    methods: tuple[str, ...] = Field(max_length=200)  # that will run, by label; none: a diagnosis
    kinds: dict[str, str] = {}  # label -> method, where these differ
    rounds: int = Field(ge=1)
    seeds: int = Field(ge=1)
    model: str = Field(max_length=MOST)
    task: str = Field(max_length=MOST)
    privacy: Privacy | None = None

    @staticmethod
    def of(study: Study, *, baselines: bool, diagnose: bool = False) -> StudySummary:
        """Of a study whose Local and FedAvg run too, or not; or of a diagnosis."""
        from unalike.study.settings import BASELINES

        labels = [
            label
            for label in study.labels()
            if not diagnose and (baselines or label not in BASELINES or label in study.methods)
        ]
        given = {label: study.settings.get(label, {}).get("method", label) for label in labels}
        return StudySummary(
            methods=tuple(labels),
            kinds={label: kind for label, kind in given.items() if kind != label},
            rounds=study.rounds,
            seeds=study.seeds,
            model=study.model,
            task=study.task,
            privacy=study.privacy,
        )

    @staticmethod
    def read(facts: Any) -> StudySummary | None:
        """The inverse of `model_dump`; None where a server says nothing that can be read."""
        if not isinstance(facts, Mapping):
            return None
        try:
            return StudySummary.model_validate(facts)
        except ValidationError:
            return None

    def sentences(self) -> list[str]:
        """What a person at the site should know before it joins."""
        runs = f"{self.rounds} rounds" + (f", {self.seeds} times" if self.seeds > 1 else "")
        if not self.methods:
            return ["A diagnosis: nothing is trained; sites tell summaries of their samples."]
        methods = ", ".join(self.methods)
        told = [f"The study: task {self.task}, model {self.model}, {runs}, by {methods}."]
        told += [f"{label} sends: {_wire(self.kinds.get(label, label))}" for label in self.methods]
        if self.privacy is None:
            told.append("Nothing of what is sent is clipped or noised.")
        else:
            told.append(self.privacy.sentence().capitalize())
        return told


def _wire(method: str) -> str:
    """What a method sends; torch is loaded only for one that no file of unalike's own describes."""
    top = read_top(method)
    if top is not None:
        return top["wire"]
    from unalike.methods import METHODS
    from unalike.methods.header import header

    return header(METHODS[method]).wire if method in METHODS else "what its file says under Wire"
