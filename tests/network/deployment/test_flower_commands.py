"""Commands of flwr in one process that goes on."""

from __future__ import annotations

from pathlib import Path

import tomli_w

from unalike.network.deployment.environment import environment
from unalike.network.deployment.flower_commands import FlowerCommands


def test_one_process_answers_several_and_is_replaced_when_it_ends(tmp_path: Path) -> None:
    here = {"address": "127.0.0.1:1", "insecure": True}
    connection = {"superlink": {"default": "here", "here": here}}
    (tmp_path / "config.toml").write_text(tomli_w.dumps(connection))
    with FlowerCommands(environment(tmp_path)) as commands:
        first = commands._process
        answer = commands.run("config", "list")
        assert "here" in str(answer)
        assert not commands.run("supernode", "no such command")["success"]
        assert commands._process is first
        first.kill()
        first.wait()
        assert "here" in str(commands.run("config", "list"))
        assert commands._process is not first
