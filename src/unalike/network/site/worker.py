"""A site's long-lived process: samples, model and private state stay here between messages.

    python -m unalike.network.site.worker --help

It writes a JSON line to stdout per event ("ready", "asked", "told", "prepared", "answered",
"failed", "said", "report", "refused"). Exit status: 0 on SIGTERM, or one of `exit_status`; with the
first of these goes one sentence on stderr.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unalike.data.preprocessing.settings import named_kind
from unalike.data.reading.raw_samples import RawSamples
from unalike.engines.machine import device_named
from unalike.errors import InputError
from unalike.network.processes.private_folder import make_private_folder
from unalike.network.protocol.audit_log import AuditLog
from unalike.network.protocol.frames import Frames
from unalike.network.protocol.messages import FAILED, Message, MessageError, pack
from unalike.plugins import load_plugins
from unalike.tasks import AUTO, TASKS

from .exit_status import OVER_TIME_LIMIT, REFUSED
from .own_samples import read_own_samples
from .policy import read_policy
from .session import Session
from .site_settings import SiteSettings
from .worker_socket import answer_one, listen


class Worker:
    """Answers frames; every request and answer is written to standard output."""

    def __init__(self, session: Session, limit: float) -> None:
        self.session, self.limit = session, limit
        make_private_folder(session.settings.state_folder)
        self._audit = AuditLog(session.settings.state_folder)

    def answer(self, frames: Frames) -> Frames:
        """The answer to one request, within `limit` seconds or never."""
        start = time.monotonic()
        about: dict[str, Any] = {}
        try:
            request = Message.of(frames)
            about = _about(request)
            write_event("asked", **about)
            self._audit.write("in", "server", request.verb, frames)
            with _time_limit(self.limit, about):
                answer = self._over_budget() or self.session.handle(request)
        except MessageError as error:
            about, answer = {}, pack(FAILED, {"why": str(error)})
        except Exception as error:
            traceback.print_exc()
            why = f"{type(error).__name__}: {error}"
            answer = pack(FAILED, {"why": why})
        if answer.verb == FAILED:
            write_event("failed", **about, why=answer.facts["why"])
        else:
            write_event("answered", **about, seconds=round(time.monotonic() - start, 3))
        sent = answer.frames()
        self._audit.write("out", "server", answer.verb, sent)
        return sent

    def _over_budget(self) -> Message | None:
        """The last answer of a site that has sent as much as its policy allows."""
        policy = self.session.settings.policy
        try:
            if policy is not None:
                policy.check_bytes(self._audit.sent)
        except InputError as error:
            self.session.refused = str(error)
            return pack(FAILED, {"why": str(error), "lasting": True})
        return None


def write_event(event: str, **more: Any) -> None:
    """One event as a line of JSON on standard output."""
    print(json.dumps({"event": event, **more}), flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until the process is ended, or the site cannot take part."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    options = _parser().parse_args(arguments)
    try:
        load_plugins(options.plugin)
        settings = SiteSettings(
            name=options.name or f"client {options.client}",
            state_folder=options.state,
            samples=_samples(options),
            task=options.task,
            client=options.client,
            data_dir=options.data_dir,
            device=str(device_named(options.device)),
            reveal_classes=not options.hide_classes,
            reveal_columns=not options.hide_columns,
            reveal_scores=not options.hide_scores,
            noise=options.noise,
            policy=None if options.policy is None else read_policy(options.policy),
        )
        listener = listen(options.socket)
    except InputError as error:
        return _refused(str(error))
    session = Session(settings, write_event)
    worker = Worker(session, options.limit)
    with listener:
        write_event("ready", name=settings.name)
        while session.refused is None:
            answer_one(listener, worker.answer)
    return _refused(session.refused)


def _samples(options: argparse.Namespace) -> RawSamples | None:
    if options.data is None:
        return None
    return read_own_samples(
        options.data,
        name=options.name or "",
        client=options.client_column,
        label=options.label_column,
        event=options.event_column,
        subject=options.subject_column,
        kinds=dict(named_kind(text) for text in options.column),
        drop=options.drop,
        scale=options.scale,
        resize=options.resize,
        layout=options.layout,
        channels=options.channels,
        decimal=options.decimal,
    )


def _refused(why: str) -> int:
    write_event("refused", why=why)
    print(why, file=sys.stderr, flush=True)
    return REFUSED


def _about(request: Message) -> dict[str, Any]:
    run = request.facts.get("run") or {}
    known = {"method": run.get("label"), "seed": run.get("seed"), "t": request.facts.get("t")}
    present = {key: value for key, value in known.items() if value is not None}
    return {"verb": request.verb, **present}


@contextmanager
def _time_limit(seconds: float, about: dict[str, Any]) -> Iterator[None]:
    """End this process if what is inside takes longer; the private state is on disk."""

    def end() -> None:
        write_event("failed", **about, why=f"took longer than {seconds:g} seconds")
        os._exit(OVER_TIME_LIMIT)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m unalike.network.site.worker")
    parser.add_argument(
        "--socket",
        type=Path,
        required=True,
        help="Unix socket where it listens; the file exists once it is ready",
    )
    parser.add_argument(
        "--state",
        type=Path,
        required=True,
        help="folder where private state is kept; it survives restarts",
    )
    parser.add_argument("--name", help="of the site; that of the client where --client is given")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="own samples: a file or folder")
    source.add_argument(
        "--client",
        type=int,
        help="or: a client of the study's own data, as a simulation deals it",
    )
    reading = parser.add_argument_group("how --data is read, as in 'unalike join --help'")
    reading.add_argument("--label-column")
    reading.add_argument("--event-column")
    reading.add_argument("--subject-column")
    reading.add_argument("--client-column", help="of which only --name's samples are taken")
    reading.add_argument("--column", action="append", default=[], metavar="NAME=KIND")
    reading.add_argument("--drop", action="append", default=[], metavar="NAME")
    reading.add_argument("--scale", default=AUTO)
    reading.add_argument("--resize", type=int)
    reading.add_argument("--layout", default="")
    reading.add_argument("--channels", default="")
    reading.add_argument("--decimal", default="")
    reading.add_argument("--task", default=AUTO, choices=(AUTO, *TASKS))
    parser.add_argument("--data-dir", help="folder with the study's data files")
    parser.add_argument(
        "--limit",
        type=float,
        default=3600.0,
        help="seconds for an answer; one that takes longer ends the process",
    )
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda", "auto"))
    parser.add_argument(
        "--hide-classes", action="store_true", help="do not tell how many samples a class has"
    )
    parser.add_argument(
        "--hide-columns",
        action="store_true",
        help="tell no counts, ranges and sums of the columns; others' give the preprocessing",
    )
    parser.add_argument(
        "--hide-scores",
        "--hide-accuracy",
        action="store_true",
        help="do not tell how well models do on the samples",
    )
    parser.add_argument("--policy", type=Path, help="a TOML file, see `policy`")
    parser.add_argument("--plugin", action="append", default=[], help="a module or a .py file")
    parser.add_argument("--noise", type=float, help="largest epsilon; takes part in a diagnosis")
    return parser


if __name__ == "__main__":
    sys.exit(main())
