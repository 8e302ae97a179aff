"""Three sites in processes of their own, over TLS, with keys: what a hospital group would run.

One federation for all tests of this file; while it trains, others try its door. The node of the
third site answers in one process.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from real_federation import LONGEST, RealFederation, accuracies, assert_same_server, processes
from small_studies import SMALL
from unalike import compare
from unalike.methods import METHODS
from unalike.network.deployment import keys
from unalike.network.deployment.app_bundle import write_bundle
from unalike.network.deployment.supernode import Credentials, start_supernode
from unalike.network.processes.process import Process, stop_all
from unalike.study.settings import make_study

pytestmark = pytest.mark.slow

FIRST = ("scaffold", "fedrep")
SETTINGS: dict[str, Any] = SMALL | {
    "clients": 3,
    "new_clients": 0.0,
    "model": "mlp",
    "rounds": 2,
    "evaluate_every": 2,
    "methods": FIRST,
}


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealFederation]:
    folder = tmp_path_factory.mktemp("federation") / "study"
    with RealFederation(folder, make_study(SETTINGS), first=2) as running:
        running.rehearsal.start("client-2", node="one-process")
        running.wait(lambda: any(event["event"] == "joined" for event in running.events))
        yield running


def test_nobody_outside_starts_a_run(federation: RealFederation, tmp_path: Path) -> None:
    refused = federation.flwr("run", str(write_bundle(tmp_path / "app", {})))
    assert not refused["success"]
    assert len(federation.server.superlink.flwr("list", "here")["runs"]) == 1


def test_nobody_outside_registers_a_key(federation: RealFederation, tmp_path: Path) -> None:
    public = keys.make_key(tmp_path / "stranger.key")
    assert not federation.flwr("supernode", "register", str(public))["success"]
    assert len(federation.server.superlink.flwr("supernode", "list", "here")["nodes"]) == 3


def test_only_nodes_with_an_admitted_key_get_in(federation: RealFederation, tmp_path: Path) -> None:
    authority, unknown = federation.rehearsal.tls / "ca.crt", tmp_path / "unknown.key"
    keys.make_key(unknown)

    def node(name: str, credentials: Credentials) -> Process:
        home = tmp_path / name
        nobody = home / "worker.sock"
        return start_supernode(home, federation.rehearsal.server, credentials, nobody, home / "log")

    others = {
        "unknown": node("unknown", Credentials(authority, unknown)),
        "keyless": node("keyless", Credentials(authority)),
        "plain": node("plain", Credentials()),
    }
    codes = [others[name].wait(LONGEST) for name in ("unknown", "keyless")]
    stop_all(*others.values())
    assert None not in codes
    assert not any("SuperNode ID" in one.output() for one in others.values())
    federation.wait(lambda: any("is not admitted" in text for text in federation.remarks()))


def test_a_node_in_one_process_starts_no_other(federation: RealFederation) -> None:
    federation.wait(federation.rounds)
    site = federation.rehearsal.sites["client-2"]
    lines = [line for line in processes(site.pid).values() if "supervisor.py" not in line]
    modules = [line.partition(" -m unalike.network.")[2].split()[:1] for line in lines]
    assert sorted(modules) == [
        ["deployment.in_process_node"],
        ["deployment.site_process"],
        ["site.worker"],
    ], lines


def test_the_outcome_is_the_simulated_one(federation: RealFederation, tmp_path: Path) -> None:
    compare(**SETTINGS, out=tmp_path / "simulated")
    federation.finish()
    for method in FIRST:
        run = Path("runs") / method / "seed-0"
        here, there = federation.folder / run, tmp_path / "simulated" / run
        assert_same_server(here, there)
        assert accuracies(here) == accuracies(there)
    assert all(event["answers"] == 3 for event in federation.rounds())
    assert (federation.folder / "report.html").exists()


def test_the_sites_leave_when_the_study_is_over(federation: RealFederation) -> None:
    federation.finish()
    assert [site.wait(LONGEST) for site in federation.rehearsal.sites.values()] == [0, 0, 0]


def test_every_other_method_too(tmp_path: Path) -> None:
    settings = SETTINGS | {"methods": "all", "rounds": 1, "evaluate_every": 1}
    compare(**settings, out=tmp_path / "simulated")
    suited = {path.name for path in (tmp_path / "simulated" / "runs").iterdir()}
    known = [name for name in METHODS if name in suited and not METHODS[name].pooled]
    others = tuple(name for name in known if name not in FIRST)
    with RealFederation(tmp_path / "study", make_study(settings | {"methods": others})) as running:
        running.finish()
    for method in others:
        run = Path("runs") / method / "seed-0"
        assert_same_server(tmp_path / "study" / run, tmp_path / "simulated" / run)
