"""The contract that every registered method keeps: the laws of `unalike.testing`, and a header.

Driven by the registry: a new method is tested as soon as it is registered, and fails until its own
test file declares a `Contract`, which says what it sends and, where the usual small world does not
suit it, in which world and with which settings it is tried.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from typing import Annotated, Any, get_args, get_origin

import pytest

from contract import contract_of
from unalike.core import Method
from unalike.methods import METHODS
from unalike.methods.header import hints_of
from unalike.testing import Law, Trial, World, laws_for

every_method = pytest.mark.parametrize("name", METHODS)
EVERY_LAW = [(name, law) for name in METHODS for law in laws_for(METHODS[name])]


@cache
def trial(name: str) -> Trial:
    """The method on trial, as its contract says."""
    return Trial(METHODS[name], contract_of(name))


def made(name: str, **settings: Any) -> Method:
    """The method with the settings of its contract."""
    return trial(name).made(**settings)


def world(name: str, *args: Any, **kwargs: Any) -> World:
    """The world in which the method is tried."""
    return trial(name).contract.world(*args, **kwargs)


@pytest.mark.parametrize(
    ("name", "law"), EVERY_LAW, ids=[f"{name}-{law.name}" for name, law in EVERY_LAW]
)
def test_law(name: str, law: Law) -> None:
    law.check(trial(name))


@every_method
def test_every_setting_says_what_it_means(name: str) -> None:
    for setting, hint in hints_of(METHODS[name]).items():
        assert get_origin(hint) is Annotated, f"{setting} has no meaning"
        meaning = [part for part in get_args(hint)[1:] if isinstance(part, str)]
        assert len(meaning) == 1, setting
        assert meaning[0].strip(), setting


def header(name: str) -> dict[str, str]:
    """The four keys of a method's docstring."""
    text = sys.modules[METHODS[name].__module__].__doc__ or ""
    parts = re.split(r"^(Source|Wire|Ours|Avoid)\s+", text, flags=re.MULTILINE)
    return {"idea": parts[0].strip()} | dict(zip(parts[1::2], parts[2::2], strict=True))


@every_method
def test_the_header_is_honest(name: str) -> None:
    said = header(name)
    assert list(said) == ["idea", "Source", "Wire", "Ours", "Avoid"]
    assert all(text.strip() for text in said.values()), said
    assert said["idea"].count("\n") <= 1
    assert said["idea"].endswith(".")
    assert said["Avoid"].startswith("when "), "Avoid says when not to use it"
    assert ". " not in said["Avoid"], "one sentence"
    years = re.findall(r"\b(?:19|20)\d\d\b", said["Source"])
    assert years or "no paper of its own" in said["Source"], "Source names no year"
    declared = contract_of(name)
    assert said["Wire"].startswith("nothing") == (declared.down == declared.up == 0)
    assert None not in (declared.down, declared.up), "what it sends is not declared"
    if declared.pooled:
        assert "training data" in said["Wire"]
