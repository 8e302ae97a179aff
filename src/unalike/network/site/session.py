"""A site's part in a federation, over all runs: which piece of it answers which message.

verb                                    what answers it
refuse                                  this file: the server does not want the site
describe                                `description`
spread, summarise                       `summaries`, for a diagnosis
train, observe, evaluate, adapt, keep   `trainer`, for the run that the message names
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from unalike.errors import InputError
from unalike.network.protocol.messages import FAILED, Message, MessageError, pack
from unalike.network.protocol.run_description import RunDescription
from unalike.network.protocol.summary_request import SPREAD, SUMMARISE

from .consent import check_consent
from .description import describe
from .local_run import make_trainer
from .site_settings import SiteSettings
from .summaries import answer_spread, answer_summary
from .trainer import VERBS, Trainer

Handler = Callable[[Message], Message]


class Session:
    """Answers every message; `refused` says why there will be no more answers.

    `notify` takes sentences for the people of the site.
    """

    def __init__(self, settings: SiteSettings) -> None:
        self.settings = settings
        self.notify: Callable[[str], None] = lambda _: None
        self.refused: str | None = None
        self._run: RunDescription | None = None
        self._trainer: Trainer | None = None
        self._handlers: dict[str, Handler] = {
            "describe": partial(describe, settings),
            SPREAD: partial(answer_spread, settings),
            SUMMARISE: partial(answer_summary, settings),
            **{verb: partial(self._answer_in_run, answer) for verb, answer in VERBS.items()},
        }

    def handle(self, message: Message) -> Message:
        """The answer, or why there is none: only what is wrong with this program is raised."""
        if message.verb == "refuse":
            self.refused = f"The server refuses this site: {message.facts.get('why')}"
            return pack("refuse")
        try:
            check_consent(self.settings, message)
            if message.verb not in self._handlers:
                raise MessageError(f"nobody here knows how to {message.verb!r}")
            return self._handlers[message.verb](message)
        except MessageError as error:
            return pack(FAILED, {"why": str(error)})
        except InputError as error:
            self.refused = str(error)
            return pack(FAILED, {"why": str(error), "lasting": True})

    def _answer_in_run(
        self, answer: Callable[[Trainer, Message], Message], message: Message
    ) -> Message:
        run = RunDescription.of(message.facts)
        if self._trainer is None or run != self._run:
            self._trainer, self._run = None, None
            self._trainer, self._run = make_trainer(self.settings, run, self.notify), run
        return answer(self._trainer, message)
