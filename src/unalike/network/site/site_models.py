"""The models that a site keeps for itself: those of the leading round and of the latest, then one.

    <token>/<method>/seed-<k>/models/round-<t>.safetensors    while the run goes on
    models/<method>-seed-<k>.safetensors                      the chosen one, for `unalike predict`

What is private in them never leaves the site; nor does how well they do, unless it tells.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from unalike.functional.trees import named_tree
from unalike.study.files import read_metadata
from unalike.study.keep import BEST, NONE
from unalike.study.kept_models import (
    HEADER,
    RoundModels,
    client_model,
    kept_hazard,
    read_description,
    read_models,
    write_models,
)
from unalike.study.model_description import ModelDescription
from unalike.trained_models.run_models import trained_model


class SiteModels:
    """Of one run. home: where chosen models lie; notify: takes a sentence for the site's people."""

    def __init__(
        self,
        folder: Path,
        home: Path,
        run: ModelDescription,
        keep: str,
        notify: Callable[[str], None],
    ) -> None:
        self._folder, self._home, self._run = folder, home, run
        self._keep, self._notify = keep, notify

    def hold(self, models: RoundModels, t: int, leading: int, scores: dict[str, float]) -> None:
        """Keep the site's own model of round t; of others only that of the leading round.

        scores: the main measure on the site's own test samples, of "personal" and "global".
        """
        if self._keep == NONE:
            return
        about = self._run.model_copy(update={"round": t, "scores": scores})
        write_models(self._path(t), models, about)
        for path in self._folder.glob("round-*.safetensors"):
            if path not in (self._path(t), self._path(leading)):
                path.unlink(missing_ok=True)

    def choose(self, best: int) -> None:
        """The run is over: keep the model of the round that the server chose, or else the latest.

        Raises:
            InputError: the file is damaged, or the model cannot be written.
        """
        held = sorted(self._folder.glob("round-*.safetensors"))
        if not held or self._keep == NONE:
            return
        chosen = self._path(best) if BEST in self._keep else held[-1]
        path = chosen if chosen.exists() else held[-1]
        kept = read_models(path, read_description(path))
        about = kept.description.model_copy(
            update={"client": self._name, "when": BEST if path == chosen else "last", "trees": {}}
        )
        target = self._home / f"{about.label}-seed-{about.seed}.safetensors"
        hazard = kept_hazard(kept, 0)
        trained_model(named_tree(client_model(kept, 0)), about, hazard=hazard).save(target)
        for old in held:
            old.unlink(missing_ok=True)
        self._notify(self._sentence(about, target))

    @property
    def _name(self) -> str:
        return next(iter((*self._run.clients, *self._run.newcomers)), "")

    def _path(self, t: int) -> Path:
        return self._folder / f"round-{t:06d}.safetensors"

    def _sentence(self, about: ModelDescription, path: Path) -> str:
        measure = about.question.main
        said = (
            f"{about.label}, seed {about.seed}: the model of round {about.round} is kept in {path}"
        )
        if "personal" not in about.scores:
            return f"{said}."
        others = {
            "Local": self._score("local", "personal"),
            "global": about.scores.get("global", self._score("fedavg", "personal")),
        }
        beside = ", ".join(
            f"{name} {measure.text(value)}" for name, value in others.items() if value is not None
        )
        own = (
            f"{measure.title} on this site's test samples {measure.text(about.scores['personal'])}"
        )
        return f"{said}; {own}{f' ({beside})' if beside else ''}."

    def _score(self, label: str, which: str) -> float | None:
        """How well another method's kept model does here; None where there is none."""
        path = self._home / f"{label}-seed-{self._run.seed}.safetensors"
        about = read_metadata(path) if path.exists() else None
        if label == self._run.label or about is None or HEADER not in about:
            return None
        return ModelDescription.from_text(about[HEADER], str(path)).scores.get(which)
