"""A run on disk survives being cut off anywhere."""

from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from small_studies import SMALL
from unalike import compare
from unalike.core import NoState
from unalike.engines.client_states import ClientStates
from unalike.errors import InputError
from unalike.study.store import Checkpoint, RunStore
from unalike.study.study_folder import prepare_folder


class Server(NamedTuple):
    w: Tensor
    count: Tensor


LIKE = Server(torch.zeros(3), torch.zeros((), dtype=torch.int64))


def server(t: int) -> Server:
    return Server(torch.full((3,), float(t)), torch.tensor(t))


def filled(folder: Path, rounds: int) -> RunStore:
    store = RunStore(folder)
    for t in range(1, rounds + 1):
        store.append({"round": t})
        store.checkpoint(Checkpoint(t, server(t), NoState(), "plan"))
    return store


def test_the_last_checkpoint_comes_back(tmp_path: Path) -> None:
    saved = filled(tmp_path, 3).load(LIKE, NoState())
    assert saved.t == 3
    assert saved.plan == "plan"
    assert torch.equal(saved.server.w, torch.full((3,), 3.0))
    assert int(saved.server.count) == 3


@pytest.mark.parametrize("damage", ["truncated", "bit", "empty", "text"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path: Path, damage: str) -> None:
    filled(tmp_path, 3)
    path = tmp_path / "checkpoint.safetensors"
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        content = content[: len(content) // 2]
    elif damage == "bit":
        content[-1] ^= 1
    else:
        content = bytearray(b"" if damage == "empty" else b"hello")
    path.write_bytes(bytes(content))
    store = RunStore(tmp_path)
    saved = store.load(LIKE, NoState())
    assert saved.t == 2
    assert str(path) in store.remarks[0]


def test_two_damaged_checkpoints_start_anew(tmp_path: Path) -> None:
    filled(tmp_path, 3)
    for name in ("checkpoint.safetensors", "checkpoint.previous.safetensors"):
        (tmp_path / name).write_bytes(b"no")
    assert RunStore(tmp_path).load(LIKE, NoState()) is None


@pytest.mark.parametrize("tail", [b'{"round": 4, "x"', b"\x00\x00\x00", b'{"round": 9}\n', b"[]\n"])
def test_a_damaged_metrics_file_keeps_its_sound_lines(tmp_path: Path, tail: bytes) -> None:
    filled(tmp_path, 3)
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(path.read_bytes() + tail)
    store = RunStore(tmp_path)
    assert [record["round"] for record in store.records()] == [1, 2, 3]
    store.truncate(3)
    assert "damaged after round 3" in store.remarks[0]
    assert path.read_bytes().count(b"\n") == 3


def test_a_checkpoint_beyond_the_metrics_is_not_used(tmp_path: Path) -> None:
    filled(tmp_path, 3)
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"round": 1}\n{"round": 2}\nbroken\n')
    saved = RunStore(tmp_path).load(LIKE, NoState())
    assert saved.t == 2


def test_a_checkpoint_of_another_shape_is_not_used(tmp_path: Path) -> None:
    filled(tmp_path, 1)

    class Other(NamedTuple):
        v: Tensor

    assert RunStore(tmp_path).load(Other(torch.zeros(2)), NoState()) is None


def test_an_old_study_is_kept(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text("")
    with pytest.raises(InputError, match="already holds a study"):
        prepare_folder(tmp_path, overwrite=False)


def test_overwriting_removes_only_what_a_study_left(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text("")
    filled(tmp_path / "runs" / "fedavg" / "seed-0", 1)
    (tmp_path / "notes.txt").write_text("mine")
    prepare_folder(tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["notes.txt"]


def test_a_folder_of_something_else_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(InputError, match="holds no study"):
        prepare_folder(tmp_path, overwrite=True)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        prepare_folder(tmp_path / "file", overwrite=False)


def test_a_checkpoint_that_was_dear_is_not_due_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter([0.0, 2.0, 41.0, 42.0])
    monkeypatch.setattr("unalike.study.store.time.monotonic", lambda: next(now))
    store = filled(tmp_path, 1)
    assert [store.due, store.due] == [False, True]


def test_states_of_all_clients_are_taken_for_a_checkpoint_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []
    honest = ClientStates.all
    monkeypatch.setattr(ClientStates, "all", lambda states: taken.append(1) or honest(states))
    monkeypatch.setattr(RunStore, "due", False)
    counts = []
    for rounds in (1, 4):
        taken.clear()
        compare("digits", methods="local", out=tmp_path / str(rounds), **SMALL | {"rounds": rounds})
        counts.append(len(taken))
    assert counts[0] == counts[1] > 0
