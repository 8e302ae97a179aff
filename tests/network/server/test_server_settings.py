"""The options of the server app: one place for their names, types, defaults and meanings."""

from __future__ import annotations

from dataclasses import asdict, fields
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any, get_args

import pytest
import tomli_w
import tomllib
import typer

from unalike import InputError
from unalike.network.deployment.app_bundle import write_bundle
from unalike.network.server.server_settings import HELP, ServerSettings

OTHERS = ServerSettings(
    study="folder", least=2, deadline=1.5, patience=2.5, grace=3.5, poll=4.5, max_norm_ratio=5.5,
    max_size_ratio=6.5,
    baselines=False, keys='{"a": "17"}', diagnose=True, noise=6.5, label=3, events="file",
)  # fmt: skip


def test_a_run_config_comes_back(tmp_path: Path) -> None:
    assert all(asdict(OTHERS)[name] != value for name, value in asdict(ServerSettings()).items())
    bundle = write_bundle(tmp_path, asdict(OTHERS))
    written = tomllib.loads((bundle / "pyproject.toml").read_text("utf-8"))
    assert ServerSettings.of(written["tool"]["flwr"]["app"]["config"]) == OTHERS
    assert OTHERS.node_ids() == {"a": 17}


def test_what_is_left_out_has_its_default_and_whole_numbers_may_be_seconds() -> None:
    settings = ServerSettings.of(tomllib.loads(tomli_w.dumps({"deadline": 30, "other": "x"})))
    assert settings == ServerSettings(deadline=30.0)
    assert isinstance(settings.deadline, float)


def test_a_value_of_another_type_is_one_sentence() -> None:
    with pytest.raises(InputError, match=r"run config's deadline = 'soon' is no float"):
        ServerSettings.of({"deadline": "soon"})


@pytest.mark.parametrize("name", ["serve", "rehearse"])
def test_commands_say_what_the_settings_say(name: str) -> None:
    command = getattr(import_module(f"unalike.cli.network.{name}"), name)
    hints = {name: each.annotation for name, each in signature(command).parameters.items()}
    common = {known.name for known in fields(ServerSettings)} & hints.keys() - {"study"}
    assert len(common) >= 4
    for option in common:
        (found,) = (
            one for one in get_args(hints[option]) if isinstance(one, typer.models.OptionInfo)
        )
        assert HELP[option] in found.help
        default: Any = signature(command).parameters[option].default
        if isinstance(getattr(ServerSettings, option), float) and default is not None:
            assert default == getattr(ServerSettings, option)
