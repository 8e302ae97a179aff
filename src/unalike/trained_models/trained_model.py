"""A model that a study has trained: raw rows in, answers out."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from unalike.data.preprocessing.preprocessing import from_dict
from unalike.data.preprocessing.table_preprocessing import TablePreprocessing
from unalike.errors import InputError
from unalike.study.model_description import ModelDescription
from unalike.tasks.classes import numbered

from .exports import exported_program, write_onnx, write_program
from .samples import prepared_samples
from .storage import write_module

if TYPE_CHECKING:
    import pandas as pd

BATCH = 1024
"""Samples that are predicted at once."""


class TrainedModel:
    """One client's model, or everybody's, as it stood after a round of a study.

        >>> model = result.model("fedavg", client="client-1")  # doctest: +SKIP
        >>> model.predict(x)  # doctest: +SKIP

    Attributes:
        module: a `torch.nn.Module` in evaluation mode, x [n, ...] -> output [n, ...], which gives
            the numbers of the study for samples that are prepared already.
        description: whose model it is, what it takes and what it answers.
    """

    def __init__(self, module: nn.Module, description: ModelDescription) -> None:
        self.module, self.description = module, description

    def __repr__(self) -> str:
        return f"<TrainedModel {self.description.title}: {type(self.module).__name__}>"

    def _repr_html_(self) -> str:
        about, parameters = self.description, list(self.module.parameters())
        takes = "samples of shape " + " x ".join(map(str, about.shape))
        fitted = None if about.preprocessing is None else from_dict(about.preprocessing)
        if isinstance(fitted, TablePreprocessing):
            takes = f"columns {', '.join(encoder.name for encoder in fitted.encoders)}"
        names = f": {', '.join(about.class_names)}" if about.class_names else ""
        rows = {
            "module": type(self.module).__name__,
            "numbers that were trained": f"{sum(p.numel() for p in parameters):,}",
            "takes": takes,
            "answers": f"{about.question.title}{names}",
        }
        lines = (f"<tr><th>{escape(n)}</th><td>{escape(v)}</td></tr>" for n, v in rows.items())
        title = f"{about.title}{'' if about.client else ', the model for everybody'}"
        return f"<p><b>{escape(title)}</b></p><table>{''.join(lines)}</table>"

    def outputs(self, rows: Any, *, prepared: bool = False) -> Tensor:
        """What the module puts out for raw rows: [n, ...], such as logits; quantities on the scale
        of training.

        rows: a data frame, an array [n, ...], or the path of a file; with the columns of training.
        prepared: the rows are what the network takes already: no preprocessing.

        Raises:
            InputError: these are not rows as the model was trained on.
        """
        x = prepared_samples(self.description, rows, prepared=prepared)
        with torch.no_grad():
            return torch.cat([self.module(some) for some in x.split(BATCH)])

    def answers(self, rows: Any, *, prepared: bool = False) -> dict[str, NDArray[Any]]:
        """All that the task makes of the outputs: "prediction" first, each [n, ...]."""
        output = self.outputs(rows, prepared=prepared)
        found = self.description.question.predictions(output)
        return {name: values.numpy() for name, values in found.items()}

    def predict(self, rows: Any, *, prepared: bool = False) -> NDArray[Any]:
        """The answer for each row [n, ...].

        Of classes their names, or their numbers where they have no others; of many labels, which
        of them a row has [n, labels]; of survival the logarithm of the risk; else the quantity.

        Raises:
            InputError: these are not rows as the model was trained on.
        """
        found = self.answers(rows, prepared=prepared)["prediction"]
        question = self.description.question
        names = question.class_names
        if not question.holds_classes or names == numbered(len(names)):
            return found
        return np.asarray(names)[found]

    def predict_proba(self, rows: Any, *, prepared: bool = False) -> NDArray[Any]:
        """The probability of each class or label [n, C].

        Raises:
            InputError: the task has no probabilities, or these are not rows of training.
        """
        found = self.answers(rows, prepared=prepared)
        if "probability" not in found:
            raise InputError(
                f"The task {self.description.task!r} has no probabilities: take predict."
            )
        return found["probability"]

    def predict_survival(
        self, rows: Any, times: ArrayLike | None = None, *, prepared: bool = False
    ) -> pd.DataFrame:
        """The probability that the event comes later than each time: [n, times].

        The baseline hazard is Breslow's, from the training samples of the client whose model it is,
        or of all clients where it is everybody's.

        times: one column for each; those of the training samples' events if not given.

        Raises:
            InputError: the task has no survival, the model no baseline hazard, nobody was observed
                so long, or these are not rows of training.
        """
        import pandas as pd

        question, hazard = self.description.question, self.description.baseline_hazard
        if not question.relative_risk:
            raise InputError(f"The task {self.description.task!r} has no survival: take predict.")
        if hazard is None:
            raise InputError(
                f"The model of {self.description.title} holds no baseline hazard, for which the "
                "training samples are needed: take a client's own model."
            )
        wanted = hazard.times if times is None else checked_times(times, hazard.last)
        risk = self.answers(rows, prepared=prepared)["prediction"].astype(np.float64)
        return pd.DataFrame(hazard.survival(risk, wanted), columns=wanted)

    def save(self, path: str | Path) -> Path:
        """Write the model as one safetensors file, for `unalike.load`.

        Raises:
            UnwritableError: it cannot be written.
        """
        return write_module(self.module, self.description, Path(path))

    def exported_program(self) -> Any:
        """The module as a `torch.export.ExportedProgram`, for any number of samples.

        Raises:
            InputError: torch.export cannot follow the module.
        """
        return exported_program(self.module, self.description)

    def to_onnx(self, path: str | Path) -> Path:
        """Write the module as ONNX, checked against onnxruntime; needs the extra `onnx`.

        Raises:
            InputError: the extra is missing, or ONNX has no form of the module.
        """
        return write_onnx(self.module, self.description, Path(path))

    def to_torch(self, path: str | Path) -> Path:
        """Write the module as a program of torch.export, which needs no unalike to run.

        Raises:
            InputError: torch.export cannot follow the module, or it cannot be written.
        """
        return write_program(self.module, self.description, Path(path))


def checked_times(times: ArrayLike, last: float) -> NDArray[np.float64]:
    """Times [T] up to the last one that anybody was observed.

    Raises:
        InputError: one is not a number, below zero, or later.
    """
    try:
        found = np.atleast_1d(np.asarray(times, dtype=np.float64))
    except (TypeError, ValueError):
        raise InputError(f"times = {times!r}: these are no numbers.") from None
    if found.ndim != 1 or not (found >= 0).all():
        raise InputError(f"times = {times!r}: give numbers that are not below zero.")
    if (found > last).any():
        raise InputError(
            f"Nobody of the training samples was observed longer than {last:g}, so survival until "
            f"{found.max():g} is not known: ask for earlier times."
        )
    return found
