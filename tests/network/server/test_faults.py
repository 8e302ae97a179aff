"""What goes wrong at a site is named, and the round goes on without it."""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from network_worlds import QUICK, Handler, Network
from unalike import InputError
from unalike.functional.trees import items, map_tree
from unalike.methods import METHODS
from unalike.network.protocol.flower_message import unwrap
from unalike.network.protocol.messages import FAILED, Message, MessageError, pack, unpack
from unalike.network.protocol.schemas import tree_of_sums
from unalike.network.server import sites
from unalike.network.site.trainer import VERBS
from worlds import blobs

SIZES = (12, 5, 20, 9)
LONGEST = 900.0
"""Seconds that anything may take on a busy machine."""


def network(folder: Path, name: str = "fedavg", **options: Any) -> Network:
    return Network(blobs(SIZES), METHODS[name](), folder, **options)


def changed(usual: Handler, change: Callable[[torch.Tensor], torch.Tensor]) -> Handler:
    """A site whose answer to `train` is another one."""

    def handle(message: Message) -> Message:
        answer = usual(message)
        if message.verb != "train":
            return answer
        up = unpack(answer, {"up": torch.zeros(0)})["up"]
        return pack("train", answer.facts, {"up": change(up)})

    return handle


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda up: up * torch.nan, "not finite"),
        (lambda up: up / 0, "not finite"),
        (lambda up: up[:-1], "it holds float64"),
        (lambda up: up.float(), "it holds float32"),
        (lambda up: 1e3 * up / up.norm(), "times the median"),
        (lambda up: -10 * up, "times the median"),
    ],
)
def test_answers_that_cannot_be_used(
    tmp_path: Path, change: Callable[[torch.Tensor], torch.Tensor], why: str
) -> None:
    here = network(tmp_path)
    here.handlers[2] = changed(here.handlers[2], change)
    history = here.train(2)
    without = Network(blobs(SIZES), METHODS["fedavg"](), tmp_path / "known")
    del without.grid.nodes[102]
    for r, known in zip(history, without.train(2), strict=True):
        assert r.rejected.tolist() == [2]
        assert r.dropped.tolist() == []
        assert r.cohort.ids.tolist() == [0, 1, 3]
        assert torch.equal(r.server, known.server)
        assert known.dropped.tolist() == [2]
    once = why == "not finite"  # a divergence, whose likely cause is the same in every round
    assert len(here.remarks()) == (1 if once else 2)
    assert "the answer of client 2 is not used" in here.remarks()[0]
    assert why in here.remarks()[0]
    assert ("step size too large" in here.remarks()[0]) == once


def test_an_answer_that_was_not_used_leaves_no_trace_in_the_private_state(tmp_path: Path) -> None:
    here = network(tmp_path, "scaffold")
    usual = here.handlers[2]

    def once(message: Message) -> Message:
        answer = usual(message)
        if message.verb == "train" and message.facts["t"] == 2:
            return pack("train", answer.facts | {"sound": False})
        return answer

    here.handlers[2] = once
    (_, second, third) = here.train(3)
    assert second.rejected.tolist() == [2]
    other = Network(blobs(SIZES), METHODS["scaffold"](), tmp_path / "other")
    (first,) = other.train(1)
    node = other.grid.nodes.pop(102)
    (alike,) = other.train(1, first.server, 2)
    other.grid.nodes[102] = node
    (again,) = other.train(1, alike.server, 3)
    for (_, a), (_, b) in zip(items(third.server), items(again.server), strict=True):
        assert torch.equal(a, b)
    assert here.clients.states.last.tolist() == [3, 3, 3, 3]


def test_a_full_disk_at_a_site_costs_one_round(tmp_path: Path) -> None:
    """What could not be written was not answered, and leaves no trace."""
    here = network(tmp_path / "full", "scaffold")
    store = here.trainers[2]._states
    usual = store.write

    def write(*_: Any) -> None:
        store.write = usual  # type: ignore[method-assign]
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store.write = write  # type: ignore[method-assign]
    first, second = here.train(2)
    assert (first.dropped.tolist(), second.dropped.tolist()) == ([2], [])
    assert "client 2 failed" in here.remarks()[0]
    assert os.strerror(errno.ENOSPC) in here.remarks()[0]
    known = network(tmp_path / "known", "scaffold")
    away = known.grid.nodes.pop(102)
    (alike,) = known.train(1)
    known.grid.nodes[102] = away
    (again,) = known.train(1, alike.server, 2)
    for (_, a), (_, b) in zip(items(second.server), items(again.server), strict=True):
        assert torch.equal(a, b)


