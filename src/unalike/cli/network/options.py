"""Options that several commands of the network share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from unalike.cli import completion, json_lines
from unalike.cli.options import Group
from unalike.errors import InputError
from unalike.network.server.server_settings import HELP

Methods = Annotated[
    str | None,
    typer.Option(
        help="Method, or several with commas. [those of the study]",
        autocompletion=completion.methods,
    ),
]
Deadline = Annotated[float, typer.Option(help=HELP["deadline"])]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace the study that the folder holds.")
]
ServerTls = Annotated[
    Path | None, typer.Option(help="Folder with server.crt, server.key and nodes/*.pub.")
]
LogFormat = Annotated[
    json_lines.LogFormat,
    typer.Option(help="What is said on standard error: text, or json, one object a line."),
]
OneProcess = Annotated[
    bool,
    typer.Option(
        "--one-process",
        help="Answer in one process, not in a new one for every message: faster, but only with "
        "versions of Flower that it was tested with.",
    ),
]


@dataclass(frozen=True)
class Diagnosis(Group):
    """A diagnosis in place of training."""

    diagnose: Annotated[
        bool,
        typer.Option(
            "--diagnose",
            help=HELP["diagnose"],
        ),
    ] = False
    noise: Annotated[
        float | None,
        typer.Option(help=f"{HELP['noise']} [none]"),
    ] = None
    label: Annotated[
        int | None,
        typer.Option(help=HELP["label"]),
    ] = None

    def settings(self) -> dict[str, Any]:
        """What the run config says of it.

        Raises:
            InputError: one sentence says what to change.
        """
        if not self.diagnose:
            if self.noise is not None or self.label is not None:
                raise InputError("--noise and --label are for a diagnosis: add --diagnose.")
            return {}
        return {
            "diagnose": True,
            "noise": 0.0 if self.noise is None else checked_epsilon(self.noise),
            "label": -1 if self.label is None else _checked_label(self.label),
        }


def _checked_label(label: int) -> int:
    if label < 0:
        raise InputError(f"--label {label}: labels are numbered from 0.")
    return label


def checked_epsilon(epsilon: float) -> float:
    """The epsilon of a diagnosis with noise; InputError where it is none."""
    from unalike.diagnosis.summary_noise import Noise

    return Noise(epsilon).epsilon
