"""The fastest plan, found by the first rounds themselves."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
import torch

from unalike.engines.plan import Plan, candidate_plans
from unalike.engines.plan_search import PlanMemory, PlanSearch, cache_folder
from unalike.functional.trees import leaves
from unalike.methods import Ditto
from unalike.rounds import rounds
from worlds import blobs


def tried(search: PlanSearch, seconds: dict[Plan, float]) -> list[Plan]:
    """The plans of the rounds until the search is settled."""
    followed = []
    while not search.settled:
        followed.append(search.plan)
        search.note(seconds[search.plan], 1)
    return followed


def stacked(chunk: int, threads: int = 1) -> Plan:
    return Plan("stacked", chunk, threads)


def test_candidates_keep_what_is_given() -> None:
    assert candidate_plans("stacked", 40, most_threads=2) == [
        [stacked(40), stacked(20), stacked(10)],
        [stacked(20, 2), stacked(10, 2), stacked(5, 2)],
    ]
    assert candidate_plans("stacked", 40, chunk=3, threads=2, most_threads=2) == [[stacked(3, 2)]]
    assert candidate_plans("single", 40, most_threads=2) == [
        [Plan("single", 1, 1)],
        [Plan("single", 1, 2)],
    ]
    assert candidate_plans("stacked", 3, most_threads=2, compiled=True) == [
        [Plan("stacked", 3, 1, compiled=True)]
    ]


def test_a_pinned_plan_is_not_searched_for() -> None:
    search = PlanSearch(candidate_plans("stacked", 40, chunk=3, threads=2))
    assert search.settled
    assert search.plan == stacked(3, 2)


def test_the_fastest_plan_wins_and_worse_directions_are_left() -> None:
    families = candidate_plans("stacked", 40, most_threads=2)
    seconds = {
        stacked(40): 2.0,
        stacked(20): 3.0,
        stacked(20, 2): 1.5,
        stacked(10, 2): 1.0,
        stacked(5, 2): 1.2,
    }
    search = PlanSearch(families)
    followed = tried(search, seconds)
    assert followed == [plan for plan in seconds for _ in range(2)]
    assert search.plan == stacked(10, 2)


def test_time_is_counted_by_the_work_of_the_round() -> None:
    search = PlanSearch([[stacked(8), stacked(4)]])
    for seconds, gradients in ((4.0, 100), (9.0, 100), (0.1, 1), (0.3, 5)):
        search.note(seconds, gradients)
    assert search.settled
    assert search.plan == stacked(8)


def test_a_search_changes_no_bit_of_the_rounds() -> None:
    world, ends = blobs(sizes=(12, 1, 30, 7, 20, 5, 9, 9)), []
    for searched in (True, False):
        engine = world.engine(Ditto(), plan=stacked(64), batch_size=4)
        if searched:
            search = PlanSearch(candidate_plans("stacked", 8, most_threads=2))
            engine.search(search)
            assert engine.plan == stacked(8)
        server = Ditto().init_server(engine.problem, engine.w, engine.population)
        *_, last = islice(rounds(Ditto(), engine, server, cohort=8, seed=0), 8)
        if searched:
            assert search.settled
            assert engine.plan == search.plan
        ends.append((last.server, engine.states))
    for one, other in zip(ends[0], ends[1], strict=True):
        assert all(map(torch.equal, leaves(one), leaves(other)))


def test_what_was_found_is_remembered_for_the_same_work_alone(tmp_path: Path) -> None:
    families = [[stacked(8), stacked(4)]]
    search = PlanSearch(families, PlanMemory("work", 1, folder=tmp_path))
    tried(search, {stacked(8): 2.0, stacked(4): 1.0})
    again = PlanSearch(families, PlanMemory("work", 1, folder=tmp_path))
    assert again.settled
    assert again.plan == stacked(4)
    assert not PlanSearch(families, PlanMemory("work", 2, folder=tmp_path)).settled
    assert not PlanSearch(
        [[stacked(8), stacked(2)]], PlanMemory("work", 1, folder=tmp_path)
    ).settled
    (file,) = tmp_path.iterdir()
    file.write_text("as fast as you can")
    assert not PlanSearch(families, PlanMemory("work", 1, folder=tmp_path)).settled


def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert cache_folder() == blocked / "unalike" / "plans"
    search = PlanSearch([[stacked(8), stacked(4)]], PlanMemory("work", folder=cache_folder()))
    tried(search, {stacked(8): 1.0, stacked(4): 2.0})
    assert search.plan == stacked(8)
    assert list(tmp_path.iterdir()) == [blocked]
