"""The models that a site keeps for itself: those of the leading round and of the latest, then one.

    <token>/<method>/seed-<k>/models/round-<t>.safetensors    while the run goes on
    models/<method>-seed-<k>.safetensors                      for `unalike predict`

The latter is the latest model until the run is over, then the chosen one.

What is private in them never leaves the site; nor does how well they do, unless it tells.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from unalike.functional.finite import finite
from unalike.functional.trees import named_tree
from unalike.study.keep import BEST, LAST, NONE
from unalike.study.kept_models import (
    RoundModels,
    client_model,
    kept_hazard,
    read_description,
    read_models,
    write_models,
)
from unalike.study.model_description import ModelDescription
from unalike.trained_models.run_models import trained_model

from .site_record import RunOutcome, Scores, SiteRecord


class SiteModels:
    """Of one run. home: of the models for use; notify: takes a sentence for the site's people."""

    def __init__(
        self,
        folder: Path,
        home: Path,
        run: ModelDescription,
        keep: str,
        record: SiteRecord,
        notify: Callable[[str], None],
    ) -> None:
        self._folder, self._run, self._keep = folder, run, keep
        self._record, self._notify = record, notify
        self._file = home / f"{run.label}-seed-{run.seed}.safetensors"

    @property
    def outcome(self) -> RunOutcome:
        """What is known of the run so far."""
        return self._record.run(self._run.label, self._run.seed, self._run.rounds)

    def hold(self, models: RoundModels, t: int, leading: int, scores: Scores) -> None:
        """Keep the site's own model of round t; of others only that of the leading round.

        A model that is not finite is no model: the one before it stays.

        Raises:
            UnwritableError: it cannot be written.
        """
        self.outcome.scores[t] = scores
        if self._keep == NONE or not all(finite(own.models) for own in models.personal or ()):
            return
        about = self._run.model_copy(update={"round": t, "scores": scores})
        write_models(self._path(t), models, about)
        for path in self._folder.glob("round-*.safetensors"):
            if path not in (self._path(t), self._path(leading)):
                path.unlink(missing_ok=True)
        if not self.outcome.over:
            self._save(self._path(t), LAST)

    def choose(self, best: int, *, diverged: bool = False) -> None:
        """The run is over: keep the model of the round that the server chose, or else the latest.

        Raises:
            InputError: the file is damaged, or the model cannot be written.
        """
        outcome = self.outcome
        held = sorted(self._folder.glob("round-*.safetensors"))
        chosen = self._path(best)
        if BEST in self._keep and chosen in held:
            self._save(chosen, BEST)
        elif held and not (outcome.over and outcome.kept == best):  # not chosen once before
            self._save(held[-1], LAST)
        outcome.over, outcome.diverged = True, diverged
        for old in held:
            old.unlink(missing_ok=True)
        self._notify(self._sentence(outcome))

    def _save(self, path: Path, when: str) -> None:
        kept = read_models(path, read_description(path))
        update = {"client": self._name, "when": when, "trees": {}}
        about = kept.description.model_copy(update=update)
        hazard = kept_hazard(kept, 0)
        trained_model(named_tree(client_model(kept, 0)), about, hazard=hazard).save(self._file)
        outcome = self.outcome
        outcome.kept, outcome.when, outcome.file = about.round, when, str(self._file)

    @property
    def _name(self) -> str:
        return next(iter((*self._run.clients, *self._run.newcomers)), "")

    def _path(self, t: int) -> Path:
        return self._folder / f"round-{t:06d}.safetensors"

    def _sentence(self, outcome: RunOutcome) -> str:
        measure = self._run.question.main
        said = f"{outcome.label}, seed {outcome.seed}: "
        said += "it diverged; " if outcome.diverged else ""
        said += (
            f"the model of round {outcome.kept} is kept in {outcome.file}"
            if outcome.kept
            else "no model is kept"
        )
        own = outcome.score("personal")
        if own is None:
            return f"{said}."
        others = self._record.beside(outcome)
        beside = ", ".join(f"{name} {measure.text(value)}" for name, value in others.items())
        return (
            f"{said}; {measure.title} on this site's test samples {measure.text(own)}"
            f"{f' ({beside})' if beside else ''}."
        )
