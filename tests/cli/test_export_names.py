"""The files that `unalike export --client all` writes."""

from __future__ import annotations

from unalike.cli.export import file_names


def test_names_are_those_of_clients_where_they_can_be() -> None:
    assert file_names(["Köln", "b-1", "c/d"]) == ["Köln", "b-1", "c_d"]


def test_names_that_would_be_alike_are_numbered() -> None:
    assert file_names(["a b", "a_b", "A_b", "1-a_b"]) == ["1-a_b", "2-a_b", "3-A_b", "4-1-a_b"]
