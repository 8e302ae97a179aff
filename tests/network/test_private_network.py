"""Privacy over Flower's messages: noise that nobody else can work out, and the same accounts."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

from network_grid import InProcessGrid, Node
from site_files import site
from small_studies import SMALL
from unalike import compare
from unalike.cli.network.federation_progress import FederationProgress
from unalike.network.server.answer_checks import not_clipped
from unalike.network.server.server_settings import ServerSettings
from unalike.network.server.study import prepare, run_study
from unalike.network.site.site_settings import SiteSettings
from unalike.privacy import secret_of_run
from unalike.study.settings import make_study

SETTINGS: dict[str, Any] = SMALL | {
    "methods": ("fedavg",),
    "weights": "uniform",
    "new_clients": 0.0,
    "rounds": 2,
    "seeds": 1,
}
QUICK = ServerSettings(least=1, deadline=5.0, patience=0.5, grace=0.2, poll=0.01)
CLIENTS = 5


def sites(folder: Path) -> dict[int, Node]:
    """Sites in this process, each with a state folder of its own."""

    settings = [SiteSettings(f"client {i}", folder / str(i), client=i) for i in range(CLIENTS)]
    return {100 + i: site(one) for i, one in enumerate(settings)}


def over_network(folder: Path, privacy: str, **changes: Any) -> list[dict[str, Any]]:
    """A study among five sites; the server's events."""
    events: list[dict[str, Any]] = []
    prepare(make_study({**SETTINGS, **changes, "privacy": privacy}), folder / "study")
    run_study(InProcessGrid(sites(folder / "sites")), folder / "study", QUICK, events.append)
    return events


def model(folder: Path) -> torch.Tensor:
    """FedAvg's model at the end."""
    found = load_file(folder / "runs" / "fedavg" / "seed-0" / "checkpoint.safetensors")
    return found["server.value"]


def spent(folder: Path) -> list[float]:
    lines = (folder / "runs" / "fedavg" / "seed-0" / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["epsilon"] for line in lines]


def test_without_noise_it_is_the_simulation(tmp_path: Path) -> None:
    privacy = "central:clip=0.1,noise=0"
    compare(**SETTINGS, privacy=privacy, out=tmp_path / "simulated")
    over_network(tmp_path, privacy)
    torch.testing.assert_close(
        model(tmp_path / "simulated"), model(tmp_path / "study"), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("kind", ["central", "local"])
@pytest.mark.slow
def test_noise_is_not_that_of_the_seed(kind: str, tmp_path: Path) -> None:
    privacy = f"{kind}:clip=1e-6,noise=1e6"
    compare(**SETTINGS, privacy=privacy, out=tmp_path / "simulated")
    events = over_network(tmp_path, privacy)
    seeded, hidden = model(tmp_path / "simulated"), model(tmp_path / "study")
    correlation = np.corrcoef(seeded.numpy(), hidden.numpy())[0, 1]
    assert abs(correlation) < 0.16
    assert float(hidden.std()) == pytest.approx(float(seeded.std()), rel=0.15)
    assert spent(tmp_path / "study") == spent(tmp_path / "simulated")
    epsilons = [event["epsilon"] for event in events if event["event"] == "round"][-2:]
    assert epsilons == spent(tmp_path / "study")


def test_secrets_are_kept_and_nobody_else_s(tmp_path: Path) -> None:
    over_network(tmp_path, "local:clip=1,noise=1")
    files = [tmp_path / "study" / "secret", *(tmp_path / "sites").glob("*/secret")]
    assert len(files) == 1 + CLIENTS
    assert len({file.read_text() for file in files}) == len(files)
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    study = (tmp_path / "study" / "study.toml").read_text()
    assert not any(file.read_text() in study for file in files)


def test_no_two_runs_have_one_secret() -> None:
    runs = [(token, label, seed) for token in "ab" for label in ("x", "y") for seed in (0, 1)]
    assert len({secret_of_run(5, *run) for run in runs}) == len(runs)
    assert secret_of_run(5, "a") == secret_of_run(5, "a")
    assert secret_of_run(5, "a") != secret_of_run(6, "a")


def test_a_site_that_does_not_clip_is_refused_whatever_the_others_send() -> None:
    ups = dict(enumerate([torch.tensor([0.6, 0.8]), torch.tensor([0.0, 1.01]), torch.zeros(2)]))
    assert list(not_clipped(ups, 1.0)) == [1]
    assert "beyond the clip 1" in not_clipped(ups, 1.0)[1]
    assert not_clipped(ups, float("inf")) == {}


def test_what_does_not_suit_is_left_out_aloud(tmp_path: Path) -> None:
    events = over_network(tmp_path, "central:clip=1,noise=1", methods=("mefl", "fedavg"), rounds=1)
    assert any(
        event.get("text", "").startswith("mefl is left out: Privacy is for") for event in events
    )
    assert not (tmp_path / "study" / "runs" / "mefl" / "seed-0" / "metrics.jsonl").exists()


def test_the_live_view_tells_epsilon() -> None:
    console = Console(width=160, record=True, force_terminal=False)
    view = FederationProgress(console, "study")
    event = {"event": "round", "method": "fedavg", "seed": 0, "t": 1, "rounds": 2, "answers": 3}
    view.tell(event | {"epsilon": 2.345})
    assert "epsilon 2.35" in console.export_text()
    console.print(view.picture())
    assert "epsilon 2.35" in console.export_text()
