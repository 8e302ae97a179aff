"""What is said of clients that do not tell their accuracy."""

import math

from unalike.results.hidden_clients import hidden_clients, hidden_remarks


def test_whoever_did_not_tell_is_named_once() -> None:
    records = [
        {"round": 1},
        {"round": 2, "evaluation": {"hidden": ["west"]}},
        {"round": 3, "evaluation": {"hidden": ["west", "east"], "new": {"hidden": ["new"]}}},
        {"round": 4, "evaluation": {"new": {"accuracy": [0.5]}}},
    ]
    assert hidden_clients(records) == ("east", "new", "west")
    assert hidden_clients(records[:1]) == ()


def test_what_is_said() -> None:
    assert hidden_remarks((), 5, [math.nan]) == []
    (some,) = hidden_remarks(("east", "west"), 5, [math.nan, 0.5])
    assert some.startswith("2 of 5 clients keep their accuracy hidden (east and west): averages")
    (everybody,) = hidden_remarks(("east",), 5, [math.nan])
    assert everybody.startswith("No client tells its accuracy")
