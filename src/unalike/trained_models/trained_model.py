"""A model that a study has trained: raw rows in, answers out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unalike.errors import InputError
from unalike.study.model_description import ModelDescription
from unalike.tasks.classes import numbered

from .exports import exported_program, write_onnx, write_program
from .samples import prepared_samples
from .storage import write_module

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
