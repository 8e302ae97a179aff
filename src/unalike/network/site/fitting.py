"""What a site tells while preprocessing is fitted: counts, ranges and sums of its raw samples.

    fit     query -> answer, or the fact `hidden`

All that was told is kept in the state folder, in told.jsonl, for the site's own people.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from unalike import __version__
from unalike.data.preprocessing.array_fit import ArrayQuery, answer_array
from unalike.data.preprocessing.cells import numbers
from unalike.data.preprocessing.table import Table
from unalike.data.preprocessing.table_preprocessing import TablePreprocessing
from unalike.data.preprocessing.table_queries import TableQuery, answer
from unalike.data.reading.raw_samples import RawSamples
from unalike.data.target_scaling import target_columns, target_sentences
from unalike.errors import InputError
from unalike.network.processes.private_folder import make_private_folder
from unalike.network.protocol.messages import Message, MessageError, pack
from unalike.network.protocol.preparation import FIT, Preparation
from unalike.network.protocol.run_description import read_settings

from .local_data import parts_of
from .site_settings import SiteSettings

SHOWN = 10
"""Names of classes in a sentence."""


class FitRequest(NamedTuple):
    """Which samples are asked about, and what."""

    seed: int
    start: int
    part: str  # "training" or "all"
    query: dict[str, Any]
    about: str  # "features" or "targets"
    task: str  # what is asked of the samples


def answer_fit(settings: SiteSettings, message: Message) -> Message:
    """The answer of this site's samples; nothing but `hidden` where it tells nothing of them.

    Raises:
        InputError: samples of which nothing can be told.
        MessageError: the message cannot be read.
    """
    raw = settings.samples
    if raw is None:
        raise MessageError("this site holds no samples of its own")
    if message.facts.get("version") != __version__:
        raise MessageError("the server runs another version of unalike: install the same")
    if not settings.reveal_columns:
        return pack(FIT, {"hidden": True})
    try:
        request = FitRequest(**{name: message.facts[name] for name in FitRequest._fields})
        told = _answer(raw, _rows(raw, request, message), request)
    except (KeyError, TypeError, ValidationError):
        raise MessageError("the question for the preprocessing cannot be read") from None
    make_private_folder(settings.state_folder)
    with (settings.state_folder / "told.jsonl").open("a", encoding="utf-8") as file:
        kept = {"seed": request.seed, "about": request.about, "query": request.query, "told": told}
        file.write(json.dumps(kept) + "\n")
    return pack(FIT, {"answer": told})


def _rows(raw: RawSamples, request: FitRequest, message: Message) -> Any:
    if request.part == "all":
        return np.arange(len(raw))
    study = read_settings(message.facts["study"])
    return parts_of(
        raw, request.start, seed=request.seed, validation=study.validation, test=study.test
    ).train


def _answer(raw: RawSamples, rows: Any, request: FitRequest) -> dict[str, Any]:
    if request.about == "targets":
        columns = target_columns(raw.asked(request.task).y[rows])
        return _array_answer(columns, request.query)
    if isinstance(raw.x, Table):
        query = TableQuery.model_validate(request.query)
        return answer(raw.x[rows], query).model_dump(mode="json")
    return _array_answer(raw.x[rows], request.query)


def _array_answer(x: NDArray[Any], query: dict[str, Any]) -> dict[str, Any]:
    return answer_array(x, ArrayQuery.model_validate(query)).model_dump(mode="json")


STAGES = {
    "columns": "counts, ranges and frequent values of each column",
    "range": "the range of each feature",
    "totals": "sums and sums of squares of each feature, and counts of categories",
    "ranks": "histograms of each feature",
}
"""What the answer to a stage of a fit holds."""
TARGET_STAGES = {"range": "its range", "totals": "its sum and sum of squares"}


def what_was_told(message: Message, answer: Message) -> str:
    """What a site told of its raw samples, in a sentence for its own people."""
    if answer.facts.get("hidden"):
        return "The server asked for counts and sums of the columns; this site tells none."
    query = message.facts["query"]
    which = "all" if message.facts["part"] == "all" else "the training"
    told = STAGES.get(query["stage"], query["stage"])
    if message.facts.get("about") == "targets":
        told = f"what is asked: {TARGET_STAGES.get(query['stage'], query['stage'])}"
    return f"Told the server {told}, of {which} samples."


def prepared_sentences(preparation: Preparation) -> list[str]:
    """How this site's samples are prepared, in sentences for its own people."""
    asked = preparation.question()
    names = f": {', '.join(asked.class_names[:SHOWN])}" if asked.class_names else ""
    more = ", ..." if len(asked.class_names) > SHOWN else ""
    said = [f"Asked of each sample: {asked.title} ({asked.name}){names}{more}."]
    fitted = preparation.fitted()
    if isinstance(fitted, TablePreprocessing):
        said += [
            f"Column {c.column}: {c.kind} ({c.reason}); {c.becomes}." for c in fitted.columns()
        ]
    return said + fitted.sentences() + asked.notes() + target_sentences(asked)


def numbers_alone(raw: RawSamples) -> Any:
    """Samples [n, ...] as they are, for a summary with noise, before which nothing may be told.

    Raises:
        InputError: a column that holds anything but numbers.
    """
    if not isinstance(raw.x, Table):
        return raw.x.astype(np.float32)
    columns = []
    for column in sorted(raw.x.columns, key=lambda one: one.name):
        cells = numbers(column)
        if (cells.missing | cells.odd).any():
            raise InputError(
                f"Column {column.name!r} holds cells that are no numbers, and a site that tells "
                "nothing without noise cannot encode them as the others do: drop it, or turn it "
                "into numbers beforehand."
            )
        columns.append(cells.values.astype(np.float32))
    return np.stack(columns, 1)
