"""What sites tell of a look beside their scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from network_worlds import Network
from unalike.core.method import Cohort
from unalike.methods import PFedMe
from unalike.network.protocol.messages import Message
from unalike.study.evaluate import evaluate
from worlds import blobs

PAPER = PFedMe(preset="paper")
NOBODY = Cohort(torch.arange(0), torch.zeros(0), torch.zeros(0), 0)


def look(network: Network, t: int) -> dict[str, Any]:
    return network.clients.evaluate(network.start(), t, NOBODY).record


def test_residuals_are_those_of_the_simulation(tmp_path: Path) -> None:
    network = Network(blobs(), PAPER, tmp_path)
    last = network.sites.study.rounds
    engine = network.world.engine(PAPER, batch_size=4, rounds=last)
    server = PAPER.init_server(engine.problem, engine.w, engine.population)
    here, there = evaluate(engine, server, last, NOBODY), look(network, last)
    assert there["residual"] == pytest.approx(here["residual"], rel=1e-12)
    assert len(there["residual"]) == engine.population.size
    assert there.get("unsolved") == here.get("unsolved")
    assert "residual" not in look(network, last - 1)


@pytest.mark.parametrize("told", ["0.1", -1.0, float("nan"), float("inf"), True, [1.0]])
def test_a_residual_that_cannot_be_is_taken_for_untold(told: Any, tmp_path: Path) -> None:
    network = Network(blobs(), PAPER, tmp_path)
    honest = network.handlers[0]

    def handle(message: Message) -> Message:
        answer = honest(message)
        if "residual" in answer.facts:
            answer.facts["residual"] = told
        return answer

    network.handlers[0] = handle
    found = look(network, network.sites.study.rounds)["residual"]
    assert np.isnan(found).tolist() == [True] + [False] * (len(found) - 1)
