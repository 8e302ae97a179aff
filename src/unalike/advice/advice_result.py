"""What is advised: as data, and in sentences that claim no more than the clients say."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from html import escape
from typing import Any

from unalike.diagnosis.diagnosis_result import Diagnosis
from unalike.methods import METHODS
from unalike.methods.header import header
from unalike.results.units import count, listed
from unalike.tasks import Measure

from .client_differences import LEVEL, Difference
from .evidence import Evidence
from .final_test import FinalTest, Gain
from .heats import RaceSchedule
from .method_choice import Choice, Unproven
from .race import Contestant, Stage
from .rules import Proposal


@dataclass(frozen=True, eq=False)
class Advice:
    """A diagnosis, a shortlist, a race, a choice, and its test."""

    diagnosis: Diagnosis  # of the known samples
    shortlist: tuple[Proposal, ...]  # who raced, and why
    unfit: dict[str, str]  # proposed, but pointless or impossible here: why
    plan: RaceSchedule  # settings, heats and the most that they may cost
    stages: tuple[Stage, ...]  # the heats as they went
    spent: int  # gradients of single samples in the race
    choice: Choice  # who is advised, who led, who did as well
    measured: FinalTest  # on the test samples, once
    settings: dict[str, Any]  # the study as resolved

    @property
    def method(self) -> str:
        """The name of the advised method."""
        return self.choice.advised.method

    @property
    def main(self) -> Measure:
        """By what methods are compared: the main measure of what is asked."""
        return self.measured.comparison.task.main

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """Its settings."""
        return dict(self.choice.advised.settings)

    @property
    def headline(self) -> str:
        """The advice in one sentence."""
        name = contestant_title(self.choice.advised)
        if self.choice.unproven is not None:
            return f"For these clients nothing is shown to beat training alone: {name}."
        if self.method == "local":
            return f"For these clients nothing helps beyond training alone: {name}."
        over = self._over("local")
        if over.gain.mean < 0:
            return (
                f"The race chose {name}, but the test samples speak against it: "
                f"{gain_text(over, self.main)}. Training alone is the safer choice."
            )
        lead = "For these clients"
        if self.method == "fedavg":
            lead += " one shared model will do"
        text = f"{lead}: {name}; {gain_text(over, self.main)}"
        if not over.gain.excludes_zero:
            text += ", which these clients cannot tell from training alone"
        return text + "."

    @property
    def sentences(self) -> tuple[str, ...]:
        """The advice in full."""
        return (
            self.headline,
            *self._certainty(),
            *self._worse(),
            *self._beside_fedavg(),
            *self._cost(),
            *self._ties(),
            *self._reasons(),
            *self._limits(),
        )

    def __str__(self) -> str:
        return "\n".join(self.sentences)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        first, *others = map(escape, self.sentences)
        listed_others = "".join(f"<li>{sentence}</li>" for sentence in others)
        return f"<p><b>{first}</b></p><ul>{listed_others}</ul>"

    def _over(self, method: str) -> Gain:
        return next(gain for gain in self.measured.gains if gain.over == method)

    def _certainty(self) -> list[str]:
        """How sure the race is that the advised method helps."""
        gain = self.choice.gain
        if gain is None or math.isnan(gain.score.sure):
            return []
        return [
            f"How sure: in the race it was {self.main.gain_text(gain.score.mean)} beside Local "
            f"{interval_text(gain.score, self.main)}, better than training alone with a confidence "
            f"of {confidences_text(gain, self.main)}."
        ]

    def _worse(self) -> list[str]:
        if self.method == "local":
            return []
        worse = self._over("local").worse
        if not worse:
            return ["Nobody is better off alone."]
        verb = "is" if len(worse) == 1 else "are"
        return [f"{len(worse)} {verb} better off alone: {listed(worse)}."]

    def _beside_fedavg(self) -> list[str]:
        if self.method == "fedavg":
            return ["No personal model paid: none was above FedAvg by more than noise."]
        gain = self._over("fedavg").gain
        text = f"Beside FedAvg: {self.main.gain_text(gain.mean)} {interval_text(gain, self.main)}"
        return [text + ("." if gain.excludes_zero else ", not to be told apart.")]

    def _cost(self) -> list[str]:
        ratio = self.measured.bytes_ratio
        if self.method in ("local", "fedavg") or math.isnan(ratio):
            return [] if self.method == "fedavg" else ["It sends nothing."]
        return [f"It sends {ratio:.1f} x FedAvg's bytes."]

    def _ties(self) -> list[str]:
        choice = self.choice
        said = []
        if choice.unproven is not None:
            gain = choice.unproven.gain
            said.append(
                f"{contestant_title(choice.unproven.contestant)} was "
                f"{self.main.gain_text(gain.score.mean)} beside Local in the race "
                f"{interval_text(gain.score, self.main)}: too little to prefer it to training alone"
                + _asked_for(gain, self.main)
            )
        elif choice.advised is not choice.leader:
            said.append(self._passed_over())
        shown = {choice.advised.method, choice.leader.method}
        equals = [r.contestant for r in choice.ties if r.contestant.method not in shown]
        if equals:
            names = listed([contestant_title(one) for one in equals])
            said.append(f"As good as the leader, as far as the race can say: {names}.")
        return said

    def _passed_over(self) -> str:
        """Why the leader of the race is not the advised."""
        choice = self.choice
        rival = next(r for r in choice.rivals if r.contestant is choice.advised)
        ahead = self.main.unit.difference(rival.behind.mean, signed=False)
        led = f"{contestant_title(choice.leader)} led the race by {ahead}, "
        if not choice.leader_shown:
            return led + "but is not shown to beat training alone; what is advised is shown to."
        simpler = choice.advised.effort < choice.leader.effort
        why = "is simpler" if simpler else "has the least loss"
        return led + f"which is within noise; what {why} is advised."

    def _reasons(self) -> list[str]:
        for proposal in self.shortlist:
            if proposal.method == self.method:
                return [f"Why it was in the race: {'; '.join(proposal.reasons)}."]
        return []

    def _limits(self) -> list[str]:
        seeds = self.settings["seeds"]
        said = [
            f"{self.main.capitalised} is that of test samples that the race never saw, mean over "
            f"{seeds} {'seeds' if seeds > 1 else 'seed'}; intervals are 90 %, over clients. The "
            f"race computed {count(self.spent)} gradients of samples."
        ]
        if "temporal" in self.diagnosis.found:
            said.append(
                "The clients drift with time, which no race on shuffled samples can judge: "
                "repeat it now and then."
            )
        if self.plan.left_out:
            said.append(f"Left out for want of budget: {listed(self.plan.left_out)}.")
        return said

    def to_json(self) -> str:
        """Everything but the diagnosis's details, as JSON; what does not exist is null."""
        choice, measured = self.choice, self.measured
        whole = {
            "headline": self.headline,
            "sentences": self.sentences,
            "method": self.method,
            "hyperparameters": self.hyperparameters,
            "settings": self.settings,
            "diagnosis": {
                "headline": self.diagnosis.headline,
                "found": self.diagnosis.found,
                "groups": self.diagnosis.groups.count,
            },
            "shortlist": [proposal._asdict() for proposal in self.shortlist],
            "unfit": self.unfit,
            "left_out": self.plan.left_out,
            "race": {
                "price": self.plan.price,
                "spent": self.spent,
                "stages": [_stage(stage, self.main) for stage in self.stages],
            },
            "choice": {
                "unproven": None if choice.unproven is None else _unproven(choice.unproven),
                "gain_over_local": None if choice.gain is None else _evidence(choice.gain),
                "leader": _contestant(choice.leader),
                "advised": _contestant(choice.advised),
                "rivals": [
                    {
                        **_contestant(rival.contestant),
                        "behind": rival.behind.mean,
                        "low": rival.behind.low,
                        "high": rival.behind.high,
                        "tied": rival.tied,
                    }
                    for rival in choice.rivals
                ],
            },
            "test": {
                self.main.name: measured.scores,
                "gains": [
                    {
                        "over": gain.over,
                        **_difference(gain.gain),
                        "clients": gain.clients,
                        "worse": gain.worse,
                    }
                    for gain in measured.gains
                ],
                "bytes_ratio": measured.bytes_ratio,
                "gradients": measured.gradients,
            },
        }
        return json.dumps(_finite(whole), indent=1, allow_nan=False)


