"""How well a model that was taken home does, measured apart from the study that trained it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from unalike import TrainedModel


def score(model: TrainedModel, x: Tensor, y: Tensor) -> float:
    """The main measure of the model's task on samples that are prepared: x [n, ...], y [n, ...].

    y is in the unit of what is asked.
    """
    task = model.description.question
    with torch.no_grad():
        reduced = task.reduced(model.module(x), y)
    output = (reduced[:, None] if reduced.dim() == 1 else reduced).numpy()
    sums = task.counts(output, task.scaled(y.numpy()), np.zeros(len(y)), np.array([len(y)]))
    return float(task.scores(sums)[task.main.name][0])


def summary_of(folder: Path) -> pd.DataFrame:
    """A study's `summary.csv`, every number to its last digit."""
    with (folder / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return pd.DataFrame([{**row, "value": float(row["value"] or "nan")} for row in rows])


def reported(frame: pd.DataFrame, method: str, metric: str, client: str = "all") -> float:
    """What a study's summary says."""
    row = frame[(frame.method == method) & (frame.metric == metric) & (frame.client == client)]
    return float(row["value"].item())
