"""The contract's fifth way: over Flower's messages every method is what it is in a simulation."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from network_worlds import Network
from normalised_worlds import normalised
from test_every_method import made, world
from unalike.core import Method
from unalike.functional.trees import items, map_tree, size_in_bytes
from unalike.methods import METHODS
from unalike.network.server.answer_lengths import MAX_HISTORY
from unalike.rounds import rounds
from unalike.study.evaluate import evaluate, evaluate_new
from unalike.weighting.sampling import Scheme
from worlds import SINGLE, World, blobs

SIZES = (12, 5, 20, 7)
NEWCOMER = 1
CLOSE = {"atol": 1e-9, "rtol": 1e-9}


def close(a: Any, b: Any) -> None:
    for (name, x), (other, y) in zip(items(a), items(b), strict=True):
        assert name == other
        torch.testing.assert_close(x, y, **CLOSE, msg=lambda m, name=name: f"{name}: {m}")


@pytest.mark.parametrize("name", METHODS)
def test_three_sites_are_the_simulation(name: str, tmp_path: Path) -> None:
    assert_same_as_simulated(world(name, SIZES, newcomers=(NEWCOMER,)), made(name), tmp_path)


def test_private_states_of_different_shapes(tmp_path: Path) -> None:
    where = world("mocha", SIZES, newcomers=(NEWCOMER,))
    assert_same_as_simulated(where, made("mocha", form="dual"), tmp_path)


@pytest.mark.parametrize("scheme", ["A", "I", "II"])
def test_cohorts_and_dropping_out(scheme: Scheme, tmp_path: Path) -> None:
    where, options = blobs((12, 5, 20, 7, 9)), {"cohort": 3, "dropout": 0.3, "scheme": scheme}
    network = Network(where, METHODS["scaffold"](), tmp_path)
    engine = where.engine(METHODS["scaffold"](), plan=SINGLE, batch_size=4, steps=2)
    start = engine.method.init_server(engine.problem, engine.w, engine.population)
    known = list(islice(rounds(engine.method, engine, start, seed=0, **options), 4))
    history = network.train(4, **options)
    for here, there in zip(known, history, strict=True):
        close(here.server, there.server)
        assert here.dropped.tolist() == there.dropped.tolist()
        assert torch.equal(here.cohort.ids, there.cohort.ids)
    assert sum(len(r.dropped) for r in history) > 0


FEW = [("fedavg", "recompute"), ("fedavg", "share"), ("fedbn", "local")]


@pytest.mark.parametrize(
    ("name", "buffers"),
    [
        pytest.param(*pair, marks=[] if pair in FEW else pytest.mark.slow)
        for pair in ((name, buffers) for name, cls in METHODS.items() for buffers in cls.buffers)
    ],
)
def test_batch_normalisation_and_dropout(name: str, buffers: str, tmp_path: Path) -> None:
    where = World(normalised(name, buffers).problem, blobs(SIZES, newcomers=(NEWCOMER,)).federation)
    assert_same_as_simulated(where, METHODS[name](), tmp_path)


def assert_same_as_simulated(where: World, method: Method, tmp_path: Path) -> None:
    """Three rounds, and everything measured after them."""
    known = where.run(method, 3, plan=SINGLE, batch_size=4, steps=2)
    network = Network(where, method, tmp_path)
    assert network.clients.population.size == 3
    history = network.train(3)
    sent, received = network.grid.bytes_down, network.grid.bytes_up

    for here, there in zip(known.history, history, strict=True):
        close(here.server, there.server)
        if here.ups is not None:
            close(here.ups, there.ups)
        assert here.gradients == there.gradients
        assert (here.bytes_down, here.bytes_up) == (there.bytes_down, there.bytes_up)
    assert sent == sum(r.bytes_down for r in history)
    assert received == sum(r.bytes_up for r in history)

    engine, last = known.engine, history[-1]
    simulated = evaluate(engine, known.server, 3, last.cohort, details=False, dissimilarity=False)
    simulated["new"] = evaluate_new(engine, known.server, 3)
    measured = network.clients.evaluate(last.server, 3, last.cohort).record
    measured["new"] = network.clients.evaluate_new(last.server, 3)
    assert measured.keys() == simulated.keys()
    for family, values in simulated.items():
        for metric, value in values.items():
            if metric == "auc" and family in ("validation", "global"):
                continue  # of several sites together it comes from histograms
            np.testing.assert_allclose(
                measured[family][metric], value, rtol=1e-9, err_msg=f"{family} {metric}"
            )

    personal = known.personal()
    downs = engine._sent(engine.method.deliver, last.server, np.arange(3))
    for at, row in enumerate(engine.rows):
        trainer = network.trainers[int(row)]
        mine = {n: leaf[at : at + 1] for n, leaf in items(personal)}
        theirs = trainer.engine.personalise_from(3, _rows(downs, at))
        for leaf_name, leaf in items(theirs):
            torch.testing.assert_close(leaf, mine[leaf_name], **CLOSE)
    assert not network.remarks()
    # of each site the server knows when it answered last, and how long its answers were
    assert size_in_bytes(network.clients.states) == 3 * 8 * (1 + 1 + MAX_HISTORY)


def _rows(tree: Any, at: int) -> Any:
    return map_tree(lambda leaf: leaf[at : at + 1], tree)
