"""Continuing a study where it stopped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from unalike.core import Problem
from unalike.errors import InputError
from unalike.study.backends import workers
from unalike.study.merge import merge_folders, open_study
from unalike.study.roster import read_sites
from unalike.study.shard import WHOLE, parse_shard
from unalike.study.training import ProgressCallback, ProgressEvent
from unalike.tracking import tracked

from .finish import finish_study
from .given_again import inputs_given_again
from .studies import federations_of, unfinished

if TYPE_CHECKING:
    from .result import Result


def resume(
    folder: str | Path,
    *others: str | Path,
    data: Any = None,
    client: Any = None,
    label: Any = None,
    model: nn.Module | Problem | None = None,
    loss: Any = None,
    output: str | int | None = None,
    shard: str | None = None,
    jobs: int | None = None,
    backend: str | None = None,
    track: str = "",
    tell: ProgressCallback = lambda _: None,
) -> Result:
    """Continue a study where it stopped; a finished one is only read.

    A study of data or a model from Python needs them again, as `data` (with `client` and `label`
    where they were given) and `model`, with its `loss` and `output`. A study of a file knows its
    path, columns and checksum.

    others: folders that hold other parts of the study; their runs are added to the first folder.
    shard, jobs, backend, track: as in `compare`.

    Raises:
        InputError: one sentence says what to change.
    """
    part = parse_shard(shard)
    for sentence in merge_folders(Path(folder), [Path(other) for other in others]):
        tell(ProgressEvent("", 0, 0, remark=sentence))
    study = open_study(folder)
    if part != WHOLE and study.tuning is not None and not study.tuning.done:
        raise InputError(
            f"The search of the study in {folder} is not done, and its parts share it: go on "
            "without --shard first."
        )
    if read_sites(Path(folder)) is not None and unfinished(study, Path(folder)):
        raise InputError(
            f"The sites of the study in {folder} are on other machines: continue it with "
            f"'unalike serve {folder}'."
        )
    inputs = inputs_given_again(
        study,
        Path(folder),
        data=data,
        client=client,
        label=label,
        model=model,
        loss=loss,
        output=output,
    )
    federations = federations_of(study, inputs)
    with (
        tracked(track, study, Path(folder), tell) as listen,
        workers(backend, jobs) as found,
    ):
        return finish_study(
            study, Path(folder), inputs, federations, listen, jobs=found.count, shard=part
        )
