"""What models answer on the rows of a file, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import nn

from unalike.data.preprocessing.table import Table
from unalike.data.reading.names import names_of
from unalike.data.reading.roles import Source
from unalike.errors import InputError, unknown

from .loading import load
from .samples import listed, read_rows
from .trained_model import TrainedModel

CLIENT = "client"


def load_models(path: Path, module: nn.Module | str | None = None) -> dict[str, TrainedModel]:
    """The model in a file, or all in a folder, by the client whose it is; "" is everybody's.

    Raises:
        InputError: there is none, or one cannot be read.
    """
    files = sorted(path.glob("*.safetensors")) if path.is_dir() else [path]
    if not files:
        raise InputError(f"{path} holds no models: 'unalike export' with --client all writes them.")
    found: dict[str, TrainedModel] = {}
    for file in files:
        model = load(file, module)
        if model.description.client in found:
            raise InputError(
                f"{path} holds two models of {model.description.client or 'everybody'}: leave one "
                "of them there."
            )
        found[model.description.client] = model
    return found


def predict_table(
    models: dict[str, TrainedModel],
    rows: Any,
    *,
    client_column: str | None = None,
    times: Sequence[float] = (),
) -> pd.DataFrame:
    """One row for each of these: its client where they name one, prediction, and probabilities.

    With one model every row is answered by it; with several each row by that of its client.
    times: of survival, one column for each.

    Raises:
        InputError: a row's client has no model, or these are not rows as in training.
    """
    source = rows if isinstance(rows, Source) else read_rows(rows)
    some = next(iter(models.values()))
    wished = client_column or some.description.client_column
    clients = _clients(source, wished, given=client_column is not None)
    if len(models) == 1:
        columns = _columns(some, source, times)
    else:
        columns = _by_client(models, source, clients, times)
    named = {} if clients is None else {wished or CLIENT: clients}
    return pd.DataFrame({**named, **columns})


def _by_client(
    models: dict[str, TrainedModel],
    source: Source,
    clients: NDArray[np.str_] | None,
    times: Sequence[float],
) -> dict[str, NDArray[Any]]:
    if clients is None:
        raise InputError(
            f"There are models of {len(models)} clients, and these rows do not say whose they are: "
            "give --client-column, or one model."
        )
    parts: list[pd.DataFrame] = []
    for name in dict.fromkeys(clients.tolist()):
        if name not in models:
            raise InputError(
                f"{name!r} has no model here, only {listed(list(models))} have: 'unalike adapt' "
                "makes it one from samples with labels, or give the one model of all "
                "('unalike export' with --client global)."
            )
        mine = np.flatnonzero(clients == name)
        held = Source(source.x[mine], {}, [], channels=source.channels)
        parts.append(pd.DataFrame(_columns(models[name], held, times), index=mine))
    together = pd.concat(parts).sort_index()
    return {name: together[name].to_numpy() for name in together.columns}


def _columns(
    model: TrainedModel, source: Source, times: Sequence[float]
) -> dict[str, NDArray[Any]]:
    question = model.description.question
    found = model.answers(source)
    columns = _named("prediction", found["prediction"], question.class_names)
    if found["prediction"].ndim == 1 and question.holds_classes:
        columns = {"prediction": np.asarray(question.class_names)[found["prediction"]]}
    if "probability" in found:
        columns |= _named("probability", found["probability"], question.class_names)
    if times:
        survival = model.predict_survival(source, times).to_numpy()
        columns |= {f"survival_{time:.15g}": survival[:, at] for at, time in enumerate(times)}
    return columns


def _named(name: str, values: NDArray[Any], parts: Sequence[str]) -> dict[str, NDArray[Any]]:
    """[n] as one column, [n, k] as one for each part."""
    if values.ndim == 1:
        return {name: values}
    flat = values.reshape(len(values), -1)
    known = parts if len(parts) == flat.shape[1] else range(flat.shape[1])
    return {f"{name}_{part}": flat[:, at] for at, part in enumerate(known)}


def _clients(source: Source, wished: str | None, *, given: bool) -> NDArray[np.str_] | None:
    """Whose each row is [n]; None where they do not say."""
    name = wished or CLIENT
    if not isinstance(source.x, Table) or name not in source.x.names:
        if given:
            raise unknown("column", name, source.names)
        return None
    return names_of(source.x.column(name), name)[0]
