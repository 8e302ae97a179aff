"""MLflow: an experiment for each study, a run for each method and seed.

They go to MLFLOW_TRACKING_URI where it is set, else to files in FOLDER/mlflow, which newer versions
of MLflow want to be allowed (MLFLOW_ALLOW_FILE_STORE). MLflow's own telemetry is left off.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from unalike.errors import InputError
from unalike.study.settings import Study
from unalike.study.training import ProgressEvent


class MLflowTracker:
    """Metrics by round, and the settings of the study and the method as parameters."""

    def __init__(self, study: Study, folder: Path) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        if "MLFLOW_TRACKING_URI" not in os.environ:
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        place = (folder / "mlflow").absolute().as_uri()
        uri = os.environ.get("MLFLOW_TRACKING_URI", place)
        try:
            self._client: Any = MlflowClient(uri)
        except MlflowException as error:
            raise InputError(f"MLflow cannot keep runs at {uri}: {error}") from None
        self._study, self._name = study, folder.absolute().name
        self._experiment: str | None = None
        self._runs: dict[tuple[str, int], str] = {}

    def tell(self, event: ProgressEvent) -> None:
        """Log the numbers of a round."""
        if event.numbers:
            run = self._run(event.label, event.seed)
            for name, value in event.numbers.items():
                self._client.log_metric(run, name, value, step=event.t)

    def close(self) -> None:
        """End all runs."""
        for run in self._runs.values():
            self._client.set_terminated(run)

    def _run(self, label: str, seed: int) -> str:
        if (label, seed) not in self._runs:
            run = self._client.create_run(
                self._experiment_id(), run_name=f"{label}-seed-{seed}", tags={"method": label}
            )
            self._runs[label, seed] = found = str(run.info.run_id)
            settings = self._study.as_toml()
            settings |= settings.pop("methods", {}).get(label, {})
            settings |= {"method": label, "seed": seed}
            for name, value in settings.items():
                self._client.log_param(found, name, value)
        return self._runs[label, seed]

    def _experiment_id(self) -> str:
        if self._experiment is None:
            known = self._client.get_experiment_by_name(self._name)
            self._experiment = (
                self._client.create_experiment(self._name) if known is None else known.experiment_id
            )
        return str(self._experiment)
