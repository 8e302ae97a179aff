"""All clients in this process: stacked through `torch.func.vmap`, or one by one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import vmap

from unalike.core import Batches, Method, Population, Problem, average
from unalike.core.buffers import RecomputeStatistics, with_buffers
from unalike.data.federation import Federation, Ragged
from unalike.data.windows import held_in, window_of
from unalike.functional import streams
from unalike.functional.finite import finite_rows
from unalike.functional.gradient_count import count_gradients
from unalike.functional.trees import leaves, map_tree

from .chunks import Chunks, covers_in_order, empty_rows, put_rows, take_rows
from .client_states import ClientStates
from .machine import device_named, flush_denormals, keep_freed_memory, require_compiler
from .plan import Plan

Work = Callable[[Any, Any, Batches], Any]


class Answers(NamedTuple):
    """What came back from a cohort in one round."""

    ups: Any  # every leaf [S, ...], the sound answers only
    sound: NDArray[np.bool_]  # [cohort] which answers are finite throughout
    arrived: NDArray[np.bool_]  # [cohort] who answered at all
    gradients: int  # per-sample gradient evaluations


class Predictions(NamedTuple):
    """Outputs for consecutive groups of samples, one group a client."""

    output: Tensor  # [n] classes, or [n, labels] bool
    losses: Tensor  # [n]
    truth: Tensor  # [n] or [n, labels]
    sizes: NDArray[np.int64]  # [groups]


class LocalEngine:
    """The clients of a federation, with their private states, on one machine.

    Client i of the engine is row `rows[i]` of the federation. Training clients are 0..N-1.
    Random draws know a client by its row, or by its number in `stream_ids` [rows] where the
    federation is a part of a larger one. Where samples come in windows of time, `rounds` says how
    many rounds these are spread over, and clients hold those of the round's window.
    """

    def __init__(
        self,
        method: Method,
        problem: Problem,
        federation: Federation,
        *,
        seed: int,
        batch_size: int,
        epochs: int,
        plan: Plan,
        weights: Tensor | None = None,
        w: Tensor | None = None,
        device: str = "cpu",
        stream_ids: NDArray[np.int64] | None = None,
        rounds: int = 1,
    ) -> None:
        keep_freed_memory()
        self.seed = seed
        self.batch_size, self.epochs = batch_size, epochs
        self.device = device_named(device)
        self.problem = problem.to(self.device)
        self.method = with_buffers(method, self.problem)
        self._chunks = Chunks(plan)
        self.plan = plan
        self.federation = federation
        self.rounds = rounds
        self._held, self._window = held_in(federation, 0), 0
        self._stream_ids = np.arange(federation.clients) if stream_ids is None else stream_ids
        self.rows = np.flatnonzero(~federation.newcomers)
        self.new_rows = np.flatnonzero(federation.newcomers)
        self.w = (self.problem.init(seed) if w is None else w).to(self.device)
        sizes = torch.from_numpy(federation.train.sizes[self.rows]).to(torch.float64)
        shares = (sizes / sizes.sum() if weights is None else weights).to(self.w.dtype)
        self.population = Population(len(self.rows), shares.to(self.device))
        self._x, self._y = federation.x.to(self.device), federation.y.to(self.device)
        self._x_test = federation.x_test.to(self.device)
        self._y_test = federation.y_test.to(self.device)
        self._most = max(1, int(federation.train.sizes.max(initial=1)))
        self.problem.capacity = self._most
        self._most_held_out = max(1, int(federation.validation.sizes.max(initial=1)))
        self._fresh = self.method.init_client(self.problem, self.w)
        self._client_states = ClientStates(self._fresh, len(self.rows), self.device)

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
    def states(self) -> Any:
        """The training clients' private states: a tree with leaves [N, ...]."""
        return self._client_states.all()

    def restore(self, states: Any) -> None:
        """Take over the clients' private states of an earlier run: leaves [N, ...]."""
        everybody = torch.arange(len(self.rows), device=self.device)
        self._client_states.put(everybody, map_tree(lambda leaf: leaf.to(self.device), states))

    def train(self, t: int, ids: NDArray[np.int64], downs: Any) -> Answers:
        """One round of work of these clients; unsound answers leave no trace."""
        chosen = torch.from_numpy(ids).to(self.device)
        (states, ups), gradients = self._update(t, ids, downs)
        sound = finite_rows((states, ups), len(ids)).cpu().numpy()
        if not sound.all():
            keep = torch.from_numpy(np.flatnonzero(sound)).to(self.device)
            chosen = chosen[keep]
            states, ups = (map_tree(lambda leaf: leaf[keep], tree) for tree in (states, ups))
        self._client_states.put(chosen, states)
        return Answers(ups, sound, np.ones(len(ids), dtype=bool), gradients)

    def time_round(self, ids: NDArray[np.int64], downs: Any) -> float:
        """Seconds that a round of work of these clients takes; it leaves no trace."""
        started = time.perf_counter()
        self._update(0, ids, downs)
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter() - started

    def _update(self, t: int, ids: NDArray[np.int64], downs: Any) -> tuple[Any, int]:
        self._hold(t)
        chosen = torch.from_numpy(ids).to(self.device)
        states = self._client_states.take(chosen)

        def work(down: Any, client: Any, batches: Batches) -> Any:
            return tuple(self.method.client_update(self.problem, down, client, batches))

        return self._map(work, "train", t, self.rows[ids], downs, states)

    def _hold(self, t: int) -> None:
        """From now on clients hold the samples of round t."""
        time = self.federation.window
        if time is None:
            return
        window = window_of(t, self.rounds, time.number)
        if window != self._window:
            self._held, self._window = held_in(self.federation, window), window

    def personalise(self, t: int, server: Any) -> Any:
        """What each training client predicts with: a tree with leaves [N, ...]."""
        downs = self._sent(self.method.deliver, server, np.arange(len(self.rows)))
        return self.personalise_from(t, downs)

    def personalise_from(self, t: int, downs: Any) -> Any:
        """`personalise`, from what was delivered to the training clients: leaves [N, ...]."""
        self._hold(t)

        def work(down: Any, client: Any, batches: Batches) -> Any:
            return self.method.personalise(self.problem, down, client, batches)

        return self._map(work, "personalise", t, self.rows, downs, self.states)[0]

    def adapt(self, t: int, server: Any) -> Any:
        """What each client that never trains predicts with, after its own adaptation."""
        return self.adapt_from(t, self.method.introduce(server))

    def adapt_from(self, t: int, down: Any) -> Any:
        """`adapt`, from what was sent to each of the clients that never train."""
        self._hold(t)
        rows = self.new_rows if len(self.new_rows) else self.rows[:1]
        count = len(rows)

        def repeat(leaf: Tensor) -> Tensor:
            return leaf.expand(count, *leaf.shape)

        downs = map_tree(repeat, down)

        def work(down: Any, client: Any, batches: Batches) -> Any:
            return self.method.adapt(self.problem, down, client, batches)

        adapted = self._map(work, "adapt", t, rows, downs, map_tree(repeat, self._fresh))[0]
        return map_tree(lambda leaf: leaf[: len(self.new_rows)], adapted)

    def broadcast(self, server: Any, ids: NDArray[np.int64]) -> Any:
        """What travels to these clients: every leaf [S, ...]."""
        return self._sent(self.method.broadcast, server, ids)

    def _sent(self, verb: Callable[[Any, Tensor], Any], server: Any, ids: NDArray[np.int64]) -> Any:
        return messages_for(verb, server, torch.from_numpy(ids).to(self.device))

    def gradients_at(self, w: Tensor, ids: NDArray[np.int64]) -> Tensor:
        """Each client's gradient of its whole training loss at w [P]: [S, P]."""
        downs = w.expand(len(ids), *w.shape)

        def work(down: Tensor, client: Any, batches: Batches) -> Tensor:
            return average(lambda batch: self.problem.grad(down, batch), batches)

        states = self._client_states.take(torch.from_numpy(ids).to(self.device))
        return self._map(work, "measure", 0, self.rows[ids], downs, states)[0]

    def predict(
        self,
        personal: Any,
        rows: NDArray[np.int64],
        part: str,
        *,
        only: Ragged | None = None,
    ) -> Predictions:
        """Each client's own model (leaves [n, ...]) on its "test" or "validation" samples.

        only: other lists of indices, into x_test for "test" and else into x, one for each client.
        """
        ragged = self.federation.test if part == "test" else self.federation.validation
        ragged = ragged if only is None else only
        x, y = (self._x_test, self._y_test) if part == "test" else (self._x, self._y)
        outputs, losses = [], []

        def one(model: Any, ids: Tensor) -> tuple[Tensor, Tensor]:
            logits = self.method.predict(self.problem, model, x[ids])
            return self._decide(logits), self.problem.sample_losses(logits, y[ids])

        with torch.no_grad():
            for at in self._chunks.split(ragged.sizes[rows]) if len(rows) else ():
                ids, sizes = _padded(ragged, rows[at], self.device)
                models = map_tree(lambda leaf, at=at: leaf[torch.from_numpy(at)], personal)
                output, loss = self._chunks.apply(lambda _: one, len(at), (models, ids))
                real = torch.arange(ids.shape[1], device=self.device) < sizes[:, None]
                outputs.append((at, output, real))
                losses.append(loss)
        return self._assemble(outputs, losses, ragged, rows, y)

    def predict_pooled(self, model: Any, part: str) -> Predictions:
        """One model on the pooled test samples, or on all clients' validation samples."""
        model = self._with_statistics(model)
        if part == "test":
            x, y, ids = self._x_test, self._y_test, self.federation.pooled_test
        else:
            held_out = self.federation.validation
            ids = np.concatenate(
                [held_out.rows(int(row)) for row in self.rows] or [np.zeros(0, np.int64)]
            )
            x, y = self._x, self._y
        outputs, losses = [], []
        with torch.no_grad():
            for part_ids in torch.from_numpy(ids).to(self.device).split(1024):
                logits = self.method.predict(self.problem, model, x[part_ids])
                outputs.append(self._decide(logits))
                losses.append(self.problem.sample_losses(logits, y[part_ids]))
        everything = torch.from_numpy(ids).to(self.device)
        return Predictions(
            torch.cat(outputs) if outputs else y[everything],
            torch.cat(losses) if losses else self.w[:0],
            y[everything],
            np.asarray([len(ids)]),
        )

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
        return self._map(work, "measure", 0, self.rows, copies, self.states)[0]

    def _decide(self, logits: Tensor) -> Tensor:
        return logits > 0 if self.federation.task == "labels" else logits.argmax(-1)

    def _assemble(
        self,
        outputs: list[tuple[NDArray[np.int64], Tensor, Tensor]],
        losses: list[Tensor],
        ragged: Ragged,
        rows: NDArray[np.int64],
        y: Tensor,
    ) -> Predictions:
        sizes = ragged.sizes[rows]
        groups: list[Tensor] = [y[:0]] * len(rows)
        group_losses: list[Tensor] = [self.w[:0]] * len(rows)
        for (at, output, real), loss in zip(outputs, losses, strict=True):
            for position, i in enumerate(at):
                groups[i] = output[position][real[position]]
                group_losses[i] = loss[position][real[position]]
        ids = np.concatenate([ragged.rows(row) for row in rows] or [np.zeros(0, np.int64)])
        return Predictions(
            torch.cat(groups) if groups else y[:0],
            torch.cat(group_losses) if groups else self.w[:0],
            y[torch.from_numpy(ids).to(self.device)],
            sizes,
        )

    def _map(
        self,
        work: Work,
        purpose: str,
        t: int,
        rows: NDArray[np.int64],
        downs: Any,
        states: Any,
    ) -> tuple[Any, int]:
        """`work(down, client, batches)` for every row, the results stacked in their order."""
        sizes = self._held.train.sizes[rows]

        def chunk(at: NDArray[np.int64]) -> tuple[Any, int]:
            inputs = self._inputs(purpose, t, rows[at])
            trees = (take_rows(downs, at, len(rows)), take_rows(states, at, len(rows)), inputs)
            held_out_sizes = self._held.validation.sizes[rows[at]]

            def among(stacked: slice) -> Callable[..., Any]:
                known = sizes[at][stacked], held_out_sizes[stacked]
                return lambda down, client, data: work(down, client, self._batches(data, *known))

            with torch.no_grad(), flush_denormals(), count_gradients() as gradients:
                result = self._chunks.apply(among, len(at), trees)
            return result, gradients[0]

        chunks = self._chunks.split(sizes)
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

    def _inputs(self, purpose: str, t: int, rows: NDArray[np.int64]) -> _Inputs:
        ids, size = _padded(self._held.train, rows, self.device)
        held_out, held_out_size = _padded(self._held.validation, rows, self.device)
        names = torch.from_numpy(self._stream_ids[rows]).to(self.device)
        return _Inputs(
            ids,
            size,
            streams.client_keys(self.seed, purpose, t, names),
            streams.client_keys(self.seed, "home", 0, names),
            held_out,
            held_out_size,
        )

    def _batches(
        self, data: _Inputs, sizes: NDArray[np.int64], held_out_sizes: NDArray[np.int64]
    ) -> Batches:
        return Batches(
            x=self._x,
            y=self._y,
            ids=data.ids,
            size=data.size,
            key=data.key,
            home=data.home,
            sizes=sizes,
            most=self._most,
            batch_size=self.batch_size,
            passes=self.epochs,
            dtype=self.w.dtype,
            held_out=(data.held_out, data.held_out_size, held_out_sizes, self._most_held_out),
            draws=self.problem.has_dropout,
            trimmed=self.plan.mode == "single" and not self.plan.compiled,
        )