def test_many_answers_in_a_row_that_were_not_used(tmp_path: Path) -> None:
    here = network(tmp_path, "scaffold")
    usual = here.handlers[2]

    def seldom(message: Message) -> Message:
        answer = usual(message)
        if message.verb == "train" and 1 < message.facts["t"] < 7:
            return pack("train", answer.facts | {"gradients": "many"})
        return answer

    here.handlers[2] = seldom
    history = here.train(7)
    assert [r.rejected.tolist() for r in history] == [[], *[[2]] * 5, []]
    assert len(here.remarks()) == 5
    assert sorted(path.name for path in (tmp_path / "2").iterdir()) == [
        "after-000001.safetensors",
        "after-000007.safetensors",
    ]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda correct: correct[:2], "counts other things"),
        (lambda correct: correct * torch.nan, "not finite"),
        (lambda correct: correct * 0 + 5, "its accuracy would be"),
    ],
)
def test_counts_that_cannot_be_used(tmp_path: Path, change: Callable[[Any], Any], why: str) -> None:
    here = network(tmp_path)
    usual = here.handlers[3]
    (r,) = here.train(1)

    def miscounting(message: Message) -> Message:
        answer = usual(message)
        nothing = tree_of_sums(here.world.federation.task.nothing())
        trees = unpack(answer, dict.fromkeys(("test", "validation", "shared"), nothing))
        test = trees["test"]
        tally = test.parts.tally
        tally = tally._replace(correct=change(tally.correct))
        changed = test._replace(parts=test.parts._replace(tally=tally))
        return pack("evaluate", {}, trees | {"test": changed})

    honest = here.clients.evaluate(r.server, 1, r.cohort).record
    here.handlers[3] = miscounting
    measured = here.clients.evaluate(r.server, 1, r.cohort).record
    assert measured["personal"]["accuracy"][:3] == honest["personal"]["accuracy"][:3]
    assert np.isnan(measured["personal"]["accuracy"][3])
    assert measured["global"] == honest["global"]
    assert why in here.remarks()[0]


def test_a_node_that_cannot_say_who_it_is_is_asked_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sites, "RETRY_SECONDS", 0.1)
    here = network(tmp_path, settings=replace(QUICK, patience=LONGEST))
    here.grid.nodes[777] = here.grid.nodes.pop(101)
    usual, verbs = here.handlers[1], []

    def not_yet(message: Message) -> Message:
        verbs.append(message.verb)
        if len(verbs) < 3:
            raise RuntimeError("still loading")
        return usual(message)

    here.handlers[1] = not_yet
    here.sites.wait_until(lambda: len(here.sites.nodes) == 4)
    assert verbs == ["describe"] * 3
    assert "Node 777 did not say who it is" in here.remarks()[0]


def raising(message: Message) -> Message:
    raise RuntimeError("out of memory")


def failing(message: Message) -> Message:
    return pack(FAILED, {"why": "the disk is full"})


def garbled(message: Message) -> Message:
    return Message("train", {"gradients": 1}, {"up": ["float64[7]"]}, b"123")


@pytest.mark.parametrize(
    ("handle", "said", "rejected"),
    [
        (raising, "client 1 failed: <class 'RuntimeError'>:<'out of memory'>", False),
        (failing, "client 1 failed: the disk is full", False),
        (garbled, "the answer of client 1 is not used: up is cut short", True),
    ],
)
def test_sites_that_fail(tmp_path: Path, handle: Handler, said: str, rejected: bool) -> None:
    here = network(tmp_path)
    here.handlers[1] = handle
    (r,) = here.train(1)
    assert r.cohort.ids.tolist() == [0, 2, 3]
    assert (r.rejected if rejected else r.dropped).tolist() == [1]
    assert said in here.remarks()[0]


def test_a_silent_site_is_waited_for_until_the_deadline(tmp_path: Path) -> None:
    here = network(tmp_path)
    here.grid.nodes[101] = lambda message: None
    (r,) = here.train(1)
    assert r.dropped.tolist() == [1]
    assert here.remarks() == ["Round 1: client 1 did not answer in time."]


def test_an_upload_that_never_ends_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = network(tmp_path)
    usual, let_go = here.grid.pull_messages, threading.Event()

    def stalled(names: Any) -> Any:
        messages = usual(names)
        if any(message.metadata.src_node_id == 101 for message in messages):
            let_go.wait(LONGEST)
        return messages

    monkeypatch.setattr(here.grid, "pull_messages", stalled)
    try:
        history = here.train(2)
    finally:
        let_go.set()
    for r in history:
        assert r.cohort.ids.tolist() == [0, 2, 3]
        assert r.dropped.tolist() == [1]
    assert here.remarks() == [f"Round {t}: client 1 did not answer in time." for t in (1, 2)]


