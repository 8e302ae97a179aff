"""A site's own policy: what it takes part in, whoever asks. A TOML file, all of it optional.

servers = ["fl.example.org:9092"]    who may call
methods = ["fedavg", "fedrep"]       and no others
privacy = "local"                    at least: "central", or "local"
max_epsilon = 8                      of all that was answered from this state folder, and
delta = 1e-5                         what it holds with; needs privacy = "local"
max_rounds = 200                     of a run
max_bytes = 2000000000               sent from this state folder in all, by its audit log
hours = "20-6"                       of this machine's clock, when it works
tell = ["classes", "columns"]        what the server may be told; also "scores"
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import tomllib
from annotated_types import Ge, Gt, Lt
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from unalike.errors import InputError, unknown
from unalike.network.protocol.study_summary import StudySummary
from unalike.privacy import Privacy
from unalike.privacy.accountant import gaussian_epsilon, precision, require_accountant
from unalike.specification import reason

Told = Literal["classes", "columns", "scores"]
FORMER = {"accuracy": "scores"}
"""Names of earlier versions, and what is meant by them."""
STRENGTH = {"none": 0, "central": 1, "local": 2}


class Policy(BaseModel):
    """What a site agrees to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    servers: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    privacy: Literal["none", "central", "local"] = "none"
    max_epsilon: Annotated[float, Gt(0)] | None = None
    delta: Annotated[float, Gt(0), Lt(1)] = 1e-5
    max_rounds: Annotated[int, Ge(1)] | None = None
    max_bytes: Annotated[int, Ge(1)] | None = None
    hours: str | None = None
    tell: tuple[Told, ...] = ("classes", "columns", "scores")

    @field_validator("tell", mode="before")
    @classmethod
    def _present_names(cls, given: Any) -> Any:
        if not isinstance(given, list | tuple):
            return given
        return tuple(FORMER.get(name, name) if isinstance(name, str) else name for name in given)

    @field_validator("hours")
    @classmethod
    def _two_hours(cls, given: str | None) -> str | None:
        found = None if given is None else re.fullmatch(r"(\d{1,2})-(\d{1,2})", given)
        if given is not None and (found is None or not all(int(h) < 24 for h in found.groups())):
            raise ValueError('write two hours, as in "20-6"')
        return given

    def check_server(self, server: str) -> None:
        """Raise InputError where this server may not call."""
        if self.servers and server not in self.servers:
            raise InputError(
                f"This site's policy names the servers {', '.join(self.servers)} and not {server}."
            )

    def check_study(self, study: StudySummary) -> None:
        """Raise InputError where a study is more than this site agrees to."""
        for label in study.methods:
            self.check_method(study.kinds.get(label, label))
        self.check_round(study.rounds)
        self.check_privacy(study.privacy, study.rounds * len(study.methods) * study.seeds)

    def check_method(self, method: str) -> None:
        """Raise InputError where this method is not agreed to."""
        if self.methods and method not in self.methods:
            raise InputError(
                f"This site's policy allows {', '.join(self.methods)} and not {method}."
            )

    def check_round(self, t: int) -> None:
        """Raise InputError where a run has this many rounds or more, and too many."""
        if self.max_rounds is not None and t > self.max_rounds:
            raise InputError(f"This site's policy allows {self.max_rounds} rounds and not {t}.")

    def check_privacy(self, privacy: Privacy | None, answers: int) -> None:
        """Raise InputError where so many answers would be protected too little."""
        kind = "none" if privacy is None or privacy.noise == 0 else privacy.kind
        if STRENGTH[kind] < STRENGTH[self.privacy]:
            raise InputError(
                f"This site's policy asks for {self.privacy} privacy, and the study has {kind}."
            )
        if self.max_epsilon is None:
            return
        if privacy is None or kind != "local":
            raise InputError(
                f"This site's policy allows epsilon up to {self.max_epsilon:g}, and without local "
                "privacy there is no bound."
            )
        self._check_epsilon(answers * precision(privacy), f"{answers} answers would spend")

    def check_told(self, precisions: float, answers: int) -> None:
        """Raise InputError where all answers so far, the next one too, tell too much.

        precisions: of their noise, added up.
        """
        if self.max_epsilon is not None:
            self._check_epsilon(
                precisions, f"answer number {answers} from its state folder would make it"
            )

    def _check_epsilon(self, precisions: float, what: str) -> None:
        require_accountant()
        spent = gaussian_epsilon(precisions, self.delta)
        if self.max_epsilon is not None and spent > self.max_epsilon:
            raise InputError(
                f"This site's policy allows epsilon up to {self.max_epsilon:g} (delta "
                f"{self.delta:g}), and {what} {spent:.3g}."
            )

    def check_bytes(self, sent: int) -> None:
        """Raise InputError where all that may be sent has been sent."""
        if self.max_bytes is not None and sent >= self.max_bytes:
            raise InputError(
                f"This site's policy allows {self.max_bytes:,} bytes to be sent, and {sent:,} were."
            )

    def closed(self, now: datetime) -> str | None:
        """Why nothing is done at this hour; None where it is."""
        if self.hours is None:
            return None
        begin, end = (int(hour) for hour in self.hours.split("-"))
        within = begin <= now.hour < end if begin < end else not end <= now.hour < begin
        return None if within else f"this site works from {begin} to {end} o'clock"


def read_policy(path: Path) -> Policy:
    """The policy in a file.

    Raises:
        InputError: there is none, or it says something that makes no sense.
    """
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"--policy {path}: {error.strerror or error}.") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"--policy {path} is no TOML: {error}.") from None
    strange = next((name for name in content if name not in Policy.model_fields), None)
    if strange is not None:
        raise unknown(f"entry of {path}", strange, Policy.model_fields)
    try:
        return Policy.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = f"{path}: {'.'.join(str(part) for part in first['loc'])}"
        raise InputError(f"--policy {where} = {first['input']!r}: {reason(first)}.") from None
