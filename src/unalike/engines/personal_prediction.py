"""What all clients' own models say, without holding more than a block of these models at once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unalike.data.ragged import Ragged
from unalike.functional.trees import leaves, map_tree

from .local import LocalEngine
from .messages import message_to_all
from .prediction import Lookup
from .predictions import PredictionBuffer, Predictions

Source = Literal["message", "state", "work"]
"""Where a client's own model comes from: it is what was sent, or what the client keeps, as it is;
or the client makes it anew."""

PAIR = 2
"""Clients that are stacked at least, since one alone rounds differently."""
BLOCK_NUMBERS = 1 << 22
"""Weights of clients' own models that are held at once."""


class PersonalPredictions(NamedTuple):
    """What the clients' own models say."""

    of: list[Predictions]  # of each lookup
    shared: Any | None  # the one model, where it is that of all clients
    digests: list[bytes] | None  # [clients] equal for equal models, where asked for


class OwnModels(NamedTuple):
    """The models of some clients."""

    clients: NDArray[np.int64]  # [n]
    models: Any  # leaves [n, ...], or [1, ...] where they all have one


class Known(NamedTuple):
    """Answers of models that clients keep."""

    versions: NDArray[np.int64]  # [clients] of their states
    lookups: Sequence[Lookup]
    buffers: Sequence[PredictionBuffer]


def source_of(model: Any, message: Any, state: Any) -> Source:
    """Where the model that a client made of a message and its state comes from."""
    for source, tree in (("message", message), ("state", state)):
        known = {id(leaf) for leaf in leaves(tree)}
        if all(id(leaf) in known for leaf in leaves(model)):
            return source  # type: ignore[return-value]
    return "work"


def digests_of(models: Any) -> list[bytes]:
    """A name for the first leaf of each model: leaves [n, ...]."""
    first = leaves(models)[0].detach().cpu().numpy()
    return [hashlib.blake2b(model.tobytes(), digest_size=16).digest() for model in first]


class PersonalPredictor:
    """Asks the clients' own models, or the one that all have, about samples of theirs."""

    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine
        self._source: Source | None = None
        self._known: Known | None = None
        self._usual: dict[str, Lookup] = {}

    def lookup(self, part: str, lists: Ragged | None = None) -> Lookup:
        """The "test" or "validation" samples of the training clients.

        lists: others, of all clients of the federation, in x_test for "test" and else in x.
        """
        rows = self._engine.rows
        if lists is not None:
            return Lookup(part, lists.of_rows(rows))
        if part not in self._usual:
            self._usual[part] = self._engine.predictor.lookup(rows, part)
        return self._usual[part]

    def predict(
        self, t: int, server: Any, lookups: Sequence[Lookup], *, digests: bool = False
    ) -> PersonalPredictions:
        """What the training clients' own models say after round t.

        A model that is sent to everybody is asked once about all samples, and one that a client
        keeps is not asked again until the client has trained.
        """
        engine = self._engine
        shared = self._model_of_all(t, server)
        if shared is not None:
            of = [engine.predict_shared(shared, lookup) for lookup in lookups]
            return PersonalPredictions(of, shared, None)
        buffers: Sequence[PredictionBuffer] = [engine.predictor.buffer(each) for each in lookups]
        asked = np.arange(len(engine))
        if self._source == "state" and not digests:
            asked, buffers = self._not_known(lookups, buffers)
        named: dict[int, bytes] = {}
        for clients in self._blocks(engine.sizes(t, engine.rows[asked]), asked):
            downs = engine.delivered(server, clients)
            models = engine.personalise_some(t, clients, downs)
            if digests:
                named.update(zip(clients.tolist(), digests_of(models), strict=True))
            for lookup, buffer in zip(lookups, buffers, strict=True):
                engine.predictor.put_own(models, clients, lookup, buffer, engine.chunks)
        pairs = zip(lookups, buffers, strict=True)
        of = [engine.predictor.predictions(lookup, buffer) for lookup, buffer in pairs]
        names = [named[client] for client in asked.tolist()] if digests else None
        return PersonalPredictions(of, None, names)

    def models(self, t: int, server: Any) -> Iterator[OwnModels]:
        """All training clients' own models after round t, a block at a time.

        Clients that have never trained have one and the same, where that follows from no samples.
        """
        engine, everybody = self._engine, np.arange(len(self._engine))
        shared = self._model_of_all(t, server)
        if shared is not None:
            yield OwnModels(everybody, map_tree(lambda leaf: leaf[None], shared))
            return
        untrained = np.flatnonzero(engine.versions == 0)
        alike = message_to_all(engine.method.deliver, server) is not None
        if alike and len(untrained) >= PAIR:
            pair = untrained[:PAIR]
            two = engine.personalise_some(t, pair, engine.delivered(server, pair))
            alike = engine.personalises_without_samples
        if alike and len(untrained) >= PAIR:
            yield OwnModels(untrained, map_tree(lambda leaf: leaf[:1], two))
            trained = np.flatnonzero(engine.versions > 0)
            everybody = trained if len(trained) != 1 else np.append(trained, untrained[0])
        for clients in self._blocks(np.zeros(len(everybody), np.int64), everybody):
            downs = engine.delivered(server, clients)
            yield OwnModels(clients, engine.personalise_some(t, clients, downs))

    def predict_new(self, t: int, server: Any) -> Predictions:
        """What the models of the clients that never train say of their test samples."""
        engine = self._engine
        down, rows = engine.method.introduce(server), engine.new_rows
        lookup = engine.predictor.lookup(rows, "test")
        buffer = engine.predictor.buffer(lookup)
        for clients in self._blocks(engine.sizes(t, rows), np.arange(len(rows))):
            models = engine.adapt_some(t, rows[clients], down, engine.start)
            engine.predictor.put_own(models, clients, lookup, buffer, engine.chunks)
        return engine.predictor.predictions(lookup, buffer)

    def _model_of_all(self, t: int, server: Any) -> Any | None:
        """The model that all clients have been sent; None where each has its own."""
        if self._source in ("state", "work"):
            return None
        if message_to_all(self._engine.method.deliver, server) is None:
            return None
        one = self._engine.personalise_one(t, server)
        self._source = source_of(one.model, one.message, one.state)
        return one.model if self._source == "message" else None

    def _not_known(
        self, lookups: Sequence[Lookup], buffers: Sequence[PredictionBuffer]
    ) -> tuple[NDArray[np.int64], Sequence[PredictionBuffer]]:
        """Whose model has not been asked since it changed, and where the answers of all are."""
        versions, known = self._engine.versions.copy(), self._known
        asked = np.arange(len(versions))
        if known is not None and same_samples(known.lookups, lookups):
            asked = np.flatnonzero(versions != known.versions)
            buffers = [buffer.copy() for buffer in known.buffers]
        self._known = Known(versions, lookups, buffers)
        return asked, buffers

    def _blocks(
        self, sizes: NDArray[np.int64], clients: NDArray[np.int64]
    ) -> list[NDArray[np.int64]]:
        """As many clients at a time as their models may take memory, and never one of several."""
        if not len(clients):
            return []
        most, count = max(1, BLOCK_NUMBERS // len(self._engine.w)), len(clients)
        largest_first = clients[np.argsort(-sizes, kind="stable")]
        return np.array_split(largest_first, max(1, min(-(-count // most), count // 2)))


def same_samples(one: Sequence[Lookup], other: Sequence[Lookup]) -> bool:
    """Whether both ask about the same samples."""
    return len(one) == len(other) and all(
        a.part == b.part and a.lists is b.lists for a, b in zip(one, other, strict=True)
    )
