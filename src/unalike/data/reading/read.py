"""The one door: any source of samples, read into a `Dataset`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from unalike.data.dataset import Dataset
from unalike.data.natural_order import in_order
from unalike.data.preprocessing.settings import PreprocessingSettings, check_scale
from unalike.data.preprocessing.table import Table
from unalike.errors import InputError

from .array_inputs import samples_of
from .array_layout import channels_first
from .inputs import source_of
from .labels import Labels, read_labels, read_many_labels
from .names import names_of
from .pictures import Size
from .roles import Source, column_of, labels_of
from .times import as_times


def read(
    source: Any,
    *,
    label: Any = None,
    client: Any = None,
    time: Any = None,
    group: Any = None,
    kinds: Mapping[str, str] | None = None,
    drop: Sequence[str] = (),
    scale: str = "auto",
    resize: int | Size | None = None,
    layout: str = "",
    channels: str = "",
    decimal: str = "",
    task: str = "",
) -> Dataset:
    """Samples, labels and clients from whatever holds them.

        >>> frame = pd.DataFrame({"age": [30, 40, 50], "y": [0, 1, 0], "client": ["a", "b", "b"]})
        >>> held = read(frame)
        >>> held.class_names, held.client.tolist(), held.x.names
        (('0', '1'), ['a', 'b', 'b'], ('age',))

    Nothing is scaled or encoded yet: that follows from the training samples, once they are known.

    Args:
        source: the path of a file or folder; a data frame of pandas, polars or any library that
            speaks Arrow or the interchange protocol; an array, tensor or list x [n, ...]; a tuple
            (x, y), (x, y, client) or (x, y, client, time); arrays by name; a
            `torch.utils.data.Dataset` of pairs; a Hugging Face `datasets.Dataset`.
        label: the column of classes, by name, or one value a sample [n], or zeros and ones
            [n, labels]. By default the column "y" or "label".
        client: the column that names whose each sample is, or one name a sample. By default
            the column "client", where there is one.
        time: the column that says when each sample was taken, or one time a sample.
        group: the column of the true cluster of each sample's client, or one name a sample.
        kinds: of columns, where the rule is wrong: {"age": "number", "code": "category"}.
        drop: columns that are no features.
        scale: "auto", "standard", "robust" or "none".
        resize: bring pictures to this size, one number or (height, width).
        layout: of a folder, such as "class/client".
        channels: of x [n, ...], "first" or "last".
        decimal: of numbers in a text file, "," or ".".
        task: "classes" says that many different whole numbers are classes.

    Raises:
        InputError: one sentence says what to change.
    """
    if task not in ("", "classes"):
        raise InputError(f'task must be "classes", not {task!r}: classes are all that is learned.')
    if decimal not in ("", ",", "."):
        raise InputError(f'decimal must be "," or ".", not {decimal!r}.')
    settings = PreprocessingSettings(
        kinds=dict(kinds or {}), drop=tuple(drop), scale=check_scale(scale)
    )
    size = (resize, resize) if isinstance(resize, int) else resize
    roles = {"label": label, "client": client, "time": time, "group": group}
    found, roles = source_of(source, roles, size, layout=layout, decimal=decimal)
    x = found.x if isinstance(found.x, Table) else samples_of(found.x)
    labels = _labels(found, roles["label"], chosen=task == "classes")
    whose, when = (
        column_of(found, "client", roles["client"]),
        column_of(found, "time", roles["time"]),
    )
    cluster = column_of(found, "group", roles["group"])
    used = [labels.column, *(c.name for c in (whose, when, cluster) if c is not None)]
    notes = [*found.notes, *labels.notes]
    names = times = groups = None
    group_names: tuple[str, ...] = ()
    if whose is not None:
        names, said = names_of(whose, whose.name)
        notes += said
    if when is not None:
        times, said = as_times(when)
        notes += said
    if cluster is not None:
        group_of, said = names_of(cluster, cluster.name)
        groups, group_names = in_order(group_of)
        notes += said
    if isinstance(x, Table):
        x = x.without([name for name in used if name in x.names])
        if not x.columns:
            raise InputError("No feature is left: every column is a label, client, time or group.")
        _refuse_unknown(settings, x)
    else:
        _refuse_columns(settings)
        if found.channels != "first":
            x, said = channels_first(x, channels)
            notes += said
    if len(x) != len(labels.y):
        raise InputError(
            f"x and y must have the same length, but x has {len(x)} samples and y "
            f"{len(labels.y)} labels."
        )
    return Dataset(
        x=x,
        y=labels.y,
        class_names=labels.names,
        client=names,
        time=times,
        group=groups,
        group_names=group_names,
        settings=settings,
        notes=tuple(notes),
    )


def _labels(found: Source, wish: Any, *, chosen: bool) -> Labels:
    values, name = labels_of(found, wish)
    what = name or "y"
    if isinstance(values, np.ndarray):
        return read_many_labels(values, what)._replace(column=name)
    order = found.orders.get(name, ()) or found.order
    return read_labels(values, what, chosen=chosen, order=order)._replace(column=name)


def _refuse_unknown(settings: PreprocessingSettings, table: Table) -> None:
    for name in (*settings.kinds, *settings.drop):
        table.column(name)


def _refuse_columns(settings: PreprocessingSettings) -> None:
    for name in (*settings.kinds, *settings.drop):
        raise InputError(
            f"x is an array, which has no column {name!r}: give a data frame or a table."
        )
