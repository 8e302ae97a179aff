"""What is searched of each method."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import pytest
from annotated_types import Ge

from unalike.core import Method
from unalike.core.search_range import FURTHER, KEY, STEP_SIZE, SearchRange
from unalike.errors import InputError
from unalike.methods import METHODS
from unalike.study.method_settings import build_method
from unalike.tuning.search_space import Axis, search_ranges, search_space

WITHOUT_KEY = {"local", "centralised", "fedper", "lg_fedavg", "fedbn", "fedmtl", "per_fedavg"}
"""Methods all of whose numbers are step sizes, or lengths of a newcomer's training."""
WITHOUT_STEP = {"pfedme"}
"""Methods whose steps follow from their key hyper-parameter."""


@dataclass(frozen=True)
class Many(Method):
    name: ClassVar[str] = "many"
    other: Annotated[float, SearchRange(0.1, 10, priority=FURTHER)] = 1.0
    second_lr: Annotated[float, SearchRange(0.1, 10, priority=STEP_SIZE)] = 1.0
    key: Annotated[int, Ge(1), SearchRange(1, 4, log=False)] = 2
    lr: Annotated[float | None, SearchRange(0.01, 1, priority=STEP_SIZE)] = None
    plain: float = 1.0


def space(cls=Many, *, fixed=None, ranges=None, trials=16):
    return search_space(cls, "many", fixed=fixed or {}, ranges=ranges or {}, trials=trials)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_s_ranges_hold_its_default_and_keep_its_bounds(name: str) -> None:
    found = search_space(METHODS[name], name, fixed={}, ranges={}, trials=1000)
    for axis in found.axes:
        assert axis.default is None or axis.low <= axis.default <= axis.high, axis
        for place in (0.0, 1.0):
            build_method(METHODS[name], {axis.name: axis.value(place)})
    kinds = {range_.priority for range_ in search_ranges(METHODS[name]).values()}
    assert (KEY in kinds) is (name not in WITHOUT_KEY)
    assert (STEP_SIZE in kinds) is (name not in WITHOUT_STEP)
    assert found.first == {}


def test_a_step_size_and_the_key_come_first_and_few_trials_search_little() -> None:
    def names(trials: int) -> list[str]:
        return [axis.name for axis in space(trials=trials).axes]

    assert names(4) == ["second_lr", "key"]
    assert names(16) == ["second_lr", "key", "lr"]
    assert names(64) == ["second_lr", "key", "lr", "other"]


def test_places_are_even_in_the_logarithm_and_whole_numbers_alike_often() -> None:
    axis = Axis("lr", 0.01, 1, log=True, whole=False, priority=STEP_SIZE, default=0.1)
    assert [axis.value(place) for place in (0, 0.25, 0.5, 1)] == [0.01, 0.0316, 0.1, 1.0]
    assert axis.place(0.1) == pytest.approx(0.5)
    whole = Axis("key", 1, 4, log=False, whole=True, priority=KEY, default=2)
    counts = np.bincount([whole.value((k + 0.5) / 400) for k in range(400)])
    assert counts.tolist() == [0, 100, 100, 100, 100]
    assert all(isinstance(whole.value(place), int) for place in (0.0, 0.3, 1.0))


def test_what_is_fixed_is_not_searched_and_the_user_s_ranges_win() -> None:
    found = space(fixed={"lr": 0.3}, ranges={"plain": (0.5, 2.0), "key": (3, 9)}, trials=16)
    axes = {axis.name: axis for axis in found.axes}
    assert set(axes) == {"second_lr", "key", "plain"}
    assert (axes["key"].low, axes["key"].high) == (3, 9)
    assert axes["key"].value(1.0) == 9
    assert found.first == {"key": 3}  # the default, 2, lies outside


@pytest.mark.parametrize(
    ("ranges", "fixed", "said"),
    [
        ({"key": (2, 3)}, {"key": 2}, "key = 2 is given for many and stays as it is"),
        ({"key": (3, 2)}, {}, "the first must be below the second"),
        ({"kee": (2, 3)}, {}, "did you mean 'key'"),
        ({"lr": (0, 1)}, {}, "must begin above 0"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(ranges, fixed, said) -> None:
    with pytest.raises(InputError, match=said):
        space(ranges=ranges, fixed=fixed)


def test_the_outermost_tenth_is_the_edge_but_a_default_is_nobody_s_choice() -> None:
    found = space()
    ends = found.at_edge({"second_lr": 9.0, "lr": 0.3, "key": 4})
    assert [(axis.name, end) for axis, end in ends] == [("second_lr", "upper"), ("key", "upper")]
    assert found.at_edge({"second_lr": 1.0, "lr": 0.1, "key": 3}) == []
    assert [end for _, end in found.at_edge({"lr": 0.011})] == ["lower"]
    assert space(ranges={"key": (2, 5)}).at_edge({"key": 2}) == []


def test_a_space_that_is_narrowed_leaves_out_what_has_one_value_left() -> None:
    found = space()
    narrowed = {axis.name: axis.high for axis in found.up_to("key", 3).axes}
    assert narrowed == {axis.name: 3 if axis.name == "key" else axis.high for axis in found.axes}
    assert [axis.name for axis in found.up_to("key", 1).axes] == ["second_lr", "lr"]