def test_too_few_answers_are_waited_for_and_then_given_up(tmp_path: Path) -> None:
    here = network(tmp_path, settings=replace(QUICK, least=4, deadline=0.05, patience=LONGEST))
    usual, calls = here.grid.nodes[101], []

    def late(message: Any) -> Any:
        calls.append(message)
        return usual(message) if len(calls) > 2 else None

    here.grid.nodes[101] = late
    (r,) = here.train(1)
    assert r.dropped.tolist() == []
    assert len(calls) == 3
    waiting = [event for event in here.events if event["event"] == "waiting"]
    assert waiting[-1]["for"] == ["client 1"]
    here.grid.nodes[101] = lambda message: None
    here.sites.settings = replace(here.sites.settings, patience=0.1)
    with pytest.raises(InputError, match=r"Round 2: 3 of at least 4 sites .* Look after client 1"):
        here.train(1, r.server, 2)
    del here.grid.nodes[101]
    with pytest.raises(InputError, match=r"Only 3 of 4 sites were there .* missing: client 1"):
        here.train(1, r.server, 2)


def test_the_same_request_is_answered_once(tmp_path: Path) -> None:
    here = network(tmp_path, "scaffold")
    (r,) = here.train(1)
    trainer, request = here.trainers[0], Message.of(unwrap(here.grid.log[4][1]))
    assert request.verb == "train"
    first = trainer.train(request)
    trained = []
    usual = trainer.engine.train
    trainer.engine.train = lambda *args: trained.append(args) or usual(*args)  # type: ignore
    assert trainer.train(request) == first
    assert not trained
    fresh = here.trainer(0)
    assert fresh.train(request) == first
    other = pack("train", request.facts, {"down": map_tree(lambda w: w + 1, r.server)})
    assert trainer.train(other) != first
    assert len(trained) == 1


def test_with_local_privacy_no_round_is_answered_twice(tmp_path: Path) -> None:
    """Two answers with the same noise would give it away by their difference."""
    here = network(tmp_path)
    trainer = here.trainers[0]
    trainer._answers_once = True
    here.train(2)
    first = Message.of(unwrap(here.grid.log[4][1]))
    second = next(
        request
        for _, sent, _ in reversed(here.grid.log)
        if (request := Message.of(unwrap(sent))).verb == "train"
        and request.facts["run"]["row"] == 0
    )
    assert second.facts["t"] == 2
    assert trainer.train(second).verb == "train"
    other = pack("train", second.facts, {"down": here.start() + 1})
    with pytest.raises(MessageError, match="round 2 was answered already"):
        trainer.train(other)
    with pytest.raises(MessageError, match="no round is answered twice"):
        trainer.train(pack("train", first.facts, {"down": here.start() + 1}))


@pytest.mark.parametrize("name", ["scaffold", "fedrep", "ditto", "apfl"])
def test_private_state_survives_a_new_process_at_the_site(tmp_path: Path, name: str) -> None:
    known = network(tmp_path / "known", name).train(4)
    here = network(tmp_path / "here", name)
    server, history = here.start(), []
    for t in range(1, 5):
        history += here.train(1, server, t)
        server = history[-1].server
        here.trainers = {row: here.trainer(row) for row in here.trainers}
    for a, b in zip(known, history, strict=True):
        for (_, x), (_, y) in zip(items(a.server), items(b.server), strict=True):
            assert torch.equal(x, y)
    assert not here.remarks()


def test_a_server_one_round_behind_finds_the_states_that_it_needs(tmp_path: Path) -> None:
    here = network(tmp_path, "scaffold")
    first, second, third = here.train(3)
    for behind in (first, second):
        here.clients.run.last_used[:] = behind.t
        again = here.train(3 - behind.t, behind.server, behind.t + 1)
        for (_, a), (_, b) in zip(items(third.server), items(again[-1].server), strict=True):
            assert torch.equal(a, b)
    assert not here.remarks()


def test_a_lost_state_is_said_aloud(tmp_path: Path) -> None:
    here = network(tmp_path, "scaffold")
    first, second = here.train(2)
    for file in (tmp_path / "1").iterdir():
        file.unlink()
    here.trainers[1] = here.trainer(1)
    here.train(1, second.server, 3)
    assert here.remarks() == [
        "client 1 no longer has its private state of round 2 and has begun anew."
    ]
    assert first.t == 1


def test_a_site_that_runs_on_does_not_read_its_state(tmp_path: Path) -> None:
    known = network(tmp_path / "known", "scaffold").train(3)
    here = network(tmp_path / "here", "scaffold")
    _, second = here.train(2)
    for file in (tmp_path / "here" / "1").iterdir():
        file.unlink()
    (third,) = here.train(1, second.server, 3)
    assert not here.remarks()
    for (_, a), (_, b) in zip(items(known[-1].server), items(third.server), strict=True):
        assert torch.equal(a, b)


