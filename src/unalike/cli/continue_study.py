"""The command `unalike continue`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

from . import options
from .completion import one_of
from .console import err
from .options import setting
from .show import interruptible, show_result
from .workers import with_workers

if TYPE_CHECKING:
    from unalike.api.continue_study import Until


@with_workers
def continue_study(
    folder: options.Folder,
    seeds: Annotated[
        int | None,
        setting("Seeds that the study is to have in all; with --until at most so many. [30]"),
    ] = None,
    until: Annotated[
        str | None,
        setting(
            "decided: add seeds until the leader is told apart from all others.",
            completion=one_of(("decided",)),
        ),
    ] = None,
    jobs: options.Jobs = None,
    backend: options.Backend = None,
    track: options.Track = None,
    plugin: options.Plugins = None,
) -> None:
    """Add seeds to a finished study; what it has is kept."""
    from unalike.api.continue_study import continue_study as go_on
    from unalike.study.merge import open_study

    from .progress import StudyProgress

    study = open_study(folder)
    with interruptible(folder), StudyProgress(study, err) as progress:
        result = go_on(
            folder,
            seeds=seeds,
            until=cast("Until | None", until),
            jobs=jobs,
            backend=backend or "loky",
            track=track or "",
            tell=progress.tell,
        )
    show_result(result, folder)
