"""Models of a run over a network: the shared part is kept here, each site's own at the site."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from unalike.study.kept_models import ModelWriter, RoundModels
from unalike.study.model_description import ModelDescription

from .remote_run import RemoteRun


class RemoteModelWriter(ModelWriter):
    """Keeps what clients have in common, and tells sites which round leads.

    best: the round that leads so far, 0 where none has been measured.
    """

    def __init__(
        self, folder: Path, keep: str, description: ModelDescription, run: RemoteRun, best: int
    ) -> None:
        super().__init__(folder, keep, description)
        self._remote = run
        run.best = best

    def write(self, models: Callable[[], RoundModels], t: int, *, leads: bool, last: bool) -> None:
        super().write(models, t, leads=leads, last=last)
        if leads:
            self._remote.best = t
        if last:
            self.end(t)

    def end(self, t: int, *, diverged: bool = False) -> None:
        """Let each site keep its own model of the round that leads."""
        run = self._remote
        more = {"diverged": True} if diverged else {}
        places = [*run.places.tolist(), *run.new_places.tolist()]
        requests = {place: run.request("keep", t, place, {}, **more) for place in places}
        run.sites.request(requests, "Keeping models")
