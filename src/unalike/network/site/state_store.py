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
from unalike.network.protocol.frames import Frames
from unalike.network.protocol.messages import Message
from unalike.study.files import read_tensors, write_tensors
from unalike.study.store import strip_prefix

MAX_STATES = 3
"""Kept at most: a server that goes on from the checkpoint before the last needs two."""


class StateStore:
    """The states of one client in one run; `initial` is the one before the first round."""

    def __init__(self, folder: Path, initial: Any) -> None:
        self.folder = folder
        self._initial = initial
        folder.mkdir(parents=True, exist_ok=True)

    def state_after(self, t: int) -> Any | None:
        """The state after round t, 0: before the first; None where it is not here (any more)."""
        if t == 0:
            return self._initial
        stored = read_tensors(self._path(t))
        try:
            return (
                None
                if stored is None
                else rebuild(self._initial, strip_prefix(stored[0], "state."))
            )
        except KeyError:
            return None

    def newest(self) -> int:
        """The last round that was answered; 0 before the first."""
        return max(self._rounds(), default=0)

    def answer(self, t: int, request_id: str) -> Message | None:
        """What was answered in round t, if the very same was asked."""
        stored = read_tensors(self._path(t))
        if stored is None or stored[1].get("asked") != request_id:
            return None
        tensors, about = stored
        return Message.of(Frames(about["head"], tensors["answer"].numpy().tobytes()))

    def write(self, t: int, last: int, state: Any, request_id: str, answer: Message) -> None:
        """Write the state after round t, which follows that of round `last`, and its answer.

        What the server did not use, after round `last`, and what is too old are forgotten.
        """
        tensors = {f"state.{name}": leaf for name, leaf in items(state)}
        frames = answer.frames()
        tensors["answer"] = torch.frombuffer(bytearray(frames.body or b"\0"), dtype=torch.uint8)[
            : len(frames.body)
        ]
        temporary = self._path(t).with_suffix(".writing")
        write_tensors(temporary, tensors, {"asked": request_id, "head": frames.head})
        os.replace(temporary, self._path(t))
        stored = self._rounds()
        kept = [*[k for k in stored if k <= last], t][-MAX_STATES:]
        for old in set(stored) - set(kept):
            self._path(old).unlink(missing_ok=True)

    def _rounds(self) -> list[int]:
        return sorted(
            int(path.stem.removeprefix("after-"))
            for path in self.folder.glob("after-*.safetensors")
        )

    def _path(self, t: int) -> Path:
        return self.folder / f"after-{t:06d}.safetensors"
