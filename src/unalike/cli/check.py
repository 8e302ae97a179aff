"""The command `unalike check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from . import completion, options
from .console import out
from .options import setting

if TYPE_CHECKING:
    from unalike.api.check import ModelCheck


@options.expand
def check(
    *,
    model: Annotated[
        str, typer.Argument(help="FILE.py:NAME, a module or a class, or the name of a network.")
    ],
    samples: options.DataArgument = None,
    data: options.Data = None,
    reading: options.Reading,
    partition: options.Partition,
    held_out: options.HeldOut,
    training: options.Training,
    methods: Annotated[
        str | None, setting("Names separated by commas. [all]", completion=completion.methods)
    ] = None,
    loss: Annotated[
        str | None, setting("cross_entropy, squared_error or binary_cross_entropy.")
    ] = None,
    output: Annotated[
        str | None,
        setting("Which of the things that it returns. [logits, or the first]"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides the deal.")] = 0,
    plugin: options.Plugins = None,
) -> None:
    """Say what will happen to a model: size, stacked or one by one, seconds, bytes; no training."""
    from unalike.api.check import check_model

    found = check_model(
        model,
        options.one_data(samples, data) or "digits",
        loss=loss,
        output=int(output) if output and output.isdecimal() else output,
        methods=methods or "all",
        seed=seed,
        **reading.given(),
        **partition.given(),
        **held_out.given(),
        **training.given(),
    )
    for line in _lines(found, found.kind if ":" in model else f"{model} ({found.kind})"):
        out.print(line, highlight=False, markup=False)
    out.print(_table(found))
    for method in found.methods:
        if method.refused is not None:
            out.print(f"{method.label}: {method.refused}", highlight=False, markup=False)


def _lines(found: ModelCheck, name: str) -> list[str]:
    beside = f", and {found.constants:,} constant ones" if found.constants else ""
    return [
        f"{name}: {found.parameters:,} numbers that are trained{beside}.",
        f"Clients are trained {found.work}.",
        f"One local step of a round's clients took {found.step_seconds:.2g} s; a round of fedavg "
        f"takes about {found.round_seconds:.2g} s.",
        *found.remarks,
    ]


def _table(found: ModelCheck) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("method")
    for heading in ("to a client", "from a client", "memory of a run"):
        table.add_column(heading, justify="right")
    for method in found.methods:
        if method.refused is None:
            sizes = (method.bytes_down, method.bytes_up, method.memory)
            table.add_row(method.label, *map(_readable, sizes))
    return table


def _readable(count: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"