def test_a_damaged_state_is_no_state(tmp_path: Path) -> None:
    here = network(tmp_path, "scaffold")
    (first,) = here.train(1)
    (file,) = (tmp_path / "3").iterdir()
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    here.trainers[3] = here.trainer(3)
    here.train(1, first.server, 2)
    assert "client 3 no longer has its private state of round 1" in here.remarks()[0]


def test_few_states_are_kept(tmp_path: Path) -> None:
    here = network(tmp_path, "scaffold")
    here.train(6)
    kept = sorted(path.name for path in (tmp_path / "0").iterdir())
    assert kept == [f"after-{t:06d}.safetensors" for t in (4, 5, 6)]


def test_a_site_that_comes_back_through_another_node_goes_on(tmp_path: Path) -> None:
    here = network(tmp_path, "scaffold")
    known = network(tmp_path / "known", "scaffold").train(2)
    (first,) = here.train(1)
    here.grid.nodes[555] = here.grid.nodes.pop(101)
    here.trainers[1] = here.trainer(1)
    (second,) = here.train(1, first.server, 2)
    for (_, a), (_, b) in zip(items(known[1].server), items(second.server), strict=True):
        assert torch.equal(a, b)
    assert here.sites.nodes[1] == 555


def test_what_a_site_refuses_to_do(tmp_path: Path) -> None:
    here = network(tmp_path)
    facts, down = {"t": 1, "last": 0}, here.start()
    for request, why in (
        (pack("train", {}, {"down": down}), "names no round"),
        (pack("train", facts), "sent no model"),
        (pack("train", facts, {"down": down[1:]}), "but this model takes"),
        (pack("train", facts, {"down": down * torch.inf}), "not finite"),
        (pack("adapt", facts, {"down": down}), "no new client"),
    ):
        with pytest.raises(MessageError, match=why):
            VERBS[request.verb](here.trainers[0], request)


def test_a_site_joins_through_the_node_of_its_own_key(tmp_path: Path) -> None:
    keys = json.dumps({f"site {row}": str(100 + row) for row in (0, 1, 3)} | {"site 2": "103"})
    here = network(tmp_path, settings=replace(QUICK, keys=keys))
    assert sorted(here.sites.nodes) == [0, 1, 3]
    (refused,) = [event for event in here.events if event["event"] == "refused"]
    assert refused["site"] == "site 2"
    assert refused["why"] == "This site's key is unknown, so it cannot join as site 2."
    sent = here.grid.log[-1][1]
    assert sent.metadata.dst_node_id == 102
    assert Message.of(unwrap(sent)).facts["why"] == refused["why"]
    other = json.dumps({f"site {row}": str(100 + (row + 1) % 4) for row in range(4)})
    with pytest.raises(InputError, match="Only 0 of 4 sites"):
        network(tmp_path, settings=replace(QUICK, keys=other))


def test_a_new_key_is_admitted_while_the_study_goes_on(tmp_path: Path) -> None:
    nodes = {f"site {row}": str(100 + row) for row in (0, 1, 3)}
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(nodes))
    here = network(tmp_path, settings=replace(QUICK, keys=str(file)))
    assert sorted(here.sites.nodes) == [0, 1, 3]
    here.grid.nodes[555] = here.grid.nodes.pop(102)
    file.write_text(json.dumps(nodes | {"site 2": "555"}))
    here.sites.wait_until(lambda: 2 in here.sites.nodes)
    assert here.sites.nodes[2] == 555
    file.write_text("{}")
    del here.grid.nodes[555]
    here.grid.nodes[556] = here.grid.nodes.pop(103)
    here.sites.refresh()
    here.sites.refresh()
    assert sorted(here.sites.nodes) == [0, 1]


@pytest.mark.parametrize(
    "name",
    ["[/x]", "[bold red]", "\x1b[2J", "a\nb", "x" * 100_000, "", ".", "\u202eevil", "Zürich"],
)
def test_a_stranger_with_an_odd_name_is_refused_in_a_sentence(tmp_path: Path, name: str) -> None:
    here = network(tmp_path)
    usual = here.handlers[1]

    def handle(message: Message) -> Message:
        answer = usual(message)
        if message.verb != "describe":
            return answer
        return pack("describe", {**answer.facts, "name": name})

    here.grid.nodes[555] = here.grid.nodes[101]
    here.handlers[1] = handle
    here.sites.refresh()
    refused = [event for event in here.events if event["event"] == "refused"]
    assert [event["site"] for event in refused] == ["node 555"]
    assert "give it a --name of letters" in refused[0]["why"]
    assert len(refused[0]["why"]) < 300
    assert refused[0]["why"].isascii()
    assert refused[0]["why"].isprintable()
