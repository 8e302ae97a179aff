"""Candidates that cannot train on what is asked are left out before the race, with the reason."""

import numpy as np
import pytest

from task_samples import MAKERS
from unalike import Federation, advise


class RaceReachedError(Exception):
    """Nothing is trained in this test."""


def test_a_method_that_the_loss_does_not_suit_does_not_race():
    _, output, truth = MAKERS["survival"](160, 2.0, 4)
    owner = np.repeat(["a", "b", "c", "d"], (40, 25, 61, 34))
    held = Federation.from_arrays(output, truth, owner, task="survival")
    seen = []

    def announce(preview):
        seen.append(preview)
        raise RaceReachedError

    with pytest.raises(RaceReachedError):
        advise(
            held, model="logistic", methods="fedem,fedprox", rounds=2, folds=2, announce=announce
        )
    assert "needs a loss for each sample" in seen[0].unfit["fedem"]
    assert "fedem" not in seen[0].plan.methods
    assert "fedprox" in seen[0].plan.methods
