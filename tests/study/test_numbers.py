"""Numbers that mean nothing are refused wherever they can be given, before anything is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from command_line import unalike
from unalike import Federation, InputError, advise, diagnose
from unalike.data.skews.registry import parse_skews
from unalike.methods import METHODS
from unalike.privacy import parse_privacy
from unalike.study.method_settings import build_method
from unalike.study.settings import make_study
from unalike.weighting.weights import parse

NAN, INFINITE = float("nan"), float("inf")


def federation(**settings: Any) -> Federation:
    y = np.tile([0, 1], 20)
    return Federation.from_arrays(np.ones((40, 2)), y, np.repeat(["a", "b"], 20), **settings)


@pytest.mark.parametrize("value", [NAN, INFINITE, -INFINITE])
@pytest.mark.parametrize(
    "name",
    [
        "alpha",
        "sigma",
        "exponent",
        "new_clients",
        "validation",
        "test",
        "cohort",
        "dropout",
        "rounds",
    ],
)
def test_settings_are_finite(name: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{name} = "):
        make_study({name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cohort", 1.5),
        ("cohort", 0),
        ("cohort", -3),
        ("new_clients", 150),
        ("validation", 20),
        ("test", 1),
        ("dropout", 100),
        ("rounds", 2.5),
        ("seeds", 0),
    ],
)
def test_shares_and_counts_are_such(name: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{name} = "):
        make_study({name: value})


@pytest.mark.parametrize("value", [0.5, 1, 1.0, 2, 10.0])
def test_a_share_or_a_whole_number_is_a_cohort(value: float) -> None:
    assert make_study({"cohort": value}).cohort == value


NUMBERS = [
    (name, field)
    for name, cls in sorted(METHODS.items())
    for field, kind in cls.__dataclass_fields__.items()
    if isinstance(kind.default, float)
]


@pytest.mark.parametrize("value", ["nan", NAN, INFINITE, "-inf"])
def test_hyper_parameters_are_finite(value: float | str) -> None:
    assert len(NUMBERS) > 50
    for method, name in NUMBERS:
        if (method, name, value) == ("cfl", "eps2", INFINITE):
            build_method(METHODS[method], {name: value})
            continue
        with pytest.raises(InputError, match=name):
            build_method(METHODS[method], {name: value})


@pytest.mark.parametrize(
    "skew",
    [
        "noise:level=nan",
        "noise:level=inf",
        "rotation:spread=nan",
        "label:alpha=inf",
        "teachers:difference=nan",
        "noise:groups=1.5",
    ],
)
def test_skews_are_finite(skew: str) -> None:
    with pytest.raises(InputError):
        parse_skews([skew])


@pytest.mark.parametrize(
    "text",
    [
        "central:clip=nan,noise=1",
        "central:clip=1,noise=nan",
        "central:clip=1,noise=inf",
        "local:clip=1,noise=1,delta=nan",
        "local:clip=1,noise=1,delta=150",
    ],
)
def test_privacy_is_finite(text: str) -> None:
    with pytest.raises(InputError, match="Privacy"):
        parse_privacy(text)


@pytest.mark.parametrize(
    "text", ["capped:nan", "capped:inf", "power:nan", "noisy:inf", "capped:20"]
)
def test_weights_are_finite(text: str) -> None:
    with pytest.raises(InputError, match="Weights"):
        parse(text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("test", NAN),
        ("test", 20),
        ("validation", NAN),
        ("new_clients", INFINITE),
        ("new_clients", 150),
        ("seed", 1.5),
        ("min_size", NAN),
    ],
)
def test_federations_are_dealt_by_finite_numbers(name: str, value: float) -> None:
    with pytest.raises(InputError, match=name.replace("_", ".")):
        federation(**{name: value})


ENTRIES: list[tuple[Callable[..., Any], dict[str, Any]]] = [
    (diagnose, {"level": NAN}),
    (diagnose, {"level": 5}),
    (diagnose, {"level": 0}),
    (diagnose, {"shuffles": 0.5}),
    (diagnose, {"shuffles": INFINITE}),
    (advise, {"folds": NAN}),
    (advise, {"folds": 2.5}),
    (advise, {"budget": NAN}),
    (advise, {"budget": -1}),
    (advise, {"seed": -1}),
    (advise, {"rounds": INFINITE}),
]


@pytest.mark.parametrize(("entry", "given"), ENTRIES)
def test_diagnose_and_advise(entry: Callable[..., Any], given: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"{next(iter(given))} = "):
        entry(federation(), **given)


@pytest.mark.parametrize(
    "options",
    [
        ("compare", "--alpha", "nan"),
        ("compare", "--alpha", "inf"),
        ("compare", "--cohort", "1.5"),
        ("compare", "--validation", "20"),
        ("compare", "--set", "fedprox.mu=nan"),
        ("compare", "--jobs", "0"),
        ("compare", "--backend", "loki"),
        pytest.param(("compare", "--backend", "dask:tcp://127.0.0.1:1"), marks=pytest.mark.slow),
        ("compare", "--shard", "4/3"),
        ("compare", "--shard", "0.5"),
        ("diagnose", "--level", "nan"),
        ("advise", "--cohort", "nan"),
    ],
)
def test_the_command_line(options: tuple[str, ...], tmp_path: Any, capsys: Any) -> None:
    out = tmp_path / "out"
    given = [*options, "--data", "digits", "--out", out]
    if options[0] == "compare":
        given += ["--methods", "fedavg", "--model", "logistic", "--clients", 5]
    assert unalike(*given) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert not out.exists()
