"""When a number counts as reproduced, and what is said where it does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from unalike.ledger import Cell, Claim, PublishedTable, Run, cell_verdicts, claim_verdicts, summary
from unalike.ledger.stored_runs import StoredRun, measured
from unalike.ledger.table import Best, Measured

SPREAD = Cell("a", "score", 10.0, spread=0.5)
TOLERANCE = Cell("b", "score", 20.0, tolerance=1.0)


def nothing(settings: Mapping[str, object], seed: int, data_dir: str | None) -> dict[str, float]:
    raise AssertionError("nobody asked for a run")


def table(**changes: object) -> PublishedTable:
    """Two rows of two seeds."""
    usual = PublishedTable(
        name="toy",
        title="A toy",
        source="nobody",
        protocol="none",
        columns={"score": "a number"},
        runs=tuple(Run(row, seed, {"row": row}) for row in "ab" for seed in range(2)),
        measure=nothing,
        cpu_minutes=1,
        cells=(SPREAD, TOLERANCE),
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


def found(**rows: list[float]) -> Measured:
    return Measured({(row, "score"): values for row, values in rows.items()})


@pytest.mark.parametrize(
    ("values", "reproduced"),
    [([10.0, 11.0], True), ([10.4, 10.8], False), ([9.5, 9.5], True), ([9.4, 9.5], False)],
)
def test_inside_is_the_mean_within_the_published_spread(
    values: list[float], reproduced: bool
) -> None:
    first = cell_verdicts(table(), found(a=values))[0]
    assert first.reproduced is reproduced
    assert bool(first.why) is not reproduced
    assert first.seeds == 2


def test_outside_says_by_how_much_and_why() -> None:
    known = table(reasons={("b", "score"): "other images"})
    below, unknown = (cell_verdicts(t, found(b=[18.0, 18.5]))[1] for t in (known, table()))
    assert below.why == "0.75 below the tolerance: other images"
    assert unknown.why == "0.75 below the tolerance: the reason has not been told apart"
    above = cell_verdicts(table(), found(a=[11.0, 11.0]))[0]
    assert above.why.startswith("0.50 above the published spread")
    assert above.deviation == 0


def test_what_was_not_run_has_no_verdict() -> None:
    assert [v.reproduced for v in cell_verdicts(table(), found(a=[10.0, 10.0]))] == [True, None]
    (half, _) = cell_verdicts(table(), found(a=[99.0]))
    assert (half.ours, half.deviation, half.reproduced, half.why) == (99.0, None, None, "")
    claim = Claim("a below b", lambda m: m.mean("a", "score") < m.mean("b", "score"), ("a", "b"))
    claims = table(claims=(claim,))
    for values, holds in (
        ({"a": [1.0, 1.0]}, None),
        ({"a": [1.0], "b": [2.0, 2.0]}, None),
        ({"a": [1.0, 1.0], "b": [2.0, 2.0]}, True),
        ({"a": [2.0, 2.0], "b": [1.0, 1.0]}, False),
    ):
        assert claim_verdicts(claims, found(**values))[0].reproduced is holds


def test_summary_counts_references_apart() -> None:
    reference = replace(TOLERANCE, origin="reference")
    both = table(cells=(SPREAD, reference))
    assert summary(both, found()) == "not run yet"
    assert summary(both, found(a=[12.0] * 2, b=[20.0] * 2)) == (
        "0 of 1 published number reproduced, 1 of 1 reference number reproduced"
    )


def stored(row: str, value: float | None) -> StoredRun:
    values = {"other": 1.0} if value is None else {"score": value}
    return StoredRun(row, 0, {}, values, 1.0, "2026-01-01", {})


def test_the_best_of_a_sweep_is_the_lowest_once_all_are_done() -> None:
    sweep = table(best=(Best("best", ("a", "b", "c"), "score"),))
    some = measured(sweep, [stored("a", 3.0), stored("b", 2.0)])
    assert not some.has("best", "score")
    failed = measured(sweep, [stored("a", 3.0), stored("b", 2.0), stored("c", None)])
    assert failed.mean("best", "score") == 2.0
    none = measured(sweep, [stored(row, None) for row in "abc"])
    assert not none.has("best", "score")
