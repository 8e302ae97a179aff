"""Options that several commands share, each described once.

A group is a frozen dataclass whose fields are options. A command that takes one has a keyword of
its type and is decorated with `expand`; the group knows what was given. So an option added to a
group is at once an option of all its commands, and among their settings.

    >>> @expand
    ... def command(*, partition: Partition) -> None:
    ...     print(partition.given())
    >>> command(**dict.fromkeys(signature(command).parameters) | {"split": "iid"})
    {'split': 'iid'}
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from unalike.errors import InputError

from . import completion
from .completion import Completion


def setting(help_text: str, *names: str, completion: Completion | None = None) -> Any:
    """An option whose help says its default itself; `completion` is for the shell."""
    return typer.Option(*names, help=help_text, show_default=False, autocompletion=completion)


Data = Annotated[
    str | None,
    setting(
        "A data set ('unalike data'), or your own file or folder of pictures. [digits]",
        completion=completion.data,
    ),
]
DataArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[DATA]",
        help="The same as --data.",
        show_default=False,
        autocompletion=completion.data,
    ),
]
Task = Annotated[
    str | None,
    setting(
        "What is asked of a sample: auto, classes, binary, labels, counts, regression, "
        "survival or sequence. [auto]",
        completion=completion.task,
    ),
]
DataDir = Annotated[str | None, setting("Folder with the data files.")]
Jobs = Annotated[int | None, setting("Runs at the same time. [cores]")]
Backend = Annotated[
    str | None,
    setting("Where runs are done: loky, threading, dask:ADDRESS or ray. [loky: processes]"),
]
Track = Annotated[
    str | None, setting("Write numbers of each round for tensorboard, mlflow or wandb. [none]")
]
Shard = Annotated[
    str | None, setting("I/N: do only part I of N of the runs, as one task of an array job.")
]

Folder = Annotated[Path, typer.Argument(help="Folder of a study.")]
When = Annotated[
    str, typer.Option(help="best: after the round that validation chose; last: after the last.")
]
Seed = Annotated[int, typer.Option(help="Which repetition of the study.")]
OwnModule = Annotated[
    str | None, setting("FILE.py:NAME, where the study trained a module of your own.")
]


def one_data(argument: str | None, option: str | None) -> str | None:
    """The data that a command was given, as an argument or by --data.

    Raises:
        InputError: they were given twice.
    """
    if argument is not None and option is not None:
        raise InputError(f"The data were given twice, as {argument} and as --data {option}.")
    return option if argument is None else argument


def _load(context: typer.Context, plugins: list[str] | None) -> list[str] | None:
    if plugins and not context.resilient_parsing:  # a shell that completes runs nobody's code
        from unalike.plugins import load_plugins

        load_plugins(plugins)
    return plugins


Plugins = Annotated[
    list[str] | None,
    typer.Option(
        "--plugin",
        callback=_load,
        is_eager=True,
        show_default=False,
        help="A module, or a .py file, that brings methods, models, ...; can be repeated.",
    ),
]


def plugin_words() -> list[str]:
    """What has to be typed to give the plugins that were loaded to another process."""
    from unalike.plugins import loaded_sources

    return [word for source in loaded_sources() for word in ("--plugin", source)]


@dataclass(frozen=True)
class Group:
    """Options that belong together."""

    @classmethod
    def parameters(cls) -> list[Parameter]:
        """Of a command, one for each option."""
        hints = get_type_hints(cls, include_extras=True)
        return [
            Parameter(
                field.name,
                Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=hints[field.name],
            )
            for field in fields(cls)
        ]

    def given(self) -> dict[str, Any]:
        """The options that have a value, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value not in (None, [])}

    def words(self) -> list[str]:
        """What has to be typed to give the same to another command."""
        hints = get_type_hints(type(self), include_extras=True)
        typed: list[str] = []
        for name, value in Group.given(self).items():
            option = _declared(hints[name]) or f"--{name.replace('_', '-')}"
            for one in value if isinstance(value, list) else [value]:
                typed += [option, *([] if one is True else [str(one)])] if one is not False else []
        return typed


def _declared(hint: Any) -> str | None:
    """How an option is written where its annotation says so; typer keeps that as the default."""
    info = hint.__metadata__[0]
    named = [one for one in (info.default, *(info.param_decls or ())) if isinstance(one, str)]
    return named[0].partition("/")[0] if named else None


@dataclass(frozen=True)
class Columns(Group):
    """What the columns of own files mean."""

    client_column: Annotated[
        str | None, setting("Own files: the column that names the client. [client]")
    ] = None
    label_column: Annotated[
        str | None,
        setting("Own files: the column of what is asked, or several: a,b. [y or label]"),
    ] = None
    event_column: Annotated[
        str | None,
        setting("Own files: whether the event was seen at the time in the label column."),
    ] = None


