"""The page of what `benchmarks.faults` has measured."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from unalike.engines.machine import cores

INTRODUCTION = """# A federation among faults

Written by `python -m benchmarks.faults`, which says how the measures are taken. Faults are drawn
at random, in random order and at random sites, over studies that go on meanwhile: FedRep on digits,
dealt to five sites in processes of their own (join, worker, one-process node), behind a gate with
TLS and keys, three of which must answer in each round. All run on one machine, over the loopback
interface only.
"""
FOUND = """
## Found and mended

- Flower's helper that starts studies ended when its server's database was busy, and the study
  that was submitted anew was never started. That federation had seen 14 faults and is not in the
  table; its server is started anew now.
- Answers that came shortly before the deadline were not fetched any more.
- A site's mark of 20 MB, 200,000 classes, verbs and counts without limit were taken; a message
  nested without end raised an error that nothing expected; noise at the port wrote to the keeper's
  terminal.
- A line that was cut during a handshake was taken for a server without TLS, and the site left for
  good: two of the sites above. A server that has answered before is waited for now.

The first three federations were compared with a simulation that stacks clients, whose sums round
otherwise, and in 120 rounds such differences grow; the others with one that goes client by client,
as sites do.

Since then the study's process loads while Flower's server starts, and is begun by a process of its
own. With it 60 more faults, three of each kind, at a deadline of 10 s and a load of 1 to 6: 2 of 2
federations ended, 10 of 10 sites left by themselves, no needless restart, 0 of 1,200 answers of
healthy sites lost, at most 0.4 s beyond the deadline. In one of them models and accuracies were the
simulation's bit for bit. In the other an answer 100 times as long was used, since the site's own
were shorter than the others' and 50 times the median were allowed here (8 are, without an option):
21 of 103 accuracies differed from there on, and parameters by 0.025. Such answers are made 1,000
times as long now; the same faults again, for 56 rounds, gave the simulation's numbers.
"""
MEMORY = 200.0
"""MiB above rest that a hostile input may cost."""
LATE = 5.0
"""Seconds beyond the deadline that a round may take."""


def page(kept: Sequence[dict[str, Any]]) -> str:
    """Of everything that was kept."""
    federations = [one for one in kept if "faults" in one]
    hostile = [one["hostile"] for one in kept if "hostile" in one]
    parts = [INTRODUCTION]
    if federations:
        parts += [_measures(federations), _kinds(federations)]
    if hostile:
        parts.append(_hostile(hostile[-1]))
    parts.append(FOUND)
    return "\n".join(parts)


def _measures(federations: list[dict[str, Any]]) -> str:
    faults = [fault for one in federations for fault in one["faults"]]
    rounds = sum(one["rounds"] for one in federations)
    ended = [one for one in federations if one["ended"]]
    deadlines = sorted({one["deadline"] for one in federations})
    late = max(one["longest"] - one["deadline"] for one in federations)
    again = sum(one["asked_again"] for one in federations)
    restarts = sum(sum(one["restarts"].values()) for one in federations)
    lost = sum(len(one["lost"]) for one in federations)
    told = sum(one["accuracies"] for one in ended)
    others = sum(one["other_accuracies"] for one in ended)
    differences = sorted(one["difference"] for one in ended)
    hours = sum(one["seconds"] for one in federations) / 3600
    loads = [load for one in federations for load in one["load"]]
    rows = [
        ("faults", "200", len(faults)),
        ("federations that ended", "all", f"{len(ended)} of {len(federations)}"),
        ("sites that then left by themselves", "all", _left(federations)),
        ("needless restarts of the study, of Flower's server or of a worker", "0", restarts),
        ("answers lost of sites at which nothing was wrong", "0", f"{lost} of {5 * rounds}"),
        (
            "longest round, seconds beyond the deadline",
            f"at most {LATE:g}",
            f"{late:.1f}" if late > 0 else "none",
        ),
        ("rounds asked for again, too few having answered in time", "", again),
        ("accuracies that differ from the simulation's", "0", f"{others} of {told}"),
        (
            "largest difference of a parameter, by federation",
            "0",
            ", ".join(f"{difference:.1g}" for difference in differences),
        ),
    ]
    about = (
        f"{rounds} rounds in {hours:.1f} hours, deadline "
        f"{' and '.join(f'{d:g}' for d in deadlines)} s, load of the machine "
        f"{min(loads):.0f} to {max(loads):.0f} on {cores()} cores. The simulation "
        "leaves out, round by round, the sites that the federation did without."
    )
    return _table(("measure", "target", "measured"), rows) + f"\n{about}\n"


def _left(federations: list[dict[str, Any]]) -> str:
    return f"{sum(one['left'] for one in federations)} of {5 * len(federations)}"


def _kinds(federations: list[dict[str, Any]]) -> str:
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for one in federations:
        for fault in one["faults"]:
            by_kind.setdefault(fault["kind"], []).append(fault)
    rows = []
    for kind, faults in sorted(by_kind.items()):
        back = [fault for fault in faults if fault["back"] is not None]
        missed = [fault["missed"] for fault in back]
        spread = f"{statistics.median(missed):g} ({max(missed)})" if missed else ""
        rows.append((kind, len(faults), len(back), spread))
    heads = (
        "fault",
        "times",
        "everybody back before the study ended",
        "answers missed, median (most)",
    )
    return (
        "\n## Kinds\n\nA site is back once it has taken part in two rounds in a row. A fault that "
        "began shortly before the end of a study may outlast it.\n\n" + _table(heads, rows)
    )


def _hostile(outcomes: list[list[Any]]) -> str:
    said = sum(bool(sentence) for _, sentence, _, _ in outcomes)
    alive = sum(bool(one[3]) for one in outcomes)
    most = max(one[2] for one in outcomes)
    head = (
        f"\n## {len(outcomes)} hostile inputs\n\nThe first come from a site with a key, among two "
        "honest ones; the last from somebody at the gate's port. "
        f"{said} of {len(outcomes)} were answered in a sentence (a status and its text, or the end "
        f"of the connection, where there is none at the port), {alive} times view, page and the "
        f"others went on, and memory was at most {most:.0f} MiB above rest (target "
        f"{MEMORY:.0f}), the sender's part included.\n\n"
    )
    rows = [
        (what, _cell(sentence) or "nothing was said", f"{mib:.0f}", "yes" if went_on else "no")
        for what, sentence, mib, went_on in outcomes
    ]
    return head + _table(("input", "what was said", "MiB", "went on"), rows)


def _cell(text: str) -> str:
    """Short, and without what a table would take for its own."""
    plain = " ".join(text.split())
    shown = plain if len(plain) <= 160 else f"{plain[:157]}..."
    return shown.replace("|", "\\|").replace("[", "\\[").replace("<", "&lt;")


def _table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join(lines) + "\n"
