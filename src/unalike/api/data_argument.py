"""What the argument `data` of a verb stands for: a named data set, files, samples or clients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unalike.data.dataset import Dataset
from unalike.data.federation import Federation
from unalike.data.reading import read
from unalike.errors import InputError
from unalike.models.registry import takes_tokens
from unalike.study.data_files import FILE_SETTINGS, OWN, ROLES, check_one_deal, read_options
from unalike.study.inputs import UserInputs
from unalike.study.setting_checks import SPLIT_OPTIONS

from .token_samples import unscaled_tokens

DEALING = ("data_dir", "split", "clients", "min_size", *SPLIT_OPTIONS)
"""Settings of a study that say how samples are dealt to clients."""


def resolve_data(
    data: Any,
    settings: dict[str, Any],
    *,
    client: Any = None,
    label: Any = None,
    time: str | None = None,
    model: Any = None,
) -> tuple[dict[str, Any], UserInputs]:
    """Settings of a study that name the data, and what comes from Python.

    data: the name of a data set; the path of a file or folder; a `Federation`; or samples in any
        form that `unalike.data.reading.read` takes.
    client, label: a column's name, or, for samples from Python, one value a sample.
    time: of samples from Python, the column that says when each was taken.
    model: a network, by name or itself, where there is one: some take whole numbers as they are.

    Raises:
        InputError: one sentence says what to change.
    """
    return unscaled_tokens(*_resolved(data, settings, client, label, time, model), model)


def _resolved(
    data: Any, settings: dict[str, Any], client: Any, label: Any, time: str | None, model: Any
) -> tuple[dict[str, Any], UserInputs]:
    values = {name: value for name, value in settings.items() if value is not None}
    roles = {"client_column": client, "label_column": label}
    values |= {name: given for name, given in roles.items() if isinstance(given, str)}
    if isinstance(data, (str, Path)):
        for name, given in (("client", client), ("label", label)):
            if given is not None and not isinstance(given, str):
                raise InputError(f"{name} of a file is a column's name, such as {name}='{name}'.")
        return {**values, "data": str(data)}, UserInputs()
    if isinstance(data, Federation):
        said = [name for name in (*DEALING, *FILE_SETTINGS) if name in values]
        if said:
            raise InputError(f"{said[0]} is for data sets and files, not for a Federation.")
        return {**values, "data": OWN}, UserInputs(federation=data)
    if isinstance(model, str) and takes_tokens(model):
        values.setdefault("scale", "none")
    named = client is not None or (isinstance(data, tuple) and len(data) > 2)
    check_one_deal(values, SPLIT_OPTIONS, named=named)
    dataset = read_samples(data, values, client=client, label=label, time=time)
    if not any(name in values for name in ("split", "clients", *SPLIT_OPTIONS)):
        values["split"] = "natural"
        values.setdefault("new_clients", 0.0)
    return {**values, "data": OWN}, UserInputs(dataset=dataset)


def read_samples(
    data: Any,
    values: dict[str, Any],
    *,
    client: Any = None,
    label: Any = None,
    time: str | None = None,
) -> Dataset:
    """Samples from Python; how they are read is said by settings of a study.

    Raises:
        InputError: one sentence says what to change.
    """
    options = read_options(values)
    for name, given in (("client", client), ("label", label), ("time", time)):
        if given is not None:
            options[name] = given
    unknown_roles = [name for name in ROLES if isinstance(data, tuple) and name in values]
    if unknown_roles:
        raise InputError(f"{unknown_roles[0]} names a column, and arrays have none.")
    return read(data, **options)
