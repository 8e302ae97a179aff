"""Laws about edges: padding, tiny clients, those that stay away, numbers that are not finite."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, Literal, get_args, get_origin
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor

from unalike.core import Method
from unalike.engines import client_data
from unalike.functional.trees import map_tree
from unalike.methods.header import hints_of

from .trees import close, equal, finite
from .trial import Trial
from .worlds import SINGLE, Outcome, World

EDGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "one sample each": ({"sizes": (1, 1, 1)}, {}),
    "one sample beside many": ({"sizes": (1, 40, 2)}, {}),
    "no validation samples": ({"sizes": (6, 3, 9), "validation": 0}, {}),
    "a cohort of one": ({}, {"cohort": 1}),
    "one client": ({"sizes": (9,)}, {}),
    "half of the clients drop out": ({}, {"dropout": 0.5, "seed": 1}),
    "everybody drops out": ({}, {"dropout": 1.0}),
    "batches of one sample": ({"sizes": (5, 2, 3)}, {"batch_size": 1}),
}
"""What each edge changes in the world, and in the training."""


def padding_has_no_effect(trial: Trial) -> None:
    """Slots of a batch that hold no sample of the client weigh nothing."""
    known, personal = trial.usual(), trial.usual_personal()
    planted, garbage = with_garbage(trial.world())
    honest = client_data.padded

    def padded(ragged: Any, rows: Any, device: Any) -> tuple[Tensor, Tensor]:
        ids, sizes = honest(ragged, rows, device)
        return torch.where(torch.arange(ids.shape[1]) < sizes[:, None], ids, garbage), sizes

    with patch.object(client_data, "padded", padded):
        other = trial.trained(2, where=planted)
        theirs = other.personal()
    equal(known.server, other.server, "the server's state beside other padding")
    equal(known.states, other.states, "the clients' states beside other padding")
    equal(personal, theirs, "personal models beside other padding")


def with_garbage(clean: World) -> tuple[World, int]:
    """The world with one more resident sample, huge, that belongs to nobody; and its index."""
    f = clean.federation
    x = torch.cat([f.x, torch.full_like(f.x[:1], 1e9)])
    y = torch.cat([f.y, f.y.max(0, keepdim=True).values])
    return World(clean.problem, replace(f, x=x, y=y)), len(f.x)


def a_client_does_not_feel_how_much_others_hold(trial: Trial) -> None:
    """One client's answer is the same beside small clients and beside a large one."""
    small, large = trial.world((12, 1, 9)), trial.world((12, 1, 9, 300))
    found = []
    for where in (small, large):
        engine = where.engine(trial.made(), steps=2, batch_size=4)
        population = small.engine(trial.made()).population
        server = engine.method.init_server(engine.problem, engine.w, population)
        ids = np.arange(3)
        answers = engine.train(1, ids, engine.broadcast(server, ids))
        found.append((answers.ups, map_tree(lambda leaf: leaf[:3], engine.states)))
    close(found[0][0], found[1][0], "answers of clients beside a large one:")
    close(found[0][1], found[1][1], "states of clients beside a large one:")


def edges(trial: Trial, edge: str) -> None:
    """Every number stays finite, and clients can predict."""
    where, options = EDGES[edge]
    outcome = trial.trained(where=trial.world(**where), **options)
    _sound(outcome)
    if edge == "everybody drops out":
        equal(outcome.states, trial.trained(0).states, "the states of clients that dropped out")
        assert all(len(r.cohort.ids) == 0 for r in outcome.history)


def one_class_only(trial: Trial) -> None:
    """Clients that all hold one class do not break it."""
    clean = trial.world((6, 3, 9))
    f = clean.federation
    _sound(trial.trained(where=World(clean.problem, replace(f, y=torch.zeros_like(f.y)))))


