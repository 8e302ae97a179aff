"""Whether a site agrees to be asked something, by what it was joined with."""

from __future__ import annotations

from datetime import datetime

from unalike.errors import InputError
from unalike.network.protocol.messages import Message, MessageError
from unalike.network.protocol.run_description import RunDescription
from unalike.network.protocol.summary_request import SPREAD, SUMMARISE, SummaryRequest

from .policy import Policy
from .site_settings import SiteSettings

DIAGNOSIS_ONLY = (
    "This site was joined with --noise, so it takes part in a diagnosis and in nothing else: leave "
    "the option out to train."
)


def check_consent(settings: SiteSettings, message: Message) -> None:
    """Refuse what this site does not want to answer.

    A site that was joined with noise of its own takes part in a diagnosis and in nothing else.

    Raises:
        InputError: one sentence says why.
        MessageError: the message cannot be read.
    """
    if settings.policy is not None:
        _check_policy(settings.policy, message)
    request = SummaryRequest.of(message.facts)
    if settings.noise is None:
        if request is not None and not settings.reveal_classes:
            raise InputError(
                "This site hides its classes (--hide-classes), but a diagnosis needs them: join it "
                "with --noise 1 as well, so that no single sample shows, or without the option."
            )
        return
    if request is None or message.verb not in ("describe", SPREAD, SUMMARISE):
        raise InputError(DIAGNOSIS_ONLY)
    if not 0 < request.noise <= settings.noise:
        epsilon = f"with epsilon = {request.noise:g}" if request.noise > 0 else "without noise"
        raise InputError(
            f"The server asks {epsilon}, but this site tells nothing beyond epsilon = "
            f"{settings.noise:g}: serve with --noise {settings.noise:g}."
        )


def _check_policy(policy: Policy, message: Message) -> None:
    """What the server said before this site joined need not be what it does."""
    closed = policy.closed(datetime.now())
    if closed is not None:
        raise MessageError(closed)
    if message.verb != "train":
        return
    run = RunDescription.of(message.facts)
    study = run.settings()
    policy.check_method(str(study.settings.get(run.label, {}).get("method", run.label)))
    t = int(message.facts.get("t", 0))
    policy.check_round(t)
    policy.check_privacy(study.privacy, max(study.rounds, t))
