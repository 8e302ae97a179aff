"""Whose samples fit together: what most sites say holds, what the study says holds first."""

from __future__ import annotations

from typing import Any

import pytest

from unalike.data.reading.label_evidence import LabelEvidence
from unalike.errors import InputError
from unalike.network.protocol.preparation import SampleDescription
from unalike.network.server.sample_format import common_format, unlike_the_others
from unalike.study.roster import SampleFormat
from unalike.study.settings import make_study


def described(*names: str, **more: Any) -> SampleDescription:
    labels = LabelEvidence(label="y", names=names or ("a", "b"), **more.pop("labels", {}))
    return SampleDescription(**{"columns": ("age", "dose"), "labels": labels, **more})


def agreed(*sites: SampleDescription, **study: Any) -> tuple[SampleFormat, dict[int, str]]:
    return common_format(dict(enumerate(sites)), make_study({"data": "own", **study}), 100)


def test_most_decide_and_a_tie_goes_to_the_study() -> None:
    found, why = agreed(described(scale="robust"), described(), described(scale="none"))
    assert (found.settings.scale, list(why)) == ("robust", [2])
    assert "another --scale" in why[2]
    found, why = agreed(described(scale="robust"), described(scale="none"), scale="none")
    assert (found.settings.scale, list(why)) == ("none", [0])


def test_tasks_that_contradict_each_other() -> None:
    numbers = {"labels": {"numbers": True}}
    found, why = agreed(
        described("1", "2", task="regression", **numbers),
        described("3", "4", **numbers),
        described("5", "6", task="classes", **numbers),
    )
    assert (found.task, list(why)) == ("regression", [2])


def test_the_study_says_which_class_is_yes() -> None:
    sites = (described("disease", "normal"), described("normal"))
    assert agreed(*sites)[0].class_names == ("disease", "normal")
    assert agreed(*sites, positive="disease")[0].class_names == ("normal", "disease")
    with pytest.raises(InputError, match="did you mean 'disease'"):
        agreed(*sites, positive="diseased")


def test_many_whole_numbers_of_all_sites_may_be_counts() -> None:
    """The kind: no site alone holds more than ten of them."""
    numbers = {"labels": {"numbers": True, "typed": True}}
    sites = [described(*map(str, range(at, at + 8)), **numbers) for at in (0, 6, 12)]
    with pytest.raises(InputError, match=r"20 different whole numbers, 0 to 19.*--task counts"):
        agreed(*sites)
    assert agreed(*sites, task="counts")[0].task == "counts"
    assert agreed(sites[0])[0].task == "classes"


def test_what_a_single_site_says_of_a_column_holds_for_all() -> None:
    found, why = agreed(described(kinds={"age": "category"}), described(), columns={"dose": "date"})
    assert found.settings.kinds == {"age": "category", "dose": "date"}
    assert not why


def test_columns_that_the_study_speaks_of_must_be_there() -> None:
    for study in ({"drop": ("aeg",)}, {"columns": {"aeg": "number"}}):
        with pytest.raises(InputError, match="did you mean 'age'"):
            agreed(described(), described(), **study)


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ({"columns": ("age", "age", "dose")}, "Two columns of this site have one name"),
        ({"columns": ("age", "d" * 300)}, "more than 200 letters"),
        ({"columns": (), "shape": (10**6, 10**6)}, "too large"),
        ({"columns": (), "shape": (4,)}, "arrays, samples of shape"),
        ({"labels": {"parted": True, "numbers": True}}, "holds quantities"),
    ],
)
def test_before_and_after_the_beginning_the_same_do_not_fit(
    odd: dict[str, Any], words: str
) -> None:
    found, why = agreed(described(), described(), described(**odd))
    assert list(why) == [2]
    assert words in why[2]
    assert words in (unlike_the_others(described(**odd), found) or "")
    assert unlike_the_others(described("b"), found) is None


def test_nobody_is_left() -> None:
    with pytest.raises(InputError, match=r"No site's samples can be used: .* too large"):
        agreed(described(columns=(), shape=(10**6, 10**6)))
