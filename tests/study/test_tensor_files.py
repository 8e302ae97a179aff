"""Files of tensors are told from damaged ones by their checksum, older files by theirs."""

import hashlib
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from unalike.study.files import CHECKSUM, EARLIER_CHECKSUM, read_tensors, write_tensors

TENSORS = {"b": torch.tensor([[1.5, -2.0]]), "a": torch.arange(3), "none": torch.zeros(0)}
SAID = {"round": "7"}


def spelt(tensors: dict[str, Tensor]) -> bytes:
    return b"".join(
        f"{name}{tuple(tensors[name].shape)}{tensors[name].dtype}".encode()
        + tensors[name].numpy().tobytes()
        for name in sorted(tensors)
    )


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "some.safetensors"
    write_tensors(path, TENSORS, SAID)
    found, about = read_tensors(path) or ({}, {})
    assert about == SAID | {CHECKSUM: f"{zlib.crc32(spelt(TENSORS)):08x}"}
    assert found.keys() == TENSORS.keys()
    assert all(torch.equal(found[name], TENSORS[name]) for name in TENSORS)


@pytest.mark.parametrize("sound", [True, False])
def test_files_with_the_earlier_checksum_are_read(tmp_path: Path, sound: bool) -> None:
    path = tmp_path / "older.safetensors"
    digest = hashlib.blake2b(spelt(TENSORS), digest_size=16).hexdigest()
    other = {**TENSORS, "b": TENSORS["b"] + 1}
    save_file(TENSORS if sound else other, path, metadata={**SAID, EARLIER_CHECKSUM: digest})
    assert (read_tensors(path) is not None) == sound


@pytest.mark.parametrize(
    "change",
    [
        lambda t: {**t, "a": torch.tensor([0, 1, 3])},
        lambda t: {**t, "b": t["b"].reshape(2, 1)},
        lambda t: {**t, "a": t["a"].to(torch.int32)},
        lambda t: {"b": t["b"], "c": t["a"], "none": t["none"]},
        lambda t: {"a": t["a"], "b": t["b"]},
    ],
    ids=["value", "shape", "type", "name", "one less"],
)
def test_other_tensors_have_another_checksum(
    tmp_path: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]
) -> None:
    path = tmp_path / "some.safetensors"
    write_tensors(path, TENSORS, SAID)
    _, about = read_tensors(path) or ({}, {})
    save_file(change(TENSORS), path, metadata=about)
    assert read_tensors(path) is None
