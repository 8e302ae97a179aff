"""What the runs of a study have written, and whether two studies have written the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

BINNED = frozenset({"auc", *(f"sensitivity_at_{percent}" for percent in (80, 90, 95, 99))})
"""Measures that come from histograms where the samples of several sites are judged together."""


def metrics(folder: Path) -> dict[str, list[dict[str, Any]]]:
    return {
        str(path.parent.relative_to(folder)): [
            json.loads(line) for line in path.read_text("utf-8").splitlines()
        ]
        for path in sorted(folder.rglob("metrics.jsonl"))
    }


def assert_same_records(
    a: Any, b: Any, where: str = "", *, pooled: frozenset[str] = BINNED
) -> None:
    """Numbers to float tolerance; what only a simulation has, and times, aside.

    pooled: measures that several sites together have in another way than a simulation.
    """
    if isinstance(a, dict):
        apart = {"gradient_dissimilarity", "sample_scores", "train_seconds", "peak_memory_bytes"}
        if where.endswith((".validation", ".global")):
            apart |= pooled
        assert a.keys() - apart == b.keys() - apart, where
        for key in a.keys() - apart:
            assert_same_records(a[key], b[key], f"{where}.{key}", pooled=pooled)
    elif isinstance(a, list):
        assert len(a) == len(b), where
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same_records(x, y, f"{where}[{i}]", pooled=pooled)
    elif isinstance(a, float):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6, err_msg=where)
    else:
        assert a == b, where
