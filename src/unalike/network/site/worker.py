"""A site's long-lived process: samples, model and private state stay here between messages.

See the package for its options and exit statuses.
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

from unalike.data.site_samples import SiteSamples, read_site_samples
from unalike.engines.machine import device_named
from unalike.errors import InputError
from unalike.network.protocol.frames import Frames
from unalike.network.protocol.messages import FAILED, MessageError, Parcel, pack

from .session import Identity, Membership
from .socket import answer_one, listen

REFUSED = 3
OVER_THE_LIMIT = 75


class Worker:
    """Answers frames; every question and answer is said aloud."""

    def __init__(self, membership: Membership, limit: float) -> None:
        self.membership, self.limit = membership, limit

    def answer(self, frames: Frames) -> Frames:
        """The answer to one question, within `limit` seconds or never."""
        started = time.monotonic()
        try:
            asked = Parcel.of(*frames)
            about = _about(asked)
            say("asked", **about)
            with _limited(self.limit, about):
                answer = self.membership.handle(asked)
        except MessageError as error:
            about, answer = {}, pack(FAILED, {"why": str(error)})
        except Exception as error:
            traceback.print_exc()
            why = f"{type(error).__name__}: {error}"
            answer = pack(FAILED, {"why": why})
        if answer.verb == FAILED:
            say("failed", **about, why=answer.facts["why"])
        else:
            say("answered", **about, seconds=round(time.monotonic() - started, 3))
        return Frames(answer.head(), answer.body)


def say(event: str, **more: Any) -> None:
    """One event as a line of JSON on standard output."""
    print(json.dumps({"event": event, **more}), flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until the process is ended, or the site cannot take part."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    given = _options().parse_args(arguments)
    try:
        identity = Identity(
            name=given.name or f"client {given.client}",
            state=given.state,
            samples=_samples(given),
            client=given.client,
            data_dir=given.data_dir,
            device=str(device_named(given.device)),
            tells_classes=not given.hide_classes,
            tells_accuracy=not given.hide_accuracy,
            noise=given.noise,
        )
        listener = listen(given.socket)
    except InputError as error:
        return _refused(str(error))
    membership = Membership(identity)
    worker = Worker(membership, given.limit)
    with listener:
        say("ready", name=identity.name)
        while membership.refused is None:
            answer_one(listener, worker.answer)
    return _refused(membership.refused)


def _samples(given: argparse.Namespace) -> SiteSamples | None:
    if given.data is None:
        return None
    return read_site_samples(
        given.data,
        label_column=given.label_column,
        client_column=given.client_column,
        client=given.name or "",
    )


def _refused(why: str) -> int:
    say("refused", why=why)
    print(why, file=sys.stderr, flush=True)
    return REFUSED


def _about(asked: Parcel) -> dict[str, Any]:
    run = asked.facts.get("run") or {}
    known = {"method": run.get("label"), "seed": run.get("seed"), "t": asked.facts.get("t")}
    return {"verb": asked.verb, **{key: value for key, value in known.items() if value is not None}}


@contextmanager
def _limited(seconds: float, about: dict[str, Any]) -> Iterator[None]:
    """End this process if what is inside takes longer; the private state is on disk."""

    def end() -> None:
        say("failed", **about, why=f"took longer than {seconds:g} seconds")
        os._exit(OVER_THE_LIMIT)

    watch = threading.Timer(seconds, end)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m unalike.network.site.worker")
    parser.add_argument("--socket", type=Path, required=True, help="where it listens")
    parser.add_argument("--state", type=Path, required=True, help="where private state is kept")
    parser.add_argument("--name", help="of the site")
    held = parser.add_mutually_exclusive_group(required=True)
    held.add_argument("--data", type=Path, help="own samples: .npz, .csv, .parquet or folder")
    held.add_argument("--client", type=int, help="or: a client of the study's own data")
    parser.add_argument("--label-column", default="y", help="of --data: the column of classes")
    parser.add_argument(
        "--client-column",
        help="of --data: the column of clients, of which only --name's samples are taken",
    )
    parser.add_argument("--data-dir", help="folder with the study's data files")
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds for an answer")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda", "auto"))
    parser.add_argument(
        "--hide-classes", action="store_true", help="do not tell how many samples a class has"
    )
    parser.add_argument(
        "--hide-accuracy", action="store_true", help="do not tell how many samples are got right"
    )
    parser.add_argument("--noise", type=float, help="largest epsilon; takes part in a diagnosis")
    return parser


if __name__ == "__main__":
    sys.exit(main())
