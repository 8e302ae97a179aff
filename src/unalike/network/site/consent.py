"""Whether a site agrees to be asked something, by what it was joined with."""

from __future__ import annotations

from unalike.errors import InputError
from unalike.network.protocol.messages import Message
from unalike.network.protocol.summary_request import SPREAD, SUMMARISE, SummaryRequest

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
