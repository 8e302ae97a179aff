"""One method on one federation, round by round: the loop that the studies in this folder share."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from unalike.core import Method, Problem
from unalike.data import Federation
from unalike.engines.local import LocalEngine
from unalike.engines.plan import Plan
from unalike.models import build
from unalike.rounds import rounds


def training(
    method: Method,
    model: str,
    federation: Federation,
    *,
    times: int,
    batch_size: int,
    epochs: int,
    seed: int,
    cohort: int | None = None,
) -> Iterator[tuple[LocalEngine, Any]]:
    """The engine and the server's state after each of `times` rounds, all clients by default."""
    shape = tuple(federation.x.shape[1:])
    engine = LocalEngine(
        method,
        Problem(build(model, shape=shape, classes=federation.classes, seed=seed)),
        federation,
        seed=seed,
        batch_size=batch_size,
        epochs=epochs,
        plan=Plan("stacked", chunk=64, threads=1),
    )
    server = engine.method.init_server(engine.problem, engine.w, engine.population)
    loop = rounds(engine.method, engine, server, cohort=cohort or len(engine), seed=seed)
    for done in islice(loop, times):
        yield engine, done.server


def global_accuracy(engine: LocalEngine, server: Any) -> float:
    """The one model on the pooled test samples, in per cent."""
    found = engine.predict_pooled(engine.method.global_model(server), "test")
    return 100 * (found.output.argmax(-1) == found.truth).double().mean().item()


def personal_accuracy(engine: LocalEngine, server: Any, t: int) -> float:
    """All clients' own models, each on its own test samples, in per cent of all samples."""
    found = engine.predict(engine.personalise(t, server), engine.rows, "test")
    return 100 * (found.output.argmax(-1) == found.truth).double().mean().item()
