"""Three policies for the running statistics of batch normalisation; methods know of none.

In training every layer normalises by the batch in hand (`normalisation.py`). The policies differ
in what a model normalises by when it predicts:

    recompute   the statistics of the client's own training samples under the model at hand, taken
                when it predicts; nothing travels. The one global model on pooled data uses the
                statistics of all training clients together: two numbers a channel and client.
    share       running statistics, updated at each gradient that a client takes, sent down and up
                with the model and averaged with the clients' weights; where a method keeps the
                normalisation layers with the client, their statistics stay there too
    local       running statistics that never leave the client; a client that has none yet takes
                those of its training samples. No global model can then predict for everybody.

`with_buffers` puts a policy around a method: it sends what the method sends, and the statistics
beside it, untouched by learning rates, corrections and momentum.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from unalike.errors import InputError
from unalike.functional.forward_pass import (
    BatchMoments,
    ForwardPass,
    LayerCall,
    PredictionByCall,
    Statistics,
    pooled_moments,
    prediction_statistics,
    set_forward_pass,
)
from unalike.functional.running_statistics import prediction_pass, track_running_statistics

from .batches import Batches
from .method import Cohort, Method, Population
from .problem import Problem


class ModelWithStatistics(NamedTuple):
    """A model, with what its layers normalise by."""

    model: Any
    statistics: Statistics


class WithStatistics(NamedTuple):
    """What the method keeps or sends, and the running statistics beside it."""

    method: Any
    statistics: Statistics


class ClientWithStatistics(NamedTuple):
    """A client's private state under the policy `local`."""

    method: Any
    statistics: Statistics
    trained: Tensor  # [] 1 once the client has running statistics


def with_buffers(method: Method, problem: Problem) -> Method:
    """The method under the problem's policy; the method itself where nothing is to be kept.

    Statistics travel where models do: a method whose normalisation layers stay with the client
    keeps them there under `share` too, and one that trains on pooled data has one place for them.

    Raises:
        InputError: the policy does not suit the method, or only some layers stay with the client.
    """
    if not problem.batch_norm_layers or isinstance(method, BufferPolicy):
        return method
    asked = problem.buffers
    suitable = set(method.buffers) & ({asked} if asked == "recompute" else {"share", "local"})
    if not suitable:
        raise InputError(
            f"buffers={asked!r} does not suit {method.name}: running statistics follow one model "
            "along one path, and this method moves several; use buffers='recompute', or leave "
            "the method out."
        )
    policy = asked if asked in suitable else suitable.pop()
    if policy == "share" and _keeps_normalisation_private(method, problem):
        policy = "local"
    return cast(Method, POLICIES[policy](method))


def _keeps_normalisation_private(method: Method, problem: Problem) -> bool:
    """Whether the normalisation layers stay with the client; InputError where only some do."""
    private = set(method.private_segments(problem))
    layers = {layer.name for layer in problem.batch_norm_layers}
    stay: dict[str, bool] = {}
    with_client = False
    for name, part in problem.module.named_modules():
        own = {f"{name}.{p}" if name else p for p, _ in part.named_parameters(recurse=False)}
        if own & set(problem.layout.names):
            with_client = bool(own & private)
        if name in layers:
            stay[name] = with_client  # without weights of its own: as the layer before
    if len(set(stay.values())) > 1:
        here, there = (next(n for n in stay if stay[n] is where) for where in (True, False))
        raise InputError(
            f"buffers='share' does not suit {method.name} here: layer {here!r} stays with the "
            f"client and layer {there!r} is shared, and so would have to be their running "
            "statistics; use buffers='recompute' or 'local'."
        )
    return all(stay.values())


class BufferPolicy:
    """A method that answers everything as another one does."""

    def __init__(self, method: Method) -> None:
        self.method = method

    def __getattr__(self, name: str) -> Any:
        if name == "method":
            raise AttributeError(name)
        return getattr(self.method, name)

    def with_step_sizes(self, factor: float) -> BufferPolicy:
        """The same around the inner method with its step sizes multiplied."""
        return type(self)(self.method.with_step_sizes(factor))

    def residual(
        self,
        problem: Problem,
        down: Any,
        client: Any,
        batches: Batches,
        personal: ModelWithStatistics,
    ) -> Tensor:
        """That of the inner method's model, which takes its gradients on batches as in training."""
        return self.method.residual(problem, down, client, batches, personal.model)


