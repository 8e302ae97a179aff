"""What the server tells sites of how their own samples are prepared, and its own people too."""

from __future__ import annotations

from unalike.data.preprocessing.preprocessing import from_dict
from unalike.data.preprocessing.table_preprocessing import TablePreprocessing
from unalike.data.target_scaling import target_sentences
from unalike.errors import InputError
from unalike.network.protocol.preparation import Preparation
from unalike.study.roster import Roster

from .events import EventHandler


def preparation_of(roster: Roster, key: str | None, place: int) -> Preparation:
    """For the site of a place. key: of what was fitted; None where nothing was.

    Raises:
        InputError: nothing is known of the samples yet.
    """
    samples, site = roster.samples, roster.places[place]
    if samples is None:
        raise InputError("No site has described its samples yet.")
    return Preparation(
        task=samples.task,
        outputs=samples.classes,
        y_shape=samples.y_shape,
        class_names=samples.class_names,
        start=0 if site is None else site.start,
        preprocessing=None if key is None else roster.fitted[key],
        target_scale=None if key is None else roster.target_scale(key),
    )


def tell_preparation(roster: Roster, key: str, on_event: EventHandler) -> None:
    """Say what is asked of the samples, and what becomes of their columns."""
    if roster.samples is None:
        return
    asked = roster.samples.question.on_scale(roster.target_scale(key))
    fitted = from_dict(roster.fitted[key])
    names = f": {', '.join(asked.class_names)}" if asked.class_names else ""
    rows = fitted.columns() if isinstance(fitted, TablePreprocessing) else []
    on_event(
        {
            "event": "prepared",
            "asked": f"Asked of each sample: {asked.title} ({asked.name}){names}.",
            "columns": [list(row) for row in rows],
            "sentences": fitted.sentences() + asked.notes() + target_sentences(asked),
        }
    )
