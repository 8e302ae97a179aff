"""A site's private states on its own disk, each with the answer that it led to.

    after-<t>.safetensors    the state after round t, what was asked then, and what was answered

A state is written before its answer leaves. The server says after which round it goes on: what it
never received, or refused, is taken back.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from unalike.functional.trees import items, rebuild
from unalike.network.protocol.messages import Parcel
from unalike.study.store import read_tensors, strip_prefix, write_tensors

MOST = 3
"""States that are kept: a server that goes on from the checkpoint before the last needs two."""


class PrivateStates:
    """The states of one client in one run."""

    def __init__(self, folder: Path, fresh: Any) -> None:
        self.folder = folder
        self._fresh = fresh
        folder.mkdir(parents=True, exist_ok=True)

    def after(self, t: int) -> Any | None:
        """The state after round t, 0: before the first; None where it is not here (any more)."""
        if t == 0:
            return self._fresh
        found = read_tensors(self._path(t))
        try:
            return None if found is None else rebuild(self._fresh, strip_prefix(found[0], "state."))
        except KeyError:
            return None

    def answer(self, t: int, asked: str) -> Parcel | None:
        """What was answered in round t, if the very same was asked."""
        found = read_tensors(self._path(t))
        if found is None or found[1].get("asked") != asked:
            return None
        tensors, about = found
        return Parcel.of(about["head"], tensors["answer"].numpy().tobytes())

    def keep(self, t: int, last: int, state: Any, asked: str, answer: Parcel) -> None:
        """Write the state after round t, which follows that of round `last`, and its answer.

        What the server did not use, after round `last`, and what is too old are forgotten.
        """
        tensors = {f"state.{name}": leaf for name, leaf in items(state)}
        tensors["answer"] = torch.frombuffer(bytearray(answer.body or b"\0"), dtype=torch.uint8)[
            : len(answer.body)
        ]
        beside = self._path(t).with_suffix(".writing")
        write_tensors(beside, tensors, {"asked": asked, "head": answer.head()})
        os.replace(beside, self._path(t))
        known = self._rounds()
        kept = [*[k for k in known if k <= last], t][-MOST:]
        for old in set(known) - set(kept):
            self._path(old).unlink(missing_ok=True)

    def _rounds(self) -> list[int]:
        return sorted(
            int(path.stem.removeprefix("after-"))
            for path in self.folder.glob("after-*.safetensors")
        )

    def _path(self, t: int) -> Path:
        return self.folder / f"after-{t:06d}.safetensors"
