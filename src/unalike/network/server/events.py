"""What the server app says while it works: events, each of which is one line of JSON.

The key "event" says which:

    starting    text, what is being started
    waiting     for: the names of the sites that are missing; least: how many are needed; here:
                sites that are there, or answers: those that have come
    joined      site
    refused     site, why
    prepared    asked, what is asked of the sites' own samples; columns, the rows of the table of
                columns, none where they bring no tables; sentences, what else must be known
    plan        method, seed, text
    round       method, seed, t, rounds, answers, dropped, rejected, bytes_down, bytes_up, seconds;
                where measured also measure, the name of the task's main measure, under that name
                its values by site, texts, the same as people read them, mean, that of all, and
                hidden, the sites that do not tell theirs; where there is privacy epsilon; diverged,
                why a run ends early
    remark      text
    finished
    failed      why
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Event = dict[str, Any]
EventHandler = Callable[[Event], None]


def remark(text: str) -> Event:
    """Something that people should know."""
    return {"event": "remark", "text": text}


def event_writer(path: str) -> EventHandler:
    """Writes an event to standard output, and to a file where one is given."""

    def write(event: Event) -> None:
        line = json.dumps(event)
        print(line, flush=True)
        if path:
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    return write
