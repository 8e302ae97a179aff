"""Clients at work on every kind of question: closed forms, and stacked as one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from task_samples import MAKERS
from task_worlds import world
from unalike.methods import FedAvg, Local
from unalike.tasks import Losses
from worlds import SINGLE, STACKED, World


@pytest.mark.parametrize("name", MAKERS)
def test_stacked_is_one_by_one(name: str) -> None:
    here = world(name)
    task = here.federation.task
    found = []
    for plan in (STACKED, SINGLE):
        done = here.run(FedAvg(lr=0.05), 2, plan=plan, batch_size=8)
        engine = done.engine
        told = [
            engine.predict(done.personal(), engine.rows, "test").counts(task),
            engine.predict_pooled(done.server, "test").counts(task),
            engine.predict_pooled(done.server, "validation").counts(task, together=True),
        ]
        found.append((done.server, [task.scores(sums) for sums in told]))
    (one, scores), (other, same) = found
    torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)
    assert not torch.allclose(one, here.problem.init(0))
    for a, b in zip(scores, same, strict=True):
        assert a.keys() == b.keys()
        for measure in a:
            np.testing.assert_allclose(a[measure], b[measure], rtol=1e-8, err_msg=measure)
        assert np.isfinite(a["loss"]).all()
        assert np.isfinite(a[task.main.name]).all()


@pytest.mark.parametrize("name", MAKERS)
def test_the_loss_of_a_client_is_that_of_all_its_samples(name: str) -> None:
    here = world(name)
    task, loss = here.federation.task, here.problem.criterion
    engine = here.engine(FedAvg())
    w = here.problem.init()
    personal = w.expand(3, *w.shape)
    told = engine.predict(personal, engine.rows, "test")
    shared = engine.predict_pooled(w, "test")
    known = []
    for row in range(3):
        ids = here.federation.test.rows(row)
        output = here.problem.logits(w, here.federation.x_test[ids])
        y = here.federation.y_test[ids]
        known.append(loss.total(output, y, torch.ones(len(ids), dtype=w.dtype)).detach())
    np.testing.assert_allclose(task.scores(told.counts(task))["loss"], known, rtol=1e-10)
    everybody = here.problem.logits(w, here.federation.x_test)
    ones = torch.ones(len(everybody), dtype=w.dtype)
    total = loss.total(everybody, here.federation.y_test, ones).detach()
    np.testing.assert_allclose(task.scores(shared.counts(task))["loss"], total, rtol=1e-10)
    assert isinstance(told.losses, Losses) == (name in ("survival", "sequence"))


def least_squares(world: World, rows: np.ndarray) -> torch.Tensor:
    """Weights and then biases, as the layer has them, of the best linear fit."""
    x = torch.cat([world.federation.x[rows], torch.ones(len(rows), 1, dtype=torch.float64)], 1)
    best = torch.linalg.lstsq(x, world.federation.y[rows][:, None]).solution
    return torch.cat([best[:-1, 0], best[-1]])


def test_local_comes_to_each_clients_least_squares() -> None:
    here = world("regression")
    done = here.run(Local(lr=0.05), 3, steps=400)
    train = here.federation.train
    known = torch.stack([least_squares(here, train.rows(row)) for row in range(3)])
    torch.testing.assert_close(done.personal(), known, rtol=1e-6, atol=1e-8)
    assert (known[0] - known[1]).abs().max() > 1e-2


def test_fedavg_of_single_steps_comes_to_everybodys_least_squares() -> None:
    here = world("regression")
    done = here.run(FedAvg(lr=0.05), 1200)
    known = least_squares(here, here.federation.train.values)
    torch.testing.assert_close(done.server, known, rtol=1e-6, atol=1e-8)
