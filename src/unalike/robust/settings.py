"""Which rule is asked for, from a study file, the command line or Python."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import SerializeAsAny
from torch import Tensor

from unalike.errors import InputError
from unalike.specification import parse_specification, specification_of, validate_kind

from .caps import Caps
from .clipping import CentredClipping
from .foolsgold import FoolsGold
from .geometric_median import GeometricMedian
from .krum import Krum, MultiKrum
from .median import CoordinateMedian
from .rule import Rule, Weighted
from .trimmed_mean import TrimmedMean

RULES: dict[str, type[Rule]] = {
    cls.model_fields["kind"].default: cls
    for cls in (
        Caps,
        CoordinateMedian,
        TrimmedMean,
        Krum,
        MultiKrum,
        GeometricMedian,
        CentredClipping,
        FoolsGold,
    )
}
NONE = "none"


class Memories(NamedTuple):
    """What two rules remember."""

    first: Any
    then: Any


class Capped(Rule):
    """Caps, and then another rule among the capped answers."""

    meaning: ClassVar[str] = "caps weights and lengths, and then goes on with another rule"

    kind: Literal["capped"] = "capped"
    caps: Caps
    rule: SerializeAsAny[Rule]

    @property
    def fewest(self) -> int:
        return self.rule.fewest

    def memory(self, population: int, w: Tensor) -> Memories:
        return Memories(self.caps.memory(population, w), self.rule.memory(population, w))

    def apply(self, answers: Weighted, memory: Any) -> tuple[Weighted, Any]:
        answers, first = self.caps.apply(answers, memory.first)
        answers, then = self.rule.apply(answers, memory.then)
        return answers, Memories(first, then)


def parse_rule(given: Any) -> Rule | None:
    """The rule in a text such as "trimmed:share=0.2" or "caps+median"; None for "none".

    Raises:
        InputError: an unknown rule or setting, a value that makes no sense, or other rules in a
            row than caps and one more.
    """
    if given is None or isinstance(given, Rule):
        return given
    if not isinstance(given, str):
        raise InputError(f'robust = {given!r}: give the name of a rule, such as "median".')
    if given.strip() == NONE:
        return None
    rules = [_rule(part) for part in re.split(r"\+(?=\s*[a-z])", given)]
    if len(rules) == 1:
        return rules[0]
    caps, *others = rules
    if len(others) > 1 or not isinstance(caps, Caps) or isinstance(others[0], Caps):
        raise InputError(
            f"robust = {given!r}: only caps can come before another rule, as in caps+median."
        )
    return Capped(caps=caps, rule=others[0])


def rule_text(rule: Rule | None) -> str:
    """The rule as a text that `parse_rule` reads."""
    if rule is None:
        return NONE
    if isinstance(rule, Capped):
        return f"{specification_of(rule.caps)}+{specification_of(rule.rule)}"
    return specification_of(rule)


def _rule(text: str) -> Rule:
    example = "trimmed:share=0.2"
    return validate_kind(
        {**RULES}, parse_specification(text, "robust rule", example), "robust rule"
    )
