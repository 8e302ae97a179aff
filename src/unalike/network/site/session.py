"""A site's part in a federation, over all runs: which piece of it answers which message.

verb                                    what answers it
refuse                                  this file: the server does not want the site
describe                                `description`
fit                                     `fitting`, for the preprocessing of raw samples
spread, summarise                       `summaries`, for a diagnosis
train, observe, evaluate, adapt, keep   `trainer`, for the run that the message names
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from unalike.errors import InputError
from unalike.network.protocol.messages import FAILED, Message, MessageError, pack
from unalike.network.protocol.preparation import FIT, Preparation
from unalike.network.protocol.run_description import RunDescription
from unalike.network.protocol.summary_request import SPREAD, SUMMARISE

from .consent import check_consent
from .description import describe
from .fitting import answer_fit, prepared_sentences, what_was_told
from .local_data import subject_sentences
from .local_run import federation_folder, kept_preparation, make_trainer
from .site_record import SiteRecord
from .site_report import write_site_report
from .site_settings import SiteSettings
from .summaries import answer_spread, answer_summary
from .trainer import VERBS, Trainer

REPORT = "report.html"
"""In the state folder: of the federation that the site took part in last."""
MEASURED = ("evaluate", "adapt", "keep")
"""After which the report is written anew."""

Handler = Callable[[Message], Message]
Tell = Callable[..., None]
"""Takes the name of an event, and what it holds by keyword: for the people at this site."""


class Session:
    """Answers every message; `refused` says why there will be no more answers."""

    def __init__(self, settings: SiteSettings, tell: Tell = lambda *_, **__: None) -> None:
        self.settings, self._tell = settings, tell
        self.refused: str | None = None
        self._run: tuple[RunDescription, Preparation | None] | None = None
        self._trainer: Trainer | None = None
        self._record = SiteRecord()  # of what came before the first run, then of its federation
        self._folder: Path | None = None  # of that federation
        self._handlers: dict[str, Handler] = {
            "describe": partial(describe, settings),
            FIT: self._answer_fit,
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
            answer = self._handlers[message.verb](message)
        except MessageError as error:
            return pack(FAILED, {"why": str(error)})
        except InputError as error:
            self.refused = str(error)
            return pack(FAILED, {"why": str(error), "lasting": True})
        self._note(message, answer)
        return answer

    def _answer_fit(self, message: Message) -> Message:
        answer = answer_fit(self.settings, message)
        self._tell("told", text=what_was_told(message, answer))
        return answer

    def _answer_in_run(
        self, answer: Callable[[Trainer, Message], Message], message: Message
    ) -> Message:
        described = RunDescription.of(message.facts)
        run = described, kept_preparation(self.settings, described, message.facts)
        if run[1] is not None and "preparation" in message.facts:
            self._tell("prepared", texts=self._prepared(run[1], described))
        if self._trainer is None or run != self._run:
            self._trainer, self._run = None, None
            self._open_record(federation_folder(self.settings, described))
            trainer = make_trainer(self.settings, *run, self._record, self._say)
            self._trainer, self._run = trainer, run
        return answer(self._trainer, message)

    def _prepared(self, preparation: Preparation, run: RunDescription) -> list[str]:
        """How this site's own samples are prepared and cut, for its people."""
        said = prepared_sentences(preparation)
        raw, study = self.settings.samples, run.settings()
        if raw is None:
            return said
        shares = {"validation": study.validation, "test": study.test}
        return said + subject_sentences(raw, self.settings.name, **shares)

    def _open_record(self, folder: Path) -> None:
        if folder == self._folder:
            return
        before = self._record.exchanged if self._folder is None else {}
        self._folder, self._record = folder, SiteRecord.read(folder)
        self._record.add(before)

    def _note(self, message: Message, answer: Message) -> None:
        """Keep what was exchanged and, once something was measured, write the site's report."""
        self._record.note(message, answer)
        if self._folder is None or self._run is None or self._trainer is None:
            return
        try:
            self._record.write(self._folder)
            if message.verb in MEASURED:
                path = self.settings.state_folder / REPORT
                write_site_report(
                    path,
                    self._record,
                    self.settings,
                    self._trainer.engine.federation.task,
                    self._run[0],
                )
                self._tell("report", path=str(path))
        except InputError as error:
            self._say(f"What this site took part in is not written down: {error}")

    def _say(self, sentence: str) -> None:
        """For the people of the site."""
        self._tell("said", text=sentence)
