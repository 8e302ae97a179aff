"""Experiment trackers: what a study says while it runs, written where others look for it.

All of them listen to one callback, `tell(event: ProgressEvent)`, which `compare`, `resume` and
`advise` take from anybody; `event.numbers` are those of round `event.t` of the run
(`event.label`, `event.seed`).
"""

from .tracker import TRACKERS, Tracker, event_log, tracked

__all__ = ["TRACKERS", "Tracker", "event_log", "tracked"]
