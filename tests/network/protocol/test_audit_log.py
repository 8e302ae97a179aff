"""Both ends write down the same messages, and a changed line shows."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import Message as FlowerMessage

from network_grid import InProcessGrid
from unalike.network.protocol.audit_log import FILE, AuditLog, broken_line
from unalike.network.protocol.flower_message import unwrap, wrap
from unalike.network.protocol.frames import Frames
from unalike.network.server.server_settings import ServerSettings
from unalike.network.server.study import prepare, run_study
from unalike.network.site.own_samples import read_own_samples
from unalike.network.site.session import Session
from unalike.network.site.site_settings import SiteSettings
from unalike.network.site.worker import Worker
from unalike.study.settings import make_study

QUICK = ServerSettings(least=1, deadline=30.0, patience=30.0, grace=0.2, poll=0.01, baselines=False)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_logs_of_both_ends_can_be_laid_side_by_side(tmp_path: Path) -> None:
    y = np.arange(30) % 3
    np.savez(tmp_path / "a.npz", x=np.eye(3)[y].astype(np.float32), y=y)
    home = tmp_path / "site"
    samples = read_own_samples(tmp_path / "a.npz")
    worker = Worker(Session(SiteSettings("north", home, samples)), 600.0)

    def node(message: FlowerMessage) -> FlowerMessage:
        return FlowerMessage(wrap(worker.answer(unwrap(message))), reply_to=message)

    study = make_study(
        {"data": "own", "model": "logistic", "methods": "fedavg", "rounds": 2, "seeds": 1}
    )
    folder = tmp_path / "study"
    prepare(study, folder, sites=1)
    run_study(InProcessGrid({17: node}), folder, QUICK, lambda _: None)
    server, site = lines(folder / "network" / FILE), lines(home / FILE)
    assert {line["peer"] for line in server} == {"17"}
    assert {line["peer"] for line in site} == {"server"}
    for way, other in (("out", "in"), ("in", "out")):
        sent = [(one["verb"], one["bytes"], one["sha256"]) for one in server if one["way"] == way]
        known = [(one["verb"], one["bytes"], one["sha256"]) for one in site if one["way"] == other]
        assert sent == known
    assert [one["verb"] for one in server if one["way"] == "in"].count("train") == 2
    assert broken_line(home / FILE) is None
    assert stat.S_IMODE((home / FILE).stat().st_mode) == 0o600


def written(folder: Path, times: int) -> Path:
    for i in range(times):  # each time by another process, as it were
        AuditLog(folder).write("in", "server", "train", Frames(f"{i}", b"abc"))
    return folder / FILE


def test_it_goes_on_where_it_ended(tmp_path: Path) -> None:
    path = written(tmp_path, 3)
    assert broken_line(path) is None
    first = lines(path)[0]
    assert first["previous"] == ""
    assert first["bytes"] == 4
    assert first["sha256"] == hashlib.sha256(b"0abc").hexdigest()


def test_a_changed_line_and_a_missing_one_show(tmp_path: Path) -> None:
    path = written(tmp_path, 4)
    whole = path.read_text().splitlines(keepends=True)
    path.write_text("".join([whole[0], *whole[2:]]))
    assert broken_line(path) == 2
    path.write_text("".join([whole[0], whole[1].replace("train", "trade"), *whole[2:]]))
    assert broken_line(path) == 3
    path.write_text("".join([*whole, "{}\n"]))
    assert broken_line(path) == 5
