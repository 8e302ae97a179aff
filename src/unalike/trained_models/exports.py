"""Models for those who have no unalike: programs of torch.export, and ONNX.

What they put out for quantities is in the unit of what was asked.
"""

from __future__ import annotations

import logging
import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from unalike.errors import InputError
from unalike.functional.module import first_line
from unalike.study.files import replacement
from unalike.study.kept_models import HEADER
from unalike.study.model_description import ModelDescription

from .plain_module import trial_samples
from .unit_output import UnitOutput

INPUT, OUTPUT = "x", "output"
ONNX_NEEDS = ("onnx", "onnxscript", "onnxruntime")


def exported_program(module: nn.Module, description: ModelDescription) -> Any:
    """The module as a program that takes any number of samples.

    Raises:
        InputError: torch.export cannot follow the module.
    """
    x = trial_samples(description)
    answering = UnitOutput.of(module, description)
    try:
        with torch.no_grad():
            return torch.export.export(
                answering, (x,), dynamic_shapes=({0: torch.export.Dim("samples", min=1)},)
            )
    except Exception as error:
        raise InputError(
            f"torch.export cannot follow the module {type(module).__name__}: {first_line(error)}"
        ) from error


def write_program(module: nn.Module, description: ModelDescription, path: Path) -> Path:
    """The program in a file, with the model's description as the extra file `unalike`.

    Raises:
        InputError: there is no program of the module, or it cannot be written.
    """
    program = exported_program(module, description)
    with replacement(path) as beside, beside.open("wb") as file:
        torch.export.save(program, file, extra_files={HEADER: description.to_text()})
    return path


def write_onnx(module: nn.Module, description: ModelDescription, path: Path) -> Path:
    """The module as ONNX; what onnxruntime makes of it is compared before it is kept.

    Raises:
        InputError: the extra is missing, ONNX has no form of the module, or gives other numbers.
    """
    missing = [name for name in ONNX_NEEDS if find_spec(name) is None]
    if missing:
        raise InputError(f"ONNX needs {', '.join(missing)}: pip install 'unalike[onnx]'.")
    x = trial_samples(description)
    answering = UnitOutput.of(module, description)
    onnx: Any = import_module("onnx")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it lists packages that are not here
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            written: Any = torch.onnx.export(
                answering,
                (x,),
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: torch.export.Dim("samples", min=1)},),
                dynamo=True,
                verbose=False,
            )
    except Exception as error:
        raise InputError(
            f"ONNX has no form of the module {type(module).__name__}: {first_line(error)}"
        ) from error
    proto = written.model_proto
    entry = proto.metadata_props.add()
    entry.key, entry.value = HEADER, description.to_text()
    content = proto.SerializeToString()
    onnx.checker.check_model(proto)
    _compare(answering, description, content)
    with replacement(path) as beside:
        beside.write_bytes(content)
    return path


def _compare(module: nn.Module, description: ModelDescription, content: bytes) -> None:
    runtime: Any = import_module("onnxruntime")
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    x = trial_samples(description)
    for some in (x, x[:1]):
        (found,) = session.run([OUTPUT], {INPUT: some.numpy()})
        with torch.no_grad():
            expected = module(some).numpy()
        if not np.allclose(found, expected, rtol=1e-3, atol=1e-4):
            raise InputError(
                f"onnxruntime gives other numbers for the module {type(module).__name__} "
                "than PyTorch: it is not written."
            )