@dataclass(frozen=True)
class Reading(Columns):
    """How own files are read, wherever the rules are wrong."""

    subject_column: Annotated[
        str | None,
        setting(
            "Own files: the column of patients, devices or the like, whose samples stay together "
            "in training, validation or test; none to part them. [by its name]"
        ),
    ] = None
    columns: Annotated[
        list[str] | None,
        setting("Own tables: a column's kind, as in age=number; can be repeated.", "--column"),
    ] = None
    drop: Annotated[
        list[str] | None, setting("Own tables: a column to leave out; can be repeated.")
    ] = None
    scale: Annotated[str | None, setting("Own samples: auto, standard, robust or none. [auto]")] = (
        None
    )
    resize: Annotated[int | None, setting("Own pictures: bring them to this height and width.")] = (
        None
    )
    layout: Annotated[
        str | None, setting("Own pictures: what the folders stand for, as in class/client.")
    ] = None
    channels: Annotated[
        str | None, setting("Own arrays of pictures: whether channels are first or last.")
    ] = None
    decimal: Annotated[str | None, setting("Own text files: the decimal mark, . or ,.")] = None

    def given(self) -> dict[str, Any]:
        """As settings of a study.

        Raises:
            InputError: a column's kind is not NAME=KIND.
        """
        from unalike.data.preprocessing.settings import named_kind

        values = super().given()
        if self.columns:
            values["columns"] = dict(named_kind(text) for text in self.columns)
        return values


@dataclass(frozen=True)
class Partition(Group):
    """How a named data set is dealt to clients."""

    task: Task = None
    data_dir: DataDir = None
    split: Annotated[
        str | None,
        setting("How samples are dealt to clients. [dirichlet]", completion=completion.split),
    ] = None
    alpha: Annotated[float | None, setting("Dirichlet concentration. [0.1]")] = None
    classes_per_client: Annotated[int | None, setting("Of the pathological split. [2]")] = None
    shards_per_client: Annotated[int | None, setting("Of the shards split. [2]")] = None
    law: Annotated[str | None, setting("Of the quantity split: lognormal or power.")] = None
    sigma: Annotated[float | None, setting("Of the lognormal law.")] = None
    exponent: Annotated[float | None, setting("Of the power law.")] = None
    skew: Annotated[
        list[str] | None,
        setting(
            "KIND or KIND:NAME=VALUE, on top of the split; can be repeated; see 'unalike skews'.",
            completion=completion.skew,
        ),
    ] = None
    clients: Annotated[int | None, setting("Clients that exist. [20; all natural ones]")] = None
    min_size: Annotated[int | None, setting("The least samples that a client holds.")] = None


@dataclass(frozen=True)
class HeldOut(Group):
    """What training never sees."""

    new_clients: Annotated[
        float | None, setting("Share of the clients that never train. [0.2]")
    ] = None
    validation: Annotated[float | None, setting("Share of samples for validation. [0.1]")] = None
    test: Annotated[float | None, setting("Share of samples for testing. [0.2]")] = None


@dataclass(frozen=True)
class Training(Group):
    """Who trains in a round, and how much."""

    cohort: Annotated[
        float | None, setting("Clients in a round: a share up to 1, or a number above 1. [1.0]")
    ] = None
    local_epochs: Annotated[
        float | None, setting("Local epochs in a round, or a fraction of one. [1]")
    ] = None
    local_steps: Annotated[
        int | None, setting("Local steps in a round, going on over rounds, in place of epochs.")
    ] = None
    lr_schedule: Annotated[
        str | None,
        setting("Step sizes over rounds: exponential:rate=0.99, cosine, inverse, ... [constant]"),
    ] = None
    local_momentum: Annotated[
        float | None, setting("Momentum of local steps that lasts from round to round. [none]")
    ] = None
    slow_clients: Annotated[
        float | None, setting("Chance that a client does only a part of its local work. [0]")
    ] = None
    batch_size: Annotated[int | None, setting("Samples in a local step. [16]")] = None
    weights: Annotated[str | None, setting("What a client counts in averages. [proportional]")] = (
        None
    )
    positive: Annotated[
        str | None, setting("Of two classes, the one that counts as yes. [the later name]")
    ] = None
    target_scale: Annotated[
        str | None,
        setting("Quantities and counts: standard, or none to train in their own unit. [standard]"),
    ] = None
    device: Annotated[str | None, setting("cpu, cuda or auto. [cpu]")] = None


def expand(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options of its groups in its signature, one by one, for typer."""
    parameters: list[Parameter] = []
    groups: dict[str, type[Group]] = {}
    for name, parameter in signature(command, eval_str=True).parameters.items():
        kind = parameter.annotation
        if isinstance(kind, type) and issubclass(kind, Group):
            groups[name] = kind
            parameters += kind.parameters()
        else:
            parameters.append(parameter)

    @wraps(command)
    def run(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{each.name: values.pop(each.name) for each in fields(group)})
        command(**values)

    expanded: Any = run
    expanded.__signature__ = Signature(parameters)
    expanded.__annotations__ = {each.name: each.annotation for each in parameters}
    return expanded
