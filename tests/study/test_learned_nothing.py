"""A run that learns nothing, or diverges, says so once: aloud and in the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from unalike import compare
from unalike.study.training import ProgressEvent

SETTINGS: dict[str, Any] = {"methods": "fedavg", "model": "logistic", "rounds": 3, "seeds": 1}


def samples(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Four clients whose features lie far from 0."""
    rng = np.random.default_rng(seed)
    return 1e4 + rng.normal(size=(80, 3)), np.arange(80) % 2, np.repeat(list("abcd"), 20)


def remarks(events: list[ProgressEvent], words: str) -> list[tuple[str, str]]:
    return [(e.label, e.remark) for e in events if e.remark and words in e.remark]


def test_one_class_for_everybody(tmp_path: Path) -> None:
    events: list[ProgressEvent] = []
    result = compare(samples(), scale="none", out=tmp_path, tell=events.append, **SETTINGS)
    said = remarks(events, "all test samples get one answer")
    assert "fedavg" in [label for label, _ in said]
    assert len(said) == len(set(said))
    (kept,) = [text for text in result.remarks if text.startswith("fedavg, seed 0: all test")]
    assert "unscaled features" in kept
    assert "get one answer" in (tmp_path / "report.html").read_text("utf-8")
    scaled = compare(samples(), **SETTINGS)
    assert not [text for text in scaled.remarks if "all test samples get one answer" in text]


def test_a_divergence_is_said_once_with_its_likely_cause(tmp_path: Path) -> None:
    events: list[ProgressEvent] = []
    settings = {"fedavg": {"lr": 1e38}}
    result = compare(
        samples(), scale="none", settings=settings, out=tmp_path, tell=events.append, **SETTINGS
    )
    ((label, text),) = remarks(events, "too large for these samples")
    assert label == "fedavg"
    assert text.endswith("The other methods go on.")
    (kept,) = [text for text in result.remarks if "step size too large for these" in text]
    assert kept.startswith("fedavg, seed 0: ")
