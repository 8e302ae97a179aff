"""A new client's model, by the method's own adaptation to that client's samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unalike.core import Population
from unalike.data.federation import Federation
from unalike.data.ragged import Ragged
from unalike.data.reading.labels import read_rows
from unalike.data.reading.names import names_of
from unalike.data.reading.roles import Source, labels_of
from unalike.engines.local import LocalEngine
from unalike.engines.machine import device_named
from unalike.engines.plan import Plan, mode_for
from unalike.errors import InputError, unknown
from unalike.functional.trees import items, map_tree, rebuild
from unalike.study.kept_models import KeptModels
from unalike.study.model_description import ModelDescription, plain_hazard

from .network import method_of, problem_of
from .run_models import StudyModels, trained_model
from .samples import prepared_samples
from .samples import read_rows as rows_of
from .trained_model import TrainedModel


def adapt(
    models: StudyModels,
    method: str,
    x: Any,
    y: Any = None,
    *,
    when: str = "best",
    seed: int = 0,
    client: str = "new-client",
    prepared: bool = False,
) -> TrainedModel:
    """The model of a client that never trained, from its own samples alone.

    x: its rows, all of which are trained on; y: one answer a row, or the column's name; that of the
        study if not given.
    client: how it is called; one of the study that never trained draws as it did there.
    prepared: the rows are what the network takes already: no preprocessing.

    Raises:
        InputError: nothing was kept, or these are not samples as the model was trained on.
    """
    kept = models.kept(method, when, seed)
    about = kept.description
    if about.own_loss and models.given is None:
        raise InputError(
            f"{method} was trained with a loss of your own, which no file holds: adapt from "
            "Python, with unalike.resume(folder, model=..., loss=...).adapt(...)."
        )
    source = rows_of(x)
    samples = prepared_samples(about, source, prepared=prepared)
    answers = _answers(about, source, about.label_column if y is None else y)
    if len(answers) != len(samples):
        raise InputError(f"x has {len(samples)} rows and y {len(answers)}: give one answer a row.")
    federation = _one_client(about, samples, answers, client)
    federation.check_training_samples()
    personal = _adapted(models, kept, federation)
    found = trained_model(
        personal,
        about.model_copy(update={"when": when, "client": client, "trees": {}}),
        models.given,
    )
    if about.question.relative_risk:
        risk = found.outputs(samples.numpy(), prepared=True).numpy()
        hazard = plain_hazard(about.question.baseline_hazard(risk, answers))
        found.description = found.description.model_copy(update={"hazard": hazard})
    return found


def _adapted(models: StudyModels, kept: KeptModels, federation: Federation) -> Any:
    about = kept.description
    problem = problem_of(about, models.given)
    method = method_of(about, problem)
    everybody = len(about.clients) + len(about.newcomers)
    engine = LocalEngine(
        method,
        problem,
        federation,
        seed=about.seed,
        batch_size=about.batch_size,
        epochs=about.local_epochs,
        plan=Plan(mode_for(problem, device_named("cpu")), 2, 1),
        weights=torch.ones(0),
        stream_ids=np.array([about.newcomers.get(federation.names[0], everybody)]),
        rounds=about.rounds,
    )
    clients = len(about.clients)
    shares = torch.full((clients,), 1 / clients, dtype=engine.w.dtype)
    server = engine.method.init_server(engine.problem, engine.w, Population(clients, shares))
    down = rebuild(engine.method.introduce(server), kept.trees["newcomer"])
    start = rebuild(engine.start, kept.trees["start"])
    if [leaf.shape for _, leaf in items(start)] != [leaf.shape for _, leaf in items(engine.start)]:
        start = engine.start  # as large as this client has samples
    adapted = engine.adapt_from(about.round, down, start)
    return map_tree(lambda leaf: leaf[0], adapted)


def _answers(about: ModelDescription, source: Source, wish: Any) -> NDArray[Any]:
    """y [n, ...] as the task has it."""
    values, name = labels_of(source, wish)
    question = about.question
    if not question.holds_classes:
        array = values if isinstance(values, np.ndarray) else values.values
        return read_rows(array, name or "y", about.task, ()).y
    if isinstance(values, np.ndarray):
        raise InputError(f"{name or 'y'} must name one class a row.")
    found = names_of(values, name or "y")[0]
    numbers = {known: number for number, known in enumerate(question.class_names)}
    strange = [one for one in dict.fromkeys(found.tolist()) if one not in numbers]
    if strange:
        raise unknown(f"class in {name or 'y'},", str(strange[0]), numbers)
    return np.array([numbers[one] for one in found.tolist()], np.int64)


def _one_client(about: ModelDescription, x: Tensor, y: NDArray[Any], name: str) -> Federation:
    none = np.zeros(0, np.int64)

    def rows(values: NDArray[np.int64]) -> Ragged:
        return Ragged.of(values, np.array([len(values)]))

    answers = torch.from_numpy(np.ascontiguousarray(y))
    return Federation(
        x=x,
        y=answers,
        x_test=x[:0],
        y_test=answers[:0],
        train=rows(np.arange(len(x))),
        validation=rows(none),
        test=rows(none),
        names=(name,),
        newcomers=np.ones(1, dtype=bool),
        pooled_test=none,
        task=about.question,
    )