class RecomputeStatistics(BufferPolicy):
    """Statistics of the samples at hand: see the module."""

    def personalise(
        self, problem: Problem, down: Any, client: Any, batches: Batches
    ) -> ModelWithStatistics:
        model = self.method.personalise(problem, down, client, batches)
        return model_with_statistics(model, self.observe(problem, model, batches))

    def adapt(
        self, problem: Problem, down: Any, client: Any, batches: Batches
    ) -> ModelWithStatistics:
        model = self.method.adapt(problem, down, client, batches)
        return model_with_statistics(model, self.observe(problem, model, batches))

    def together(self, model: Any, moments: BatchMoments) -> ModelWithStatistics:
        """The one model for everybody, from what it met at each client: leaves [N, channels]."""
        clients = zip(*(part.unbind() for part in moments), strict=True)
        return model_with_statistics(
            model, pooled_moments([BatchMoments(*client) for client in clients])
        )

    def observe(self, problem: Problem, model: Any, batches: Batches) -> BatchMoments:
        """What the model's layers meet on the client's training samples, in order of calls."""
        seen = layer_calls(self.method, problem, model, batches)
        return BatchMoments(
            *(torch.cat(parts) for parts in zip(*(s.moments for s in seen), strict=True))
        )

    def predict(self, problem: Problem, personal: ModelWithStatistics, x: Tensor) -> Tensor:
        with set_forward_pass(PredictionByCall(personal.statistics)):
            return self.method.predict(problem, personal.model, x)


class ShareStatistics(BufferPolicy):
    """Running statistics that travel with the model: see the module."""

    def init_server(self, problem: Problem, w: Tensor, population: Population) -> WithStatistics:
        return WithStatistics(
            self.method.init_server(problem, w, population), problem.start_statistics
        )

    def broadcast(self, server: WithStatistics, client_id: Tensor) -> WithStatistics:
        return WithStatistics(self.method.broadcast(server.method, client_id), server.statistics)

    def deliver(self, server: WithStatistics, client_id: Tensor) -> WithStatistics:
        return WithStatistics(self.method.deliver(server.method, client_id), server.statistics)

    def introduce(self, server: WithStatistics) -> WithStatistics:
        return WithStatistics(self.method.introduce(server.method), server.statistics)

    def client_update(
        self, problem: Problem, down: WithStatistics, client: Any, batches: Batches
    ) -> tuple[Any, WithStatistics]:
        with track_running_statistics(down.statistics, problem.batch_norm_layers) as running:
            client, up = self.method.client_update(problem, down.method, client, batches)
        return client, WithStatistics(up, running.statistics)

    def server_update(
        self, server: WithStatistics, ups: WithStatistics, cohort: Cohort
    ) -> WithStatistics:
        return WithStatistics(
            self.method.server_update(server.method, ups.method, cohort),
            Statistics(*(cohort.mean(part) for part in ups.statistics)),
        )

    def personalise(
        self, problem: Problem, down: WithStatistics, client: Any, batches: Batches
    ) -> ModelWithStatistics:
        with track_running_statistics(down.statistics, problem.batch_norm_layers) as running:
            model = self.method.personalise(problem, down.method, client, batches)
        return ModelWithStatistics(model, running.statistics)

    def adapt(
        self, problem: Problem, down: WithStatistics, client: Any, batches: Batches
    ) -> ModelWithStatistics:
        with track_running_statistics(down.statistics, problem.batch_norm_layers) as running:
            model = self.method.adapt(problem, down.method, client, batches)
        return ModelWithStatistics(model, running.statistics)

    def residual(
        self,
        problem: Problem,
        down: WithStatistics,
        client: Any,
        batches: Batches,
        personal: ModelWithStatistics,
    ) -> Tensor:
        return super().residual(problem, down.method, client, batches, personal)

    def predict(self, problem: Problem, personal: ModelWithStatistics, x: Tensor) -> Tensor:
        with set_forward_pass(prediction_pass(personal.statistics, problem.batch_norm_layers)):
            return self.method.predict(problem, personal.model, x)

    def global_model(self, server: WithStatistics) -> ModelWithStatistics | None:
        model = self.method.global_model(server.method)
        return None if model is None else ModelWithStatistics(model, server.statistics)

    def displacement(self, ups: WithStatistics) -> Tensor | None:
        return self.method.displacement(ups.method)

    def notes(self, server: WithStatistics) -> str | None:
        return self.method.notes(server.method)