def a_client_with_numbers_that_are_not_finite_is_rejected(trial: Trial) -> None:
    """What such a client sends and keeps spoils nobody else."""
    clean = trial.world()
    f, bad = clean.federation, len(trial.sizes) // 3
    others = [i for i in range(len(trial.sizes)) if i != bad]
    x = f.x.clone()
    x[f.train.rows(bad)] = torch.nan
    outcome = trial.trained(where=World(clean.problem, replace(f, x=x)))
    for r in outcome.history:
        assert r.rejected.tolist() == [bad], "a client's answer of NaN was not rejected"
        assert r.cohort.ids.tolist() == others
        assert not others or abs(float(r.cohort.weights.sum()) - 1) < 1e-6
    assert finite(outcome.server), "the server's state is not finite"
    untouched = outcome.engine.method.init_client(outcome.engine.problem, outcome.engine.w)
    state = map_tree(lambda leaf: leaf[bad], outcome.states)
    equal(state, untouched, "the state of the rejected client")
    assert finite(outcome.states), "the clients' states are not finite"


def clients_that_never_trained(trial: Trial) -> None:
    """New clients are introduced and adapt, and change nobody's state."""
    n = len(trial.sizes)
    new = (1, 4) if n > 4 else (n - 1,)
    where = trial.world(newcomers=new) if n > 1 else trial.world((*trial.sizes, 3), newcomers=(1,))
    new = new if n > 1 else (1,)
    outcome = trial.trained(where=where)
    engine = outcome.engine
    assert engine.new_rows.tolist() == list(new)
    before = map_tree(torch.clone, outcome.states), map_tree(torch.clone, outcome.server)
    adapted = engine.adapt(3, outcome.server)
    equal(before[0], outcome.states, "the clients' states after new clients came")
    equal(before[1], outcome.server, "the server's state after new clients came")
    tested = engine.predict(adapted, engine.new_rows, "test")
    assert tested.sizes.tolist() == where.federation.test.sizes[list(new)].tolist()
    assert finite(tested.losses), "losses of new clients are not finite"
    alone = where.engine(trial.made(), steps=2, batch_size=4, plan=SINGLE)
    close(adapted, alone.adapt(3, outcome.server), "what new clients predict with:")


def the_global_model_and_the_displacement(trial: Trial) -> None:
    """Where there is one model for everybody, it predicts; displacements are rows [S, P]."""
    outcome = trial.usual()
    engine, method = outcome.engine, outcome.engine.method
    model = method.global_model(outcome.server)
    if model is not None:
        tested = engine.predict_pooled(model, "test")
        assert finite(tested.losses), "losses of the global model are not finite"
        assert len(tested.output) == len(engine.federation.pooled_test)
    moved = method.displacement(outcome.history[-1].ups)
    rows = (len(trial.sizes), len(engine.w))
    assert moved is None or tuple(moved.shape) == rows, (
        f"displacement gives {tuple(moved.shape)}, not {rows}: give None where no model is sent"
    )
    said = method.vacuous(engine.problem)
    assert said is None or isinstance(said, str)


def every_choice_runs(trial: Trial, setting: str, value: Any) -> None:
    """Every value of every setting that is a choice trains, stacked and one by one alike."""
    method = trial.made(**{setting: value})
    stacked = trial.trained(method=method, steps=1)
    single = trial.trained(method=method, steps=1, plan=SINGLE)
    _sound(stacked)
    close(stacked.server, single.server, f"with {setting} = {value!r} the server's state:")
    close(stacked.personal(), single.personal(), f"with {setting} = {value!r} personal models:")


def choices(cls: type[Method]) -> list[tuple[str, Any]]:
    """Every value of every setting that is a choice, but the default."""
    found: list[tuple[str, Any]] = []
    hints = hints_of(cls)
    for field in fields(cls):
        hint = hints[field.name]
        kind = get_args(hint)[0] if get_args(hint) and get_origin(hint) is not Literal else hint
        values: tuple[Any, ...] = ()
        if get_origin(kind) is Literal:
            values = get_args(kind)
        elif kind is bool:
            values = (True, False)
        found += [(field.name, value) for value in values if value != field.default]
    return found


def _sound(outcome: Outcome) -> None:
    """Every number is finite, and the clients can predict."""
    assert finite(outcome.server), "the server's state is not finite"
    assert finite(outcome.states), "the clients' states are not finite"
    engine = outcome.engine
    tested = engine.predict(outcome.personal(), engine.rows, "test")
    assert len(tested.output) == tested.sizes.sum() > 0
    assert finite(tested.losses), "losses of personal models are not finite"