def messages_for(verb: Callable[[Any, Tensor], Any], server: Any, ids: Tensor) -> Any:
    """`verb(server, client)` for each of these clients [S]: every leaf [S, ...]."""
    if not leaves(server):
        return verb(server, ids[:1])
    return vmap(verb, (None, 0))(server, ids)


class _Inputs(NamedTuple):
    ids: Tensor  # [S, capacity]
    size: Tensor  # [S]
    key: Tensor  # [S]
    home: Tensor  # [S]
    held_out: Tensor  # [S, capacity of the validation part]
    held_out_size: Tensor  # [S]


def _padded(ragged: Ragged, rows: NDArray[np.int64], device: torch.device) -> tuple[Tensor, Tensor]:
    """Index lists as a rectangle [S, longest] padded with the first sample, and sizes [S]."""
    sizes = ragged.sizes[rows]
    longest = max(1, int(sizes.max(initial=1)))
    steps = np.arange(longest)
    at = ragged.offsets[rows][:, None] + np.where(steps < sizes[:, None], steps, 0)
    if len(ragged.values) == 0:
        ids = np.zeros_like(at)
    else:
        ids = ragged.values[np.minimum(at, len(ragged.values) - 1)]
    return torch.from_numpy(ids).to(device), torch.from_numpy(sizes).to(device)
