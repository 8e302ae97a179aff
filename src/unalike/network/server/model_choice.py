"""Models of a run over a network: the shared part is kept here, each site's own at the site."""

from __future__ import annotations

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

    def write(self, models: RoundModels, t: int, *, leads: bool, last: bool) -> None:
        super().write(models, t, leads=leads, last=last)
        run = self._remote
        if leads:
            run.best = t
        if last and self.wanted:
            places = [*run.places.tolist(), *run.new_places.tolist()]
            requests = {place: run.request("keep", t, place, {}) for place in places}
            run.sites.request(requests, "Keeping models")
