"""What is measured after a round when the samples are elsewhere: sites count, the server adds up.

The same three accuracies as in a simulation, of those sites that tell theirs; `hidden` names the
others. The dissimilarity of gradients is not taken: every site would have to send its gradient.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from unalike.core.buffers import RecomputeStatistics
from unalike.engines.local import messages_for
from unalike.functional.forward_pass import BatchMoments
from unalike.functional.trees import items, map_tree
from unalike.measures.accuracy import Scores, Tally, scores_of
from unalike.network.protocol.messages import MessageError, Parcel, unpack
from unalike.network.protocol.schemas import EMPTY_COUNTS, tally_of
from unalike.study.evaluate import first, plain

if TYPE_CHECKING:
    from .remote_clients import FlowerClients

Counted = dict[str, dict[int, Tally]]
"""part -> place -> counts"""


def evaluate(clients: FlowerClients, server: Any, t: int) -> dict[str, Any]:
    """Everything measured after round t, as plain values for the run's store."""
    places, method = clients.places.tolist(), clients.method
    downs = messages_for(method.deliver, server, torch.arange(len(places)))
    shared = _equipped(clients, method.global_model(server), t)
    letters = {}
    for at, place in enumerate(places):
        down = map_tree(lambda leaf, at=at: leaf[at], downs)
        if shared is not None and _same(down, shared):
            letters[place] = clients.question("evaluate", t, place, {"down": down}, same=True)
        else:
            trees = {"down": down} if shared is None else {"down": down, "shared": shared}
            letters[place] = clients.question("evaluate", t, place, trees)
    answers = clients.attendance.ask(letters, f"Measuring after round {t}")
    counted = _counted(clients, answers)
    result = {
        **_hidden(clients, answers),
        "personal": plain(_scores(clients, _rows(clients, counted["test"], places))),
        "validation": first(_scores(clients, _sum(clients, counted["validation"]))),
    }
    if shared is not None:
        result["global"] = first(_scores(clients, _sum(clients, counted["shared"])))
    return result


def evaluate_new(clients: FlowerClients, server: Any, t: int) -> dict[str, Any]:
    """Scores of the clients that never trained, one value a client."""
    places = clients.new_places.tolist()
    down = clients.method.introduce(server)
    letters = {place: clients.question("adapt", t, place, {"down": down}) for place in places}
    answers = clients.attendance.ask(letters, f"New clients after round {t}")
    rows = _rows(clients, _counted(clients, answers)["test"], places)
    return {**_hidden(clients, answers), **plain(_scores(clients, rows))}


def _equipped(clients: FlowerClients, shared: Any, t: int) -> Any:
    """The one model, with the statistics of all sites where it needs them."""
    if shared is None or not isinstance(clients.method, RecomputeStatistics):
        return shared
    letters = {
        place: clients.question("observe", t, place, {"shared": shared})
        for place in clients.places.tolist()
    }
    answers = clients.attendance.ask(letters, f"Statistics after round {t}")
    like = {"moments": BatchMoments(*(torch.zeros(0) for _ in BatchMoments._fields))}
    read = [_read(clients, place, answer, like) for place, answer in answers.items()]
    found = [trees["moments"] for trees in read if "moments" in trees]
    if not found:
        return None
    return clients.method.together(shared, map_tree(lambda *rows: torch.stack(rows), *found))


def _counted(clients: FlowerClients, answers: dict[int, Parcel]) -> Counted:
    classes = clients.federation.classes
    likes = dict.fromkeys(("test", "validation", "shared"), EMPTY_COUNTS)
    found: Counted = {part: {} for part in likes}
    for place, answer in answers.items():
        for part, tree in _read(clients, place, answer, likes).items():
            counts = tally_of(map_tree(lambda leaf: leaf[None], tree))
            shapes = [column.shape for column in counts]
            if shapes != [(1,), (1,), *[(1, classes)] * 3]:
                _not_used(clients, place, f"it does not count {classes} classes")
            elif not np.isfinite(counts.size) or not np.isfinite(counts.hits).all():
                _not_used(clients, place, "it counts numbers that are not finite")
            else:
                found[part][place] = counts
    return found


def _hidden(clients: FlowerClients, answers: dict[int, Parcel]) -> dict[str, list[str]]:
    """The names of the sites that do not tell their accuracy, where there are any."""
    hiding = [place for place, answer in answers.items() if answer.facts.get("hidden")]
    return {"hidden": [clients.attendance.name(place) for place in hiding]} if hiding else {}


def _read(
    clients: FlowerClients, place: int, answer: Parcel, likes: dict[str, Any]
) -> dict[str, Any]:
    try:
        return unpack(answer, likes)
    except MessageError as error:
        _not_used(clients, place, str(error))
        return {}


def _rows(clients: FlowerClients, counted: dict[int, Tally], places: list[int]) -> Tally:
    """One group a place; nothing is counted where nobody answered."""
    nothing = _nothing(clients)
    return Tally(
        *(
            np.concatenate(columns)
            for columns in zip(*(counted.get(place, nothing) for place in places), strict=True)
        )
    )


def _sum(clients: FlowerClients, counted: dict[int, Tally]) -> Tally:
    """All sites' samples as one group."""
    parts = [_nothing(clients), *counted.values()]
    return Tally(*(np.sum(columns, axis=0) for columns in zip(*parts, strict=True)))


def _nothing(clients: FlowerClients) -> Tally:
    classes = clients.federation.classes
    return Tally(np.zeros(1), np.zeros(1), *(np.zeros((1, classes)) for _ in range(3)))


def _scores(clients: FlowerClients, counted: Tally) -> Scores:
    return scores_of(counted, many_labels=clients.federation.task == "labels")


def _same(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    pairs = list(zip(items(a), items(b), strict=True))
    return all(n == m and x.dtype == y.dtype and torch.equal(x, y) for (n, x), (m, y) in pairs)


def _not_used(clients: FlowerClients, place: int, why: str) -> None:
    name = clients.attendance.name(place)
    text = f"What {name} measured is not used: {why}."
    clients.attendance.tell({"event": "remark", "text": text})
