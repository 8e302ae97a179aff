"""Runs are stored one by one, and what is stored is not done again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from unalike.errors import InputError
from unalike.ledger import PublishedTable, Run, minutes_left, missing_runs, read_runs, reproduce
from unalike.ledger.reproduction import describe_machine


class Toy:
    """An entry of three runs that counts how often each is done."""

    def __init__(self, step: float = 0.1) -> None:
        self.done: list[int] = []
        self.fails_at: int | None = None
        self.table = PublishedTable(
            name="toy",
            title="A toy",
            source="nobody",
            protocol="none",
            columns={"score": "a number"},
            runs=tuple(Run("row", seed, {"step": step, "pair": (1, 2)}) for seed in range(3)),
            measure=self.measure,
            cpu_minutes=6,
        )

    def measure(
        self, settings: Mapping[str, Any], seed: int, data_dir: str | None
    ) -> dict[str, float]:
        if seed == self.fails_at:
            raise KeyboardInterrupt
        self.done.append(seed)
        return {"score": seed + 1 / 3}


def test_an_interrupted_entry_goes_on_where_it_was(tmp_path: Path) -> None:
    toy = Toy()
    toy.fails_at = 2
    with pytest.raises(KeyboardInterrupt):
        list(reproduce(toy.table, tmp_path))
    assert [run.seed for run in missing_runs(toy.table, tmp_path)] == [2]
    assert minutes_left(toy.table, tmp_path) == 2
    toy.fails_at = None
    assert [run.seed for run in reproduce(toy.table, tmp_path)] == [2]
    assert toy.done == [0, 1, 2]
    assert list(reproduce(toy.table, tmp_path)) == []
    assert [run.values["score"] for run in read_runs(toy.table, tmp_path)] == [
        1 / 3,
        1 + 1 / 3,
        2 + 1 / 3,
    ]


def test_runs_of_other_settings_do_not_count_and_are_replaced(tmp_path: Path) -> None:
    list(reproduce(Toy(step=0.1).table, tmp_path))
    other = Toy(step=0.2)
    assert read_runs(other.table, tmp_path) == []
    list(reproduce(other.table, tmp_path))
    assert other.done == [0, 1, 2]
    lines = (tmp_path / "toy.jsonl").read_text().splitlines()
    assert [json.loads(line)["settings"]["step"] for line in lines] == [0.2] * 3


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    toy = Toy()
    list(reproduce(toy.table, tmp_path))
    path = tmp_path / "toy.jsonl"
    path.write_text(path.read_text()[:-20])
    with pytest.raises(InputError, match=r"toy\.jsonl, line 3 is not a run"):
        read_runs(toy.table, tmp_path)


def test_the_machine_is_described_without_its_name() -> None:
    assert set(describe_machine()) == {
        *("processor", "cores", "unalike", "python", "torch", "numpy")
    }
