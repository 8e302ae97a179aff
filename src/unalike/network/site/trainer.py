"""One client of a run: what it answers to the server, wherever the request comes from."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unalike.engines.local import LocalEngine
from unalike.engines.personal_prediction import OwnModels
from unalike.engines.predictions import Predictions
from unalike.functional.finite import finite
from unalike.functional.trees import leaves, map_tree
from unalike.network.protocol.messages import Message, MessageError, pack, shapes_of, unpack
from unalike.network.protocol.schemas import DownSchemas, tree_of_sums
from unalike.study.baseline_hazards import own_hazards
from unalike.study.kept_models import RoundModels

from .site_models import SiteModels
from .state_store import StateStore


class Trainer:
    """One client of a run, with its samples and its private state.

    Every request names the round `t` and, but for `adapt`, the round `last` after which the
    server goes on with this site: that of its last answer that was used, 0 for none.

        train     down                      -> up
        observe   shared                    -> moments, for the statistics of the one model
        evaluate  down, and perhaps shared  -> sums of test, validation and shared; how far its
                                               model is from solved where `residual` is asked for
        adapt     down                      -> sums of test
        keep                                -> nothing; the run is over or has `diverged`, and
                                               `best` is its round

    The sums are those from which the task's measures follow. Where the site does not tell them, the
    answers to the last two hold the fact `hidden` and no sums. What cannot be answered raises
    MessageError; one sentence says why.
    """

    def __init__(
        self,
        engine: LocalEngine,
        folder: Path,
        *,
        clients: int,
        models: SiteModels | None = None,
        reveal_classes: bool = True,
        reveal_scores: bool = True,
        answers_once: bool = False,
        charge: Callable[[], None] = lambda: None,
    ) -> None:
        """engine: with this client alone. folder: of its private states. clients: N, that train.

        models: keeps what the site predicts with.

        reveal_classes: whether all measures follow from what is told, class by class, or the main
            one alone.
        reveal_scores: whether sums are told at all.
        answers_once: whether training in a round is answered once, and again only if the very same
            is asked.
        charge: counts an answer with numbers before it leaves, and raises where it must not.
        """
        self._answers_once, self._charge = answers_once, charge
        self.engine, self._models = engine, models
        self._reveal_classes, self._reveal_scores = reveal_classes, reveal_scores
        self._schemas = DownSchemas.of(engine.method, engine.problem, engine.w, clients)
        self._initial = engine.fresh_state
        self._states = StateStore(folder, self._initial)
        self._state_round: int | None = 0  # whose state the engine has, if that is known

    def train(self, message: Message) -> Message:
        """The outcome of local training in round t; the same request gets the same answer."""
        t, last = _rounds(message)
        request_id = f"{last}:{message.digest()}"
        known_answer = self._states.answer(t, request_id)
        if known_answer is not None:
            return known_answer
        if self._answers_once and t <= self._states.newest():
            raise MessageError(
                f"with local privacy no round is answered twice, and round {self._states.newest()} "
                "was answered already: the noise of both answers would be the same"
            )
        down = self._read(message, {"down": self._schemas.training})["down"]
        facts = {"t": t, **self._restore(last)}
        self._state_round = None
        answers = self.engine.train(t, np.arange(1), _batch(down))
        facts |= {"gradients": answers.gradients, "sound": bool(answers.sound[0])}
        if not answers.sound[0]:
            return pack("train", facts)
        if leaves(answers.ups):
            self._charge()
        answer = pack("train", facts, {"up": _first(answers.ups)})
        self._states.write(t, last, _first(self.engine.states), request_id, answer)
        self._state_round = t
        return answer

    def observe(self, message: Message) -> Message:
        """Statistics of this site's samples, for the one model."""
        facts = self._restore(_rounds(message)[1])
        shared = self._read(message, {"shared": self._schemas.shared})["shared"]
        return pack("observe", facts, {"moments": _first(self.engine.moments(shared))})

    def evaluate(self, message: Message) -> Message:
        """How many samples the personal model, and perhaps the one model, get right."""
        t, last = _rounds(message)
        facts, engine = self._restore(last), self.engine
        schemas = {"down": self._schemas.prediction, "shared": self._schemas.shared_with_buffers}
        trees = self._read(message, schemas)
        personal = engine.personalise_from(t, _batch(trees["down"]))
        tested = {
            part: engine.predict(personal, engine.rows, part) for part in ("test", "validation")
        }
        if message.facts.get("same"):
            trees["shared"] = trees["down"]
        if "shared" in trees:
            model = _batch(trees["shared"])
            tested["shared"] = engine.predict(model, engine.rows, "test")
        self._hold(personal, engine.rows, message, tested)
        if not self._reveal_scores:
            return pack("evaluate", {"hidden": True})
        if message.facts.get("residual") and engine.method.unsolved is not None:
            facts["residual"] = float(engine.residuals_from(t, _batch(trees["down"]))[0])
        return pack("evaluate", facts, {part: self._sums(p) for part, p in tested.items()})

    def adapt(self, message: Message) -> Message:
        """How many samples the model of a client that never trained gets right."""
        engine, t = self.engine, _rounds(message)[0]
        down = self._read(message, {"down": self._schemas.new_client})["down"]
        if not len(engine.new_rows):
            raise MessageError("this site trains, so it is no new client")
        adapted = engine.adapt_from(t, down)
        predictions = engine.predict(adapted, engine.new_rows, "test")
        self._hold(adapted, engine.new_rows, message, {"test": predictions})
        if not self._reveal_scores:
            return pack("adapt", {"hidden": True})
        return pack("adapt", {}, {"test": self._sums(predictions)})

    def keep(self, message: Message) -> Message:
        """The run is over: the site keeps the model of the round that was chosen."""
        if self._models is not None:
            self._models.choose(_leading(message), diverged=bool(message.facts.get("diverged")))
        return pack("keep")

    def _hold(
        self,
        personal: Any,
        rows: NDArray[np.int64],
        message: Message,
        tested: dict[str, Predictions],
    ) -> None:
        if self._models is None:
            return
        task = self.engine.federation.task
        names = {"test": "personal", "shared": "global"}
        scores = {
            name: float(task.scores(tested[part].counts(task))[task.main.name][0])
            for part, name in names.items()
            if part in tested
        }
        known = {name: value for name, value in scores.items() if not math.isnan(value)}
        own = (OwnModels(np.arange(len(rows)), personal),)
        models = RoundModels(own, None, None, None, own_hazards(self.engine, own, rows))
        self._models.hold(models, _rounds(message)[0], _leading(message), known)

    def _read(self, message: Message, schemas: dict[str, Any]) -> dict[str, Any]:
        """The trees of a message, watched for numbers and shapes that cannot be right.

        The first of them must be there.
        """
        known = {name: schema for name, schema in schemas.items() if schema is not None}
        trees = unpack(message, known)
        if next(iter(schemas)) not in trees:
            raise MessageError("the server sent no model")
        for name, tree in trees.items():
            if name == "down" and message.verb in ("train", "evaluate"):
                expected, found = shapes_of(schemas[name]), shapes_of(tree)
                if expected != found:
                    raise MessageError(f"the server sent {found}, but this model takes {expected}")
            if not finite(tree):
                raise MessageError("the server sent numbers that are not finite")
        device = self.engine.device
        return {name: map_tree(lambda leaf: leaf.to(device), tree) for name, tree in trees.items()}

    def _restore(self, last: int) -> dict[str, Any]:
        """Take up the state after round `last`; says so where it is lost."""
        if not len(self.engine.rows):
            raise MessageError("this site never trains: it is a new client")
        if last == self._state_round:
            return {}
        state = self._states.state_after(last)
        self.engine.restore(_batch(self._initial if state is None else state))
        self._state_round = None if state is None else last
        return {"lost": last} if state is None and leaves(self._initial) else {}

    def _sums(self, predictions: Predictions) -> Any:
        task = self.engine.federation.task
        sums = predictions.counts(task, addable=True)
        return _first(tree_of_sums(sums if self._reveal_classes else task.main_only(sums)))


VERBS: dict[str, Callable[[Trainer, Message], Message]] = {
    "train": Trainer.train,
    "observe": Trainer.observe,
    "evaluate": Trainer.evaluate,
    "adapt": Trainer.adapt,
    "keep": Trainer.keep,
}
"""What a trainer answers."""


def _rounds(message: Message) -> tuple[int, int]:
    try:
        return int(message.facts["t"]), int(message.facts.get("last", 0))
    except (KeyError, ValueError, TypeError):
        raise MessageError("the question names no round") from None


def _leading(message: Message) -> int:
    """The round that leads on validation; 0 where none does."""
    best = message.facts.get("best", 0)
    return best if isinstance(best, int) else 0


def _batch(tree: Any) -> Any:
    return map_tree(lambda leaf: leaf[None], tree)


def _first(tree: Any) -> Any:
    return map_tree(lambda leaf: leaf[0], tree)
