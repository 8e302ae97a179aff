"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def setting(help_text: str, *names: str) -> Any:
    """An option whose help says its default itself."""
    return typer.Option(*names, help=help_text, show_default=False)


Data = Annotated[
    str, typer.Option(help="A data set, or your own .npz, .csv, .parquet file or folder.")
]
ClientColumn = Annotated[
    str | None, setting("Own files: the column that names the client. [client]")
]
LabelColumn = Annotated[str | None, setting("Own files: the column of classes. [y]")]
DataDir = Annotated[str | None, setting("Folder with the data files.")]
Split = Annotated[str | None, setting("How samples are dealt to clients. [dirichlet]")]
Alpha = Annotated[float | None, setting("Dirichlet concentration. [0.1]")]
ClassesPerClient = Annotated[int | None, setting("Of the pathological split. [2]")]
ShardsPerClient = Annotated[int | None, setting("Of the shards split. [2]")]
Law = Annotated[str | None, setting("Of the quantity split: lognormal or power.")]
Sigma = Annotated[float | None, setting("Of the lognormal law.")]
Exponent = Annotated[float | None, setting("Of the power law.")]
Skew = Annotated[
    list[str] | None,
    setting("KIND or KIND:NAME=VALUE, on top of the split; can be repeated; see 'unalike skews'."),
]
Clients = Annotated[int | None, setting("Clients that exist. [20; all natural ones]")]
MinSize = Annotated[int | None, setting("The least samples that a client holds.")]
Validation = Annotated[float | None, setting("Share of samples for validation. [0.1]")]
Test = Annotated[float | None, setting("Share of samples for testing. [0.2]")]
NewClients = Annotated[float | None, setting("Share of the clients that never train. [0.2]")]
Cohort = Annotated[
    float | None, setting("Clients in a round: a share up to 1, or a number above 1. [1.0]")
]
