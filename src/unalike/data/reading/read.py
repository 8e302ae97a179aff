"""The one door: any source of samples, read into a `Dataset`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unalike.data.dataset import Dataset
from unalike.data.preprocessing.table import Table
from unalike.tasks import AUTO, task_named

from .pictures import Size
from .raw_samples import read_raw
from .row_notes import copies_notes, label_notes


def read(
    source: Any,
    *,
    label: Any = None,
    event: Any = None,
    client: Any = None,
    time: Any = None,
    group: Any = None,
    subject: Any = None,
    kinds: Mapping[str, str] | None = None,
    drop: Sequence[str] = (),
    scale: str = "auto",
    resize: int | Size | None = None,
    layout: str = "",
    channels: str = "",
    decimal: str = "",
    task: str = AUTO,
) -> Dataset:
    """Samples, labels and clients from whatever holds them.

        >>> frame = pd.DataFrame({"age": [30, 40, 50], "y": [0, 1, 0], "client": ["a", "b", "b"]})
        >>> held = read(frame)
        >>> held.class_names, held.client.tolist(), held.x.names
        (('0', '1'), ['a', 'b', 'b'], ('age',))

    Nothing is scaled or encoded yet: that follows from the training samples, once they are known.

    Args:
        source: the path of a file, or of a folder of pictures or of one table for each client; a
            data frame of pandas, polars or any library that speaks Arrow or the interchange
            protocol; an array, tensor or list x [n, ...]; a tuple (x, y), (x, y, client) or
            (x, y, client, time); pairs (x, y), one for each client, in a list or by name, or data
            frames by the name of their client; arrays by name; a `torch.utils.data.Dataset` of
            pairs; a Hugging Face `datasets.Dataset`.
        label: the column that is asked for, by name, or one value a sample [n], or several
            [n, k]: many labels, quantities, time and event, tokens. By default the column "y" or
            "label".
        event: the column, or one value a sample, that says whether an event was seen at the time
            that `label` holds: yes or no, 1 or 0.
        client: the column that names whose each sample is, or one name a sample. By default
            the column "client", where there is one.
        time: the column that says when each sample was taken, or one time a sample.
        group: the column of the true cluster of each sample's client, or one name a sample.
        subject: the column that says which samples are of one patient, device or the like, or one
            name a sample: those of one stay together in training, validation or test. By default a
            column of a table whose name tells people or things apart, such as patient_id, where it
            holds many; "none" for no such column.
        kinds: of columns, where the rule is wrong: {"age": "number", "code": "category"}.
        drop: columns that are no features.
        scale: "auto", "standard", "robust" or "none".
        resize: bring pictures to this size, one number or (height, width).
        layout: of a folder, such as "class/client".
        channels: of x [n, ...], "first" or "last".
        decimal: of numbers in a text file, "," or ".".
        task: what is asked of a sample, a name in `unalike.tasks.TASKS`; "auto" finds out from the
            labels and says so in `notes`.

    Raises:
        InputError: one sentence says what to change.
    """
    if task != AUTO:
        task_named(task)
    raw = read_raw(
        source,
        label=label,
        event=event,
        client=client,
        time=time,
        group=group,
        subject=subject,
        kinds=kinds,
        drop=drop,
        scale=scale,
        resize=resize,
        layout=layout,
        channels=channels,
        decimal=decimal,
    )
    labels = raw.asked(task)
    notes = [*raw.notes, *labels.notes]
    if isinstance(raw.x, Table):
        features = raw.x.without(raw.settings.drop)
        notes += copies_notes(features, labels.y, raw.client)
        notes += label_notes(features, labels.y, raw.label)
    return Dataset(
        x=raw.x,
        y=labels.y,
        task=labels.task,
        client=raw.client,
        time=raw.time,
        group=raw.group,
        group_names=raw.group_names,
        subjects=raw.subjects,
        settings=raw.settings,
        notes=tuple(notes),
    )
