"""What a site took part in, for its own people: what it got and sent, and how well models did here.

    <token>/record.json    written anew after each message of the federation

It never leaves the site, and holds scores also where the site does not tell them.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from unalike.network.protocol.messages import Message
from unalike.study.files import write_atomically

Scores = dict[str, float]
"""The main measure on the site's own test samples, of the "personal" and the "global" model."""


class Exchange(BaseModel):
    """Messages of one kind."""

    messages: int = 0
    received: int = 0  # bytes
    sent: int = 0  # bytes


class RunOutcome(BaseModel):
    """How one run went at this site."""

    label: str
    seed: int
    rounds: int
    scores: dict[int, Scores] = {}  # by round
    over: bool = False  # whether the server has said so
    diverged: bool = False
    kept: int = 0  # the round whose model is in `file`; 0 where none is
    when: str = ""  # which one that is, "best" or "last"
    file: str = ""

    @property
    def chosen(self) -> int:
        """The round that is spoken of: that of the kept model, or else the last measured."""
        return self.kept or max(self.scores, default=0)

    def score(self, of: str) -> float | None:
        """The main measure of this kind of model after the round that is spoken of."""
        return self.scores.get(self.chosen, {}).get(of)


class SiteRecord(BaseModel):
    """Of one federation."""

    model_config = ConfigDict(extra="ignore")

    exchanged: dict[str, Exchange] = {}  # by verb
    runs: dict[str, RunOutcome] = {}
    samples: dict[str, int] = {}  # "training", "validation" and "test"

    @classmethod
    def read(cls, folder: Path) -> SiteRecord:
        """What was written there; nothing yet where it cannot be read."""
        try:
            return cls.model_validate_json((folder / "record.json").read_bytes())
        except (OSError, ValidationError):
            return cls()

    def write(self, folder: Path) -> None:
        """Write it there.

        Raises:
            UnwritableError: it cannot be.
        """
        write_atomically(folder / "record.json", self.model_dump_json(indent=1).encode())

    def note(self, request: Message, answer: Message) -> None:
        """Count a message and its answer."""
        counted = self.exchanged.setdefault(request.verb, Exchange())
        counted.messages += 1
        counted.received += _size(request)
        counted.sent += _size(answer)

    def add(self, exchanged: dict[str, Exchange]) -> None:
        """Count what was exchanged before the federation was known."""
        for verb, more in exchanged.items():
            counted = self.exchanged.setdefault(verb, Exchange())
            counted.messages += more.messages
            counted.received += more.received
            counted.sent += more.sent

    def run(self, label: str, seed: int, rounds: int) -> RunOutcome:
        """What is known of a run."""
        new = RunOutcome(label=label, seed=seed, rounds=rounds)
        return self.runs.setdefault(f"{label}, seed {seed}", new)

    def score(self, label: str, seed: int, of: str) -> float | None:
        """How well a method's model does here; None where that is not known."""
        found = self.runs.get(f"{label}, seed {seed}")
        return None if found is None else found.score(of)

    def beside(self, outcome: RunOutcome) -> Scores:
        """What a run's own model is to be seen beside: Local's, and the model for everybody."""
        shared = outcome.score("global")
        if shared is None and outcome.label != "fedavg":
            shared = self.score("fedavg", outcome.seed, "personal")
        alone = self.score("local", outcome.seed, "personal")
        known = {"Local": None if outcome.label == "local" else alone, "global": shared}
        return {name: value for name, value in known.items() if value is not None}


def _size(message: Message) -> int:
    frames = message.frames()
    return len(frames.head.encode()) + len(frames.body)
