"""The command `unalike predict`."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated

import typer

from unalike.errors import InputError

from .console import out, say
from .options import OwnModule, Plugins, setting


def predict(
    models: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="A saved model, or a folder with one for each client ('unalike export').",
        ),
    ],
    data: Annotated[Path, typer.Argument(help="Rows, with the columns of training.")],
    target: Annotated[Path, typer.Option("--out", help="File of predictions.")] = Path(
        "predictions.csv"
    ),
    client_column: Annotated[
        str | None, setting("The column that names the client of each row. [as in training]")
    ] = None,
    times: Annotated[
        str | None,
        setting("Of survival: the share without the event until these times, as in 365,730."),
    ] = None,
    model: OwnModule = None,
    plugin: Plugins = None,
) -> None:
    """Answer the rows of a file with a trained model."""
    from unalike.study.files import write_atomically
    from unalike.trained_models.prediction_table import load_models, predict_table

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", UserWarning)
        table = predict_table(
            load_models(models, model),
            data,
            client_column=client_column,
            times=_numbers(times or ""),
        )
    for sentence in dict.fromkeys(str(one.message) for one in warned):
        say(sentence)
    write_atomically(target, table.to_csv(index=False).encode())
    out.print(f"{len(table)} predictions: {target}", highlight=False, markup=False, soft_wrap=True)


def _numbers(text: str) -> list[float]:
    """Times, as they are typed."""
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise InputError(f"--times {text}: give numbers, as in 365,730.") from None
