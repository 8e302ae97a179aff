"""A robust rule over Flower's messages is the rule of the simulation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from network_grid import InProcessGrid
from site_files import site
from small_studies import SMALL
from unalike import compare
from unalike.network.server.server_settings import ServerSettings
from unalike.network.server.study import prepare, run_study
from unalike.network.site.site_settings import SiteSettings
from unalike.study.settings import make_study

SETTINGS: dict[str, Any] = SMALL | {"new_clients": 0.0, "rounds": 2, "seeds": 1}
QUICK = ServerSettings(least=1, deadline=5.0, patience=0.5, grace=0.2, poll=0.01)


def grid(folder: Path) -> InProcessGrid:
    """Five sites in this process, each with a state folder of its own."""
    settings = [SiteSettings(f"client {i}", folder / str(i), client=i) for i in range(5)]
    return InProcessGrid({100 + i: site(one) for i, one in enumerate(settings)})


@pytest.mark.parametrize("rule", ["caps+clipping", pytest.param("median", marks=pytest.mark.slow)])
def test_it_is_the_simulation(rule: str, tmp_path: Path) -> None:
    settings = SETTINGS | {"weights": "proportional", "methods": ("scaffold",), "robust": rule}
    compare(**settings, out=tmp_path / "simulated")
    prepare(make_study(settings), tmp_path / "study")
    run_study(grid(tmp_path / "sites"), tmp_path / "study", QUICK, lambda event: None)
    ours, theirs = (
        load_file(tmp_path / part / "runs/scaffold/seed-0/checkpoint.safetensors")
        for part in ("simulated", "study")
    )
    server = [name for name in ours if name.startswith("server.")]
    assert any(name.startswith("server.memory") for name in server) == (rule != "median")
    for name in server:
        torch.testing.assert_close(ours[name], theirs[name], rtol=1e-4, atol=1e-6)


def test_what_does_not_suit_is_left_out_aloud(tmp_path: Path) -> None:
    said: list[str] = []
    settings = SETTINGS | {"methods": ("mefl", "fedavg"), "rounds": 1, "robust": "median"}
    prepare(make_study(settings), tmp_path / "study")
    run_study(
        grid(tmp_path / "sites"),
        tmp_path / "study",
        QUICK,
        lambda event: said.append(str(event.get("text", ""))),
    )
    assert any(text.startswith("mefl is left out: The robust rule median") for text in said)