class LocalStatistics(BufferPolicy):
    """Running statistics that stay with the client: see the module."""

    def init_client(self, problem: Problem, w: Tensor) -> ClientWithStatistics:
        start = problem.start_statistics
        return ClientWithStatistics(
            self.method.init_client(problem, w), start, torch.zeros_like(w[0])
        )

    def client_update(
        self, problem: Problem, down: Any, client: ClientWithStatistics, batches: Batches
    ) -> tuple[ClientWithStatistics, Any]:
        with track_running_statistics(client.statistics, problem.batch_norm_layers) as running:
            inner, up = self.method.client_update(problem, down, client.method, batches)
        return ClientWithStatistics(inner, running.statistics, torch.ones_like(client.trained)), up

    def personalise(
        self, problem: Problem, down: Any, client: ClientWithStatistics, batches: Batches
    ) -> ModelWithStatistics:
        with track_running_statistics(client.statistics, problem.batch_norm_layers) as running:
            model = self.method.personalise(problem, down, client.method, batches)
        fresh = self._from_samples(problem, model, batches)
        return ModelWithStatistics(
            model,
            Statistics(
                *(
                    torch.where(client.trained > 0, mine, new)
                    for mine, new in zip(running.statistics, fresh, strict=True)
                )
            ),
        )

    def adapt(
        self, problem: Problem, down: Any, client: ClientWithStatistics, batches: Batches
    ) -> ModelWithStatistics:
        model = self.method.adapt(problem, down, client.method, batches)
        return ModelWithStatistics(model, self._from_samples(problem, model, batches))

    def residual(
        self,
        problem: Problem,
        down: Any,
        client: ClientWithStatistics,
        batches: Batches,
        personal: ModelWithStatistics,
    ) -> Tensor:
        return super().residual(problem, down, client.method, batches, personal)

    def predict(self, problem: Problem, personal: ModelWithStatistics, x: Tensor) -> Tensor:
        with set_forward_pass(prediction_pass(personal.statistics, problem.batch_norm_layers)):
            return self.method.predict(problem, personal.model, x)

    def global_model(self, server: Any) -> None:
        return None

    def describe(self, problem: Problem) -> str | None:
        line: str | None = self.method.describe(problem)
        if problem.buffers == "local":
            return line
        stay = "its normalisation layers and their running statistics stay with the client"
        return f"{line}; {stay}" if line else stay

    def _from_samples(self, problem: Problem, model: Any, batches: Batches) -> Statistics:
        seen = layer_calls(self.method, problem, model, batches)
        start = problem.start_statistics
        sizes = [layer.channels for layer in problem.batch_norm_layers]
        found = [
            prediction_statistics(pooled_moments(calls))
            if (calls := [s.moments for s in seen if s.layer == i])
            else old
            for i, old in enumerate(
                map(Statistics, start.mean.split(sizes), start.variance.split(sizes))
            )
        ]
        return Statistics(*(torch.cat(parts) for parts in zip(*found, strict=True)))


POLICIES: dict[str, type[BufferPolicy]] = {
    "recompute": RecomputeStatistics,
    "share": ShareStatistics,
    "local": LocalStatistics,
}


def model_with_statistics(model: Any, moments: BatchMoments) -> ModelWithStatistics:
    """The model with the statistics that follow from what its layers have met."""
    return ModelWithStatistics(model, prediction_statistics(moments))


def layer_calls(method: Method, problem: Problem, model: Any, batches: Batches) -> list[LayerCall]:
    """What each call of a layer meets when the model predicts all of the client's samples.

    Batches of up to `IN_ORDER_SIZE` samples are normalised by themselves, as in training.
    """
    passes: list[list[LayerCall]] = []
    for batch, _, _ in batches.in_order():
        with set_forward_pass(ForwardPass(batch.weight)) as forward:
            method.predict(problem, model, batch.x)
        passes.append(forward.calls)
    if not passes:
        with set_forward_pass(ForwardPass(batches.size.expand(1))) as forward:
            method.predict(problem, model, batches.x[batches.ids[:1]])
        passes.append(forward.calls)
    return [
        LayerCall(same[0].layer, pooled_moments([seen.moments for seen in same]))
        for same in zip(*passes, strict=True)
    ]
