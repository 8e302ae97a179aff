"""Asks the people of a site, once for each study, whether it takes part."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from unalike.cli.console import printable, say
from unalike.errors import InputError

if TYPE_CHECKING:
    from unalike.network.site.policy import Policy


def ask_consent(
    status: Mapping[str, Any], *, policy: Policy | None, state: Path, yes: bool
) -> None:
    """Show the study that the server tells of, and ask unless it was agreed to before.

    Raises:
        InputError: the policy forbids it, or nobody can be asked.
    """
    from unalike.network.protocol.study_summary import StudySummary
    from unalike.network.site.agreement import has_agreed, remember_agreement

    study = StudySummary.read(status.get("study"))
    if study is None and policy is not None:
        raise InputError(
            "The server does not say what will be trained, so this site's policy cannot be held "
            "against it."
        )
    if study is None:
        say("The server does not say what will be trained.")
    else:
        for sentence in study.sentences():
            say(printable(sentence))
        if policy is not None:
            policy.check_study(study)
    if yes or has_agreed(state, study):
        return
    if not sys.stdin.isatty():
        raise InputError("Nobody can be asked here whether this site takes part: add --yes.")
    if not typer.confirm("Does this site take part?"):
        raise InputError("This site does not take part.")
    remember_agreement(state, study)
