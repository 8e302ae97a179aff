"""What is measured after a round when the samples are elsewhere: sites count, the server adds up.

The same three kinds of scores as in a simulation, of those sites that tell theirs; `hidden` names
the others. The dissimilarity of gradients is not taken: every site would have to send its gradient.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unalike.core.buffers import RecomputeStatistics
from unalike.engines.messages import messages_for
from unalike.functional.finite import finite
from unalike.functional.forward_pass import BatchMoments
from unalike.functional.trees import items, leaves, map_tree
from unalike.network.protocol.messages import Message, MessageError, unpack
from unalike.network.protocol.schemas import sums_of, tree_of_sums
from unalike.study.evaluate import Scores, as_lists, of_first_group, one_answer
from unalike.study.solver_residuals import has_residuals, judge_residuals
from unalike.tasks import Sums, added, stacked

from .remote_run import RemoteRun

Told = dict[str, dict[int, Sums]]
"""part -> place -> what its samples tell"""


def evaluate(run: RemoteRun, server: Any, shared: Any, t: int) -> dict[str, Any]:
    """Everything measured after round t, as plain values for the run's store.

    shared: the one model for everybody, with its statistics; None where there is none.
    """
    places, method = run.places.tolist(), run.method
    asked = {"residual": True} if has_residuals(method, t, run.sites.study.rounds) else {}
    downs = messages_for(method.deliver, server, torch.arange(len(places)))
    requests = {}
    for i, place in enumerate(places):
        down = map_tree(lambda leaf, i=i: leaf[i], downs)
        if shared is not None and _equal(down, shared):
            requests[place] = run.request("evaluate", t, place, {"down": down}, same=True, **asked)
        else:
            trees = {"down": down} if shared is None else {"down": down, "shared": shared}
            requests[place] = run.request("evaluate", t, place, trees, **asked)
    answers = run.sites.request(requests, f"Measuring after round {t}")
    told = _read_told(run, answers)
    tested = _by_place(run, told["test"], places)
    result = {
        **_hidden(run, answers),
        "personal": as_lists(_scores(run, tested)),
        **one_answer(run.federation.task.one_answer(tested)),
        **(judge_residuals(method, _residuals(answers, places)) if asked else {}),
        "validation": of_first_group(_scores(run, _sum(run, told["validation"]))),
    }
    if shared is not None:
        result["global"] = of_first_group(_scores(run, _sum(run, told["shared"])))
    return result


def evaluate_new(run: RemoteRun, server: Any, t: int) -> dict[str, Any]:
    """Scores of the clients that never trained, one value a client."""
    places = run.new_places.tolist()
    down = run.method.introduce(server)
    requests = {place: run.request("adapt", t, place, {"down": down}) for place in places}
    answers = run.sites.request(requests, f"New clients after round {t}")
    sums = _by_place(run, _read_told(run, answers)["test"], places)
    return {**_hidden(run, answers), **as_lists(_scores(run, sums))}


def shared_model(run: RemoteRun, server: Any, t: int) -> Any:
    """The one model, with the statistics of all sites where it needs them; None without one."""
    shared = run.method.global_model(server)
    if shared is None or not isinstance(run.method, RecomputeStatistics):
        return shared
    requests = {
        place: run.request("observe", t, place, {"shared": shared}) for place in run.places.tolist()
    }
    answers = run.sites.request(requests, f"Statistics after round {t}")
    schemas = {"moments": BatchMoments(*(torch.zeros(0) for _ in BatchMoments._fields))}
    nothing = run.setup.problem.start_statistics
    moments = []
    for place, answer in answers.items():
        found = _read(run, place, answer, schemas).get("moments")
        if found is None:
            continue
        if possible_moments(found, nothing):
            moments.append(found)
        else:
            _remark_unused(run, place, "its statistics cannot be those of samples")
    if not moments:
        return None
    return run.method.together(shared, map_tree(lambda *rows: torch.stack(rows), *moments))


def possible_moments(moments: BatchMoments, start: Any) -> bool:
    """Whether they have a number for each channel, and none that cannot be."""
    shapes = {leaf.shape for leaf in moments}
    if shapes != {start.mean.shape} or not finite(moments):
        return False
    return bool((moments.variance >= 0).all() and (moments.values >= 0).all())


def _read_told(run: RemoteRun, answers: dict[int, Message]) -> Told:
    nothing = tree_of_sums(run.federation.task.nothing())
    form = [leaf.shape[1:] for leaf in leaves(nothing)]
    schemas = dict.fromkeys(("test", "validation", "shared"), nothing)
    told: Told = {part: {} for part in schemas}
    for place, answer in answers.items():
        for part, tree in _read(run, place, answer, schemas).items():
            if [leaf.shape for leaf in leaves(tree)] != form:
                why = f"it counts other things than the task {run.federation.task.name!r} does"
                _remark_unused(run, place, why)
                continue
            sums = sums_of(map_tree(lambda leaf: leaf[None], tree))
            contradiction = _contradiction(run, sums, part, place)
            if contradiction is not None:
                _remark_unused(run, place, contradiction)
            else:
                told[part][place] = sums
    return told


def _contradiction(run: RemoteRun, sums: Sums, part: str, place: int) -> str | None:
    """Why what a site tells of a part of its samples cannot be; None where it can."""
    told = sums._replace(own=np.zeros_like(sums.own))  # measures of the user's own may be untold
    if not all(bool(leaf.isfinite().all()) for leaf in leaves(tree_of_sums(told))):
        return "it counts numbers that are not finite"
    federation = run.federation
    lists = federation.validation if part == "validation" else federation.test
    return federation.task.contradiction(sums, int(lists.sizes[place]))


def _residuals(answers: dict[int, Message], places: list[int]) -> NDArray[np.float64]:
    """What each site tells of how far its model is from solved [N]; NaN where it tells nothing."""
    told = (answers[place].facts.get("residual") if place in answers else None for place in places)
    return np.array(
        [x if isinstance(x, float) and 0 <= x < math.inf else math.nan for x in told], np.float64
    )


def _hidden(run: RemoteRun, answers: dict[int, Message]) -> dict[str, list[str]]:
    """The names of the sites that do not tell how well models do, where there are any."""
    hidden = [place for place, answer in answers.items() if answer.facts.get("hidden")]
    return {"hidden": [run.sites.name(place) for place in hidden]} if hidden else {}


def _read(run: RemoteRun, place: int, answer: Message, schemas: dict[str, Any]) -> dict[str, Any]:
    try:
        return unpack(answer, schemas)
    except MessageError as error:
        _remark_unused(run, place, str(error))
        return {}


def _by_place(run: RemoteRun, told: dict[int, Sums], places: list[int]) -> Sums:
    """One group a place; nothing is counted where nobody answered."""
    nothing = run.federation.task.nothing()
    sums: Sums = stacked([told.get(place, nothing) for place in places])
    return sums


def _sum(run: RemoteRun, told: dict[int, Sums]) -> Sums:
    """All sites' samples as one group."""
    sums: Sums = added(stacked([run.federation.task.nothing(), *told.values()]))
    return sums


def _scores(run: RemoteRun, sums: Sums) -> Scores:
    return run.federation.task.scores(sums)


def _equal(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    pairs = list(zip(items(a), items(b), strict=True))
    return all(n == m and x.dtype == y.dtype and torch.equal(x, y) for (n, x), (m, y) in pairs)


def _remark_unused(run: RemoteRun, place: int, why: str) -> None:
    run.sites.remark(f"What {run.sites.name(place)} measured is not used: {why}.")
