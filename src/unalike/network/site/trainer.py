"""What one site does when it is asked; it knows nothing of how questions reach it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from unalike.core.buffers import RecomputeStatistics
from unalike.engines.local import LocalEngine, Predictions
from unalike.functional.finite import finite
from unalike.functional.trees import leaves, map_tree
from unalike.measures.accuracy import tally, without_classes
from unalike.network.protocol.messages import MessageError, Parcel, pack, shapes_of, unpack
from unalike.network.protocol.schemas import Downs, counts

from .state_store import PrivateStates


class Site:
    """One client of a run, with its samples and its private state.

    Every question names the round `t` and, but for `adapt`, the round `last` after which the
    server goes on with this site: that of its last answer that was used, 0 for none.

        train     down                      -> up
        observe   shared                    -> moments, for the statistics of the one model
        evaluate  down, and perhaps shared  -> counts of test, validation and shared
        adapt     down                      -> counts of test

    Where the site does not tell its accuracy, the answers to the last two hold the fact `hidden`
    and no counts.
    """

    def __init__(
        self,
        engine: LocalEngine,
        folder: Path,
        *,
        clients: int,
        tells_classes: bool = True,
        tells_accuracy: bool = True,
    ) -> None:
        """engine: with this client alone. clients: N, all that train.

        tells_classes: whether counts are told class by class, or only how many are right.
        tells_accuracy: whether counts are told at all.
        """
        self.engine = engine
        self._tells_classes = tells_classes
        self._downs = Downs.of(engine.method, engine.problem, engine.w, clients)
        fresh = engine.method.init_client(engine.problem, engine.w)
        self._states = PrivateStates(folder, fresh)
        self._fresh = fresh
        self._after: int | None = 0  # the round whose state the engine holds, if that is known
        self._verbs: dict[str, Callable[[Parcel], Parcel]] = {
            "train": self._train,
            "observe": self._observe,
            "evaluate": self._evaluate if tells_accuracy else _hidden,
            "adapt": self._adapt if tells_accuracy else _hidden,
        }

    def handle(self, asked: Parcel) -> Parcel:
        """The answer to a question.

        Raises:
            MessageError: the question cannot be answered; one sentence says why.
        """
        if asked.verb not in self._verbs:
            raise MessageError(f"nobody here knows how to {asked.verb!r}")
        return self._verbs[asked.verb](asked)

    def _train(self, asked: Parcel) -> Parcel:
        t, last = _rounds(asked)
        question = f"{last}:{asked.digest()}"
        known = self._states.answer(t, question)
        if known is not None:
            return known
        down = self._read(asked, {"down": self._downs.trained})["down"]
        facts = {"t": t, **self._go_back(last)}
        self._after = None
        answers = self.engine.train(t, np.arange(1), _batch(down))
        facts |= {"gradients": answers.gradients, "sound": bool(answers.sound[0])}
        if not answers.sound[0]:
            return pack("train", facts)
        answer = pack("train", facts, {"up": _first(answers.ups)})
        self._states.keep(t, last, _first(self.engine.states), question, answer)
        self._after = t
        return answer

    def _observe(self, asked: Parcel) -> Parcel:
        facts = self._go_back(_rounds(asked)[1])
        shared = self._read(asked, {"shared": self._downs.shared})["shared"]
        return pack("observe", facts, {"moments": _first(self.engine.moments(shared))})

    def _evaluate(self, asked: Parcel) -> Parcel:
        t, last = _rounds(asked)
        facts, engine = self._go_back(last), self.engine
        known = {"down": self._downs.delivered, "shared": self._downs.equipped}
        trees = self._read(asked, known)
        personal = engine.personalise_from(t, _batch(trees["down"]))
        answer = {
            part: self._counted(engine.predict(personal, engine.rows, part))
            for part in ("test", "validation")
        }
        if asked.facts.get("same"):
            trees["shared"] = trees["down"]
        if "shared" in trees:
            model = _batch(trees["shared"])
            answer["shared"] = self._counted(engine.predict(model, engine.rows, "test"))
        return pack("evaluate", facts, answer)

    def _adapt(self, asked: Parcel) -> Parcel:
        engine, t = self.engine, _rounds(asked)[0]
        down = self._read(asked, {"down": self._downs.introduced})["down"]
        if not len(engine.new_rows):
            raise MessageError("this site trains, so it is no new client")
        adapted = engine.adapt_from(t, down)
        predictions = engine.predict(adapted, engine.new_rows, "test")
        return pack("adapt", {}, {"test": self._counted(predictions)})

    def _read(self, asked: Parcel, likes: dict[str, Any]) -> dict[str, Any]:
        """The trees of a question, watched for numbers and shapes that cannot be right.

        The first of them must be there.
        """
        trees = unpack(asked, {name: like for name, like in likes.items() if like is not None})
        if next(iter(likes)) not in trees:
            raise MessageError("the server sent no model")
        for name, tree in trees.items():
            if name == "down" and asked.verb in ("train", "evaluate"):
                expected, found = shapes_of(likes[name]), shapes_of(tree)
                if expected != found:
                    raise MessageError(f"the server sent {found}, but this model takes {expected}")
            if not finite(tree):
                raise MessageError("the server sent numbers that are not finite")
        device = self.engine.device
        return {name: map_tree(lambda leaf: leaf.to(device), tree) for name, tree in trees.items()}

    def _go_back(self, last: int) -> dict[str, Any]:
        """Take up the state after round `last`; says so where it is lost."""
        if not len(self.engine.rows):
            raise MessageError("this site never trains: it is a new client")
        if last == self._after:
            return {}
        state = self._states.after(last)
        self.engine.restore(_batch(self._fresh if state is None else state))
        self._after = None if state is None else last
        return {"lost": last} if state is None and leaves(self._fresh) else {}

    def _counted(self, predictions: Predictions) -> Any:
        columns = [
            values.detach().cpu().numpy()
            for values in (predictions.output, predictions.truth, predictions.losses)
        ]
        output, truth, losses = columns
        sizes, classes = predictions.sizes, self.engine.federation.classes
        counted = tally(output, truth, losses.astype(np.float64), sizes, classes)
        if not self._tells_classes:
            counted = without_classes(counted, many_labels=output.ndim > 1)
        return _first(counts(counted))


def recomputes(engine: LocalEngine) -> bool:
    """Whether the one model needs statistics of all sites before it can predict."""
    return isinstance(engine.method, RecomputeStatistics)


def _hidden(asked: Parcel) -> Parcel:
    """The answer of a site that does not tell its accuracy; nothing is counted for it."""
    return pack(asked.verb, {"hidden": True})


def _rounds(asked: Parcel) -> tuple[int, int]:
    try:
        return int(asked.facts["t"]), int(asked.facts.get("last", 0))
    except (KeyError, ValueError, TypeError):
        raise MessageError("the question names no round") from None


def _batch(tree: Any) -> Any:
    return map_tree(lambda leaf: leaf[None], tree)


def _first(tree: Any) -> Any:
    return map_tree(lambda leaf: leaf[0], tree)
