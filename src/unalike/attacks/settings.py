"""Which attack is asked for, from a study file, the command line or Python."""

from __future__ import annotations

from typing import Any

from unalike.errors import InputError
from unalike.specification import parse_specification, validate_kind

from .attack import Attack
from .omniscient import InnerProduct, LittleIsEnough
from .own_answers import Noise, Scaling, SignFlip
from .own_samples import Backdoor, LabelFlip

ATTACKS: dict[str, type[Attack]] = {
    cls.model_fields["kind"].default: cls
    for cls in (SignFlip, Scaling, Noise, LabelFlip, Backdoor, LittleIsEnough, InnerProduct)
}
NONE = "none"


def parse_attack(given: Any) -> Attack | None:
    """The attack in a text such as "sign-flip:share=0.2,scale=10"; None for "none".

    Raises:
        InputError: an unknown attack or setting, or a value that makes no sense.
    """
    if given is None or isinstance(given, Attack):
        return given
    if not isinstance(given, str):
        raise InputError(f'attack = {given!r}: give the name of an attack, such as "sign-flip".')
    if given.strip() == NONE:
        return None
    found: Attack = validate_kind(
        {**ATTACKS}, parse_specification(given, "attack", "sign-flip:share=0.2,scale=10"), "attack"
    )
    return found
