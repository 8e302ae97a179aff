"""All clients in this process: stacked through `torch.func.vmap`, or one by one."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unalike.core import Batches, Method, Population, Problem, average
from unalike.core.buffers import RecomputeStatistics, with_buffers
from unalike.core.local_work import LocalWork
from unalike.data.federation import Federation
from unalike.functional.finite import finite_rows
from unalike.functional.gradient_count import count_gradients
from unalike.functional.precision import Precision, computing_in
from unalike.functional.stack import map_rows
from unalike.functional.trees import leaves, map_tree

from .chunks import Chunks, covers_in_order, empty_rows, put_rows, take_rows
from .client_data import ClientData, NoBatches, SamplesTakenError
from .client_states import ChangedStates, ClientStates
from .local_progress import LocalProgress
from .machine import device_named, flush_denormals, keep_freed_memory, require_compiler
from .messages import messages_for
from .plan import Plan
from .plan_search import PlanSearch
from .precision import require_precision
from .prediction import Lookup, Predictor
from .predictions import Predictions

Work = Callable[[Any, Any, Any], Any]


class Answers(NamedTuple):
    """What came back from a cohort in one round."""

    ups: Any  # every leaf [S, ...], the sound answers only
    sound: NDArray[np.bool_]  # [cohort] which answers are finite throughout
    arrived: NDArray[np.bool_]  # [cohort] who answered at all
    gradients: int  # per-sample gradient evaluations


class PersonalModel(NamedTuple):
    """What a client predicts with, and what it was made of."""

    model: Any
    message: Any
    state: Any


class LocalEngine:
    """The clients of a federation, with their private states, on one machine.

    Client i of the engine is row `rows[i]` of the federation. Training clients are 0..N-1.
    Random draws know a client by its row, or by its number in `stream_ids` [rows] where the
    federation is a part of a larger one. Where samples come in windows of time, `rounds` says how
    many rounds these are spread over, and clients hold those of the round's window. Clients do
    `work` in a round; where none is given, `epochs`. They train in `precision`; whatever else is
    computed, own models and adaptation among it, is float32, as it is when a kept model is used.
    """

    def __init__(
        self,
        method: Method,
        problem: Problem,
        federation: Federation,
        *,
        seed: int,
        batch_size: int,
        plan: Plan,
        epochs: int = 1,
        work: LocalWork | None = None,
        weights: Tensor | None = None,
        w: Tensor | None = None,
        device: str = "cpu",
        stream_ids: NDArray[np.int64] | None = None,
        rounds: int = 1,
        precision: Precision = "float32",
    ) -> None:
        keep_freed_memory()
        self.seed = seed
        self.batch_size, self.work = batch_size, work or LocalWork(epochs)
        self.device = device_named(device)
        self.problem = problem.to(self.device)
        self.method = with_buffers(method, self.problem)
        self._chunks = Chunks(plan)
        self.plan = plan
        self._search: PlanSearch | None = None
        self.federation = federation
        self.rounds = rounds
        self.rows = np.flatnonzero(~federation.newcomers)
        self.new_rows = np.flatnonzero(federation.newcomers)
        self.w = (self.problem.init(seed) if w is None else w).to(self.device)
        require_precision(precision, self.device, self.w.dtype)
        self.precision = precision
        sizes = torch.from_numpy(federation.train.sizes[self.rows]).to(torch.float64)
        shares = (sizes / sizes.sum() if weights is None else weights).to(self.w.dtype)
        self.population = Population(len(self.rows), shares.to(self.device))
        self._data = ClientData(
            federation,
            self.device,
            seed=seed,
            batch_size=batch_size,
            work=self.work,
            dtype=self.w.dtype,
            rounds=rounds,
            stream_ids=np.arange(federation.clients) if stream_ids is None else stream_ids,
            draws=self.problem.has_dropout,
        )
        self.problem.capacity = self._data.capacity
        self.predictor = Predictor(self.method, self.problem, self._data)
        self._progress = LocalProgress(self.method, self.problem, self.w, self.work)
        self.start = self.method.init_client(self.problem, self.w)
        """What the method of a client begins with."""
        self.fresh_state = self._progress.fresh(self.start, self.w)
        """The private state that a client begins with."""
        self._personalises_without_samples = bool(leaves(self.start))
        self._one_without_samples = True
        self._client_states = ClientStates(self.fresh_state, len(self.rows), self.device)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def plan(self) -> Plan:
        """How the work is spread over the machine; a new one may be set between rounds."""
        return self._chunks.plan

    @plan.setter
    def plan(self, plan: Plan) -> None:
        if plan.compiled:
            require_compiler()
        self.problem.compile(plan.compiled)
        self._chunks.close()
        self._chunks = Chunks(plan)

    @property
    def personalises_without_samples(self) -> bool:
        """Whether own models follow from messages and states alone, as far as has been seen."""
        return self._personalises_without_samples

    @property
    def chunks(self) -> Chunks:
        """The plan at work."""
        return self._chunks

    @property
    def versions(self) -> NDArray[np.int64]:
        """How often each training client's state has been replaced: [N]."""
        return self._client_states.versions

    @property
    def states(self) -> Any:
        """The training clients' private states: a tree with leaves [N, ...]."""
        return self._client_states.all()

    def method_at(self, t: int) -> Method:
        """The method with its step sizes of round t."""
        factor = self.work.factor(t)
        return self.method if factor == 1 else self.method.with_step_sizes(factor)

    @property
    def changed_states(self) -> ChangedStates:
        """The private states of those training clients that have one of their own."""
        return self._client_states.changed()

    def restore(self, states: Any) -> None:
        """Take over all training clients' private states: leaves [N, ...]."""
        self.restore_changed(ChangedStates(torch.arange(len(self.rows)), states))

    def restore_changed(self, changed: ChangedStates) -> None:
        """Take over `changed_states` of an earlier run."""
        clients, states = map_tree(lambda leaf: leaf.to(self.device), changed)
        self._client_states.put(clients, states)

    def train(self, t: int, ids: NDArray[np.int64], downs: Any) -> Answers:
        """One round of work of these clients; unsound answers leave no trace."""
        chosen = torch.from_numpy(ids).to(self.device)
        started = time.perf_counter()
        (states, ups), gradients = self._update(t, ids, downs)
        if self._search is not None:
            self._synchronise()
            self._search.note(time.perf_counter() - started, gradients)
            self._follow(self._search)
        sound = finite_rows((states, ups), len(ids)).cpu().numpy()
        if not sound.all():
            keep = torch.from_numpy(np.flatnonzero(sound)).to(self.device)
            chosen = chosen[keep]
            states, ups = (map_tree(lambda leaf: leaf[keep], tree) for tree in (states, ups))
        self._client_states.put(chosen, states)
        return Answers(ups, sound, np.ones(len(ids), dtype=bool), gradients)

    def try_round(self, ids: NDArray[np.int64], downs: Any) -> int:
        """A round of work of these clients that leaves no trace; the gradients that it takes."""
        _, gradients = self._update(0, ids, downs)
        return gradients

    def search(self, search: PlanSearch) -> None:
        """Try the plans of a search in the coming rounds, and go on with the best."""
        self._search = search
        self._follow(search)

    def _follow(self, search: PlanSearch) -> None:
        if search.plan != self.plan:
            self.plan = search.plan
        if search.settled:
            self._search = None

    def _synchronise(self) -> None:
        """Wait for what the device is still doing."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def _update(self, t: int, ids: NDArray[np.int64], downs: Any) -> tuple[Any, int]:
        self._data.use_round(t)
        chosen = torch.from_numpy(ids).to(self.device)
        states = self._client_states.take(chosen)

        method, progress = self.method_at(t), self._progress

        def work(down: Any, client: Any, batches: Batches) -> Any:
            return progress.client_update(method, self.problem, down, client, batches)

        done = progress.steps(states, len(ids))
        with computing_in(self.precision):
            return self._map(work, "train", t, self.rows[ids], downs, states, done)

    def personalise(self, t: int, server: Any) -> Any:
        """What each training client predicts with: a tree with leaves [N, ...]."""
        return self.personalise_from(t, self.delivered(server, np.arange(len(self.rows))))

    def personalise_from(self, t: int, downs: Any) -> Any:
        """`personalise`, from what was delivered to the training clients: leaves [N, ...]."""
        return self.personalise_some(t, np.arange(len(self.rows)), downs)

    def personalise_some(self, t: int, ids: NDArray[np.int64], downs: Any) -> Any:
        """What these clients predict with, from what was delivered to them: leaves [n, ...]."""
        self._data.use_round(t)
        states, work = self._states_of(ids), self._personal_work(t)

        def without_samples(down: Any, client: Any) -> Any:
            return work(down, client, NoBatches())

        if self._personalises_without_samples and self.plan.mode == "stacked" and len(ids) > 1:
            try:
                with torch.no_grad(), flush_denormals():
                    made = map_rows(without_samples, downs, states)
                return map_tree(Tensor.contiguous, made)
            except SamplesTakenError:
                self._personalises_without_samples = False
        return self._map(work, "personalise", t, self.rows[ids], downs, states)[0]

    def personalise_one(self, t: int, server: Any) -> PersonalModel:
        """What the client with the fewest samples predicts with, and what it was made of."""
        self._data.use_round(t)
        at = self._data.sizes(self.rows).argmin(0, keepdims=True)
        down, state = (
            map_tree(lambda leaf: leaf[0], tree)
            for tree in (self.delivered(server, at), self._states_of(at))
        )
        work = self._personal_work(t)
        with torch.no_grad(), flush_denormals():
            if self._one_without_samples:
                try:
                    return PersonalModel(work(down, state, NoBatches()), down, state)
                except SamplesTakenError:
                    self._one_without_samples = False
            rows = self.rows[at]
            known = self._data.host_sizes("personalise", t, rows, np.zeros(1, np.int64))
            inputs = self._data.inputs("personalise", t, rows, known)
            own = map_tree(lambda leaf: leaf[0], inputs)
            batches = self._data.batches(own, known, trimmed=True)
            return PersonalModel(work(down, state, batches), down, state)

    def residuals(self, t: int, server: Any) -> Tensor:
        """How far each training client's own model is from solved, see `Method.residual`: [N]."""
        return self.residuals_from(t, self.delivered(server, np.arange(len(self.rows))))

    def residuals_from(self, t: int, downs: Any) -> Tensor:
        """`residuals`, from what was delivered to the training clients: leaves [N, ...]."""
        method, states = self.method_at(t), self._states_of(np.arange(len(self.rows)))
        self._data.use_round(t)

        def work(down: Any, client: Any, batches: Batches) -> Tensor:
            personal = method.personalise(self.problem, down, client, batches)
            return method.residual(self.problem, down, client, batches, personal)

        found: Tensor = self._map(work, "personalise", t, self.rows, downs, states)[0]
        return found

    def _states_of(self, ids: NDArray[np.int64]) -> Any:
        """What the method keeps at these clients: leaves [n, ...]."""
        states = self._client_states.take(torch.from_numpy(ids).to(self.device))
        return self._progress.of_method(states)

    def _personal_work(self, t: int) -> Work:
        return partial(self.method_at(t).personalise, self.problem)

    def adapt(self, t: int, server: Any) -> Any:
        """What each client that never trains predicts with, after its own adaptation."""
        return self.adapt_from(t, self.method.introduce(server))

    def adapt_from(self, t: int, down: Any, start: Any = None) -> Any:
        """`adapt`, from what was sent to each of the clients that never train.

        start: the private state that they begin with, where it is not the usual one.
        """
        start = self.start if start is None else start
        rows = self.new_rows if len(self.new_rows) else self.rows[:1]
        adapted = self.adapt_some(t, rows, down, start)
        return map_tree(lambda leaf: leaf[: len(self.new_rows)], adapted)

    def adapt_some(self, t: int, rows: NDArray[np.int64], down: Any, start: Any) -> Any:
        """What clients in these rows predict with, as if they had never trained: leaves [n, ...]"""
        self._data.use_round(t)

        def repeat(leaf: Tensor) -> Tensor:
            return leaf.expand(len(rows), *leaf.shape)

        alike = self.method.adapts_as_it_personalises
        method = self.method_at(t) if alike else self.method
        downs, starts = map_tree(repeat, down), map_tree(repeat, start)
        work = partial(method.adapt, self.problem)
        return self._map(work, "adapt", t, rows, downs, starts)[0]

    def broadcast(self, server: Any, ids: NDArray[np.int64]) -> Any:
        """What travels to these clients: every leaf [S, ...]."""
        return self._sent(self.method.broadcast, server, ids)

    def delivered(self, server: Any, ids: NDArray[np.int64]) -> Any:
        """What travels to these clients before they predict: every leaf [S, ...]."""
        return self._sent(self.method.deliver, server, ids)

    def _sent(self, verb: Callable[[Any, Tensor], Any], server: Any, ids: NDArray[np.int64]) -> Any:
        return messages_for(verb, server, torch.from_numpy(ids).to(self.device))

    def gradients_at(self, w: Tensor, ids: NDArray[np.int64]) -> Tensor:
        """Each client's gradient of its whole training loss at w [P]: [S, P]."""
        downs = w.expand(len(ids), *w.shape)

        def work(down: Tensor, client: Any, batches: Batches) -> Tensor:
            return average(lambda batch: self.problem.grad(down, batch), batches)

        states = self._states_of(ids)
        return self._map(work, "measure", 0, self.rows[ids], downs, states)[0]

    def sizes(self, t: int, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Training samples of the clients in these rows, in round t."""
        self._data.use_round(t)
        return self._data.sizes(rows)

    def predict(self, personal: Any, rows: NDArray[np.int64], part: str) -> Predictions:
        """Each client's own model (leaves [n, ...]) on its samples of a part; see `Predictor`."""
        lookup = self.predictor.lookup(rows, part)
        buffer = self.predictor.buffer(lookup)
        self.predictor.put_own(personal, np.arange(len(rows)), lookup, buffer, self._chunks)
        return self.predictor.predictions(lookup, buffer)

    def global_model(self, server: Any) -> Any | None:
        """The one model for everybody with its statistics; None where there is none."""
        model = self.method.global_model(server)
        return None if model is None else self._with_statistics(model)

    def predict_pooled(self, model: Any, part: str) -> Predictions:
        """One model on the pooled test samples, or on all clients' validation samples."""
        lookup = self.predictor.pooled(self.rows, part)
        return self.predict_shared(self._with_statistics(model), lookup)

    def predict_shared(self, model: Any, lookup: Lookup) -> Predictions:
        """One model on all these samples."""
        buffer = self.predictor.buffer(lookup)
        self.predictor.put_shared(model, lookup, buffer, self._chunks)
        return self.predictor.predictions(lookup, buffer)

    def _with_statistics(self, model: Any) -> Any:
        """The one model, with the statistics of all training clients where it needs them."""
        if not isinstance(self.method, RecomputeStatistics):
            return model
        return self.method.together(model, self.moments(model))

    def moments(self, model: Any) -> Any:
        """What the layers of the one model meet at each training client: leaves [N, channels].

        For methods under the policy `recompute` only.
        """
        recompute: Any = self.method

        def work(copy: Any, client: Any, batches: Batches) -> Any:
            return recompute.observe(self.problem, copy, batches)

        copies = map_tree(lambda leaf: leaf.expand(len(self.rows), *leaf.shape), model)
        states = self._states_of(np.arange(len(self.rows)))
        return self._map(work, "measure", 0, self.rows, copies, states)[0]

    def _map(
        self,
        work: Work,
        purpose: str,
        t: int,
        rows: NDArray[np.int64],
        downs: Any,
        states: Any,
        done: NDArray[np.int64] | None = None,
    ) -> tuple[Any, int]:
        """`work(down, client, batches)` for every row, the results stacked in their order.

        done: local steps of these clients in earlier rounds, where batches go on.
        """
        data, none = self._data, np.zeros(len(rows), np.int64)
        known = data.host_sizes(purpose, t, rows, none if done is None else done)
        alone = self.plan.mode == "single" and not self.plan.compiled

        def chunk(at: NDArray[np.int64]) -> tuple[Any, int]:
            here = known.of(at)
            inputs = data.inputs(purpose, t, rows[at], here)
            trees = (take_rows(downs, at, len(rows)), take_rows(states, at, len(rows)), inputs)

            def among(stacked: slice) -> Callable[..., Any]:
                some = here.of(stacked)
                return lambda down, client, own: work(
                    down, client, data.batches(own, some, trimmed=alone)
                )

            with torch.no_grad(), flush_denormals(), count_gradients() as gradients:
                result = self._chunks.apply(among, len(at), trees)
            return result, gradients[0]

        chunks = self._chunks.split(known.amount)
        joined, gradients = None, 0
        for at, (result, taken) in zip(
            chunks, self._chunks.map_threads(chunk, chunks), strict=True
        ):
            gradients += taken
            if covers_in_order(at, len(rows)):
                return result, gradients
            if joined is None:
                joined = empty_rows(result, len(rows))
            put_rows(joined, torch.from_numpy(at).to(self.device), result)
        return joined, gradients
