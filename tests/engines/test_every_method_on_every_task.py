"""Every method on every kind of question: stacked as one by one, or one sentence why not.

Over the wire they are tried in `tests/network/test_every_task.py`.
"""

from __future__ import annotations

from functools import cache

import pytest
import torch

from task_samples import MAKERS
from task_worlds import UNSUITED, world
from unalike.errors import InputError
from unalike.functional.trees import items, leaves
from unalike.methods import METHODS
from worlds import SINGLE, STACKED, World

QUICK = ("counts", "survival")
"""Tasks that are tried each time; classes are the laws' own world."""


def case(task: str, method: str) -> object:
    refused = task in UNSUITED.get(method, {})
    return pytest.param(task, method, marks=[] if task in QUICK or refused else pytest.mark.slow)


@cache
def here(task: str) -> World:
    return world(task, hidden=3)


@pytest.mark.parametrize(("task", "method"), [case(t, m) for t in MAKERS for m in METHODS])
def test_stacked_is_one_by_one(task: str, method: str) -> None:
    where, why = here(task), UNSUITED.get(method, {}).get(task)
    if why is not None:
        with pytest.raises(InputError, match=why) as error:
            where.run(METHODS[method](), 1, batch_size=32)
        assert "\n" not in str(error.value)
        return
    stacked, single = (
        where.run(METHODS[method](), 1, plan=plan, batch_size=32) for plan in (STACKED, SINGLE)
    )
    personal = stacked.personal()
    for one, other in (
        (stacked.server, single.server),
        (stacked.states, single.states),
        (personal, single.personal()),
    ):
        for (name, mine), (_, known) in zip(items(one), items(other), strict=True):
            torch.testing.assert_close(mine, known, rtol=1e-7, atol=1e-9, msg=name)
    assert not torch.equal(leaves(personal)[0][0], stacked.engine.w), "nothing was learned"
    told = stacked.engine.predict(personal, stacked.engine.rows, "test")
    kind = where.federation.task
    scores = kind.scores(told.counts(kind))
    assert torch.from_numpy(scores[kind.main.name]).isfinite().all()