def contestant_title(one: Contestant) -> str:
    """The printed name of a contestant, with its settings."""
    pairs = ", ".join(f"{name} {_short(value)}" for name, value in one.settings.items())
    title = header(METHODS[one.method]).title
    return f"{title} ({pairs})" if pairs else title


def gain_text(gain: Gain, main: Measure) -> str:
    """By how much, for how many, with what certainty."""
    alone = "Local" if gain.over == "local" else "FedAvg"
    over = "over" if main.gain_text(gain.gain.mean)[0] in "+-0" else "than"
    return (
        f"{main.gain_text(gain.gain.mean)} {over} {alone} {interval_text(gain.gain, main)}, "
        f"better for {len(gain.better)} of {len(gain.clients)}"
    )


def interval_text(gain: Difference, main: Measure) -> str:
    """(90 % interval +1.0 to +2.0 points)."""
    if math.isnan(gain.low):
        return "(no interval)"
    return f"(90 % interval {main.interval_text(gain.low, gain.high)})"


def confidence_text(sure: float) -> str:
    """A share that is never said to be certain."""
    return "more than 99.9 %" if sure > 0.999 else f"{100 * sure:.3g} %"


def confidences_text(gain: Evidence, main: Measure) -> str:
    """With which confidence something is better, by score and by loss."""
    text = f"{confidence_text(gain.score.sure)} by {main.title}"
    if math.isnan(gain.loss.sure) or gain.loss.mean <= 0:
        return text
    return f"{text} and of {confidence_text(gain.loss.sure)} by loss"


def _asked_for(gain: Evidence, main: Measure) -> str:
    """The confidence that was missing."""
    if math.isnan(gain.score.sure) or gain.score.mean <= 0:
        return "."
    asked = f"{100 * (1 + LEVEL) / 2:.0f} %"
    return f" (a confidence of {confidences_text(gain, main)} where {asked} is asked for)."


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _contestant(one: Contestant) -> dict[str, Any]:
    return {"label": one.label, "method": one.method, "hyperparameters": one.settings}


def _unproven(one: Unproven) -> dict[str, Any]:
    return {**_contestant(one.contestant), **_evidence(one.gain)}


def _evidence(gain: Evidence) -> dict[str, Any]:
    return {
        **_difference(gain.score),
        "sure": gain.score.sure,
        "loss": {**_difference(gain.loss), "sure": gain.loss.sure},
    }


def _difference(gap: Difference) -> dict[str, float]:
    return {"mean": gap.mean, "low": gap.low, "high": gap.high}


def _stage(stage: Stage, main: Measure) -> dict[str, Any]:
    return {
        "name": stage.name,
        "rounds": stage.heat.rounds,
        "folds": stage.heat.folds,
        "entries": [
            {**_contestant(entry.contestant), main.name: -main.key(entry.score)}
            for entry in stage.entries
        ],
    }


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
