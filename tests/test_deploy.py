"""The files in `deploy/` fit each other and the command line, as far as that can be told here."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from command_line import read_command
from command_line import unalike as run
from pages import ROOT, blocks_of
from unalike.network.deployment.certificates import authority_file
from unalike.network.deployment.keys import admitted_keys, public_key_of
from unalike.network.deployment.ports import parse_address

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
PAGE = ROOT / "docs" / "how-to" / "deploy.md"
FILES = ("study", "tls", "data", "key", "state", "folder")
"""What commands call files and folders that must be where they can be reached."""


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    return found


def test_services_are_commands_that_can_be_read(services: dict[str, Any]) -> None:
    commands = {name: read_command(*one["command"]) for name, one in services.items()}
    server = commands.pop("server")
    assert server["sites"] == len(commands) == 3
    port = parse_address(server["listen"], "--listen").port
    assert services["server"]["ports"] == [f"{port}:{port}"]
    for name, values in commands.items():
        assert values["name"] == name
        assert values["server"] == f"server:{port}"
        assert Path(values["key"]) == Path(f"{name}.key")
        assert services[name]["depends_on"] == ["server"]
    folders = [one["volumes"][0].partition(":")[0] for one in services.values()]
    assert len(set(folders)) == len(folders), "each has a folder of its own"


def test_what_services_name_lies_in_their_folder(services: dict[str, Any]) -> None:
    for name, service in services.items():
        inside = service["volumes"][0].partition(":")[2]
        assert service["read_only"]
        assert service["working_dir"] == inside
        values = read_command(*service["command"])
        named = [Path(values[key]) for key in FILES if values.get(key) is not None]
        assert len(named) >= 3, name
        assert not any(path.is_absolute() for path in named)


def test_the_folders_of_the_page_are_those_of_the_services(
    services: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The block of the page that fills them is run as it stands."""
    monkeypatch.chdir(tmp_path)
    block = next(one for one in blocks_of(PAGE) if one.text.startswith("mkdir -p deploy"))
    commands, _, loop = block.text.partition("for site")
    made, certificates = commands.splitlines()
    subprocess.run(shlex.split(made), check=True)
    assert run(*shlex.split(certificates)[1:]) == 0
    subprocess.run(["bash", "-euc", f"for site{loop}"], check=True)
    tls = tmp_path / "deploy/federation/server/tls"
    for name, service in services.items():
        folder = tmp_path / "deploy" / service["volumes"][0].partition(":")[0]
        values = read_command(*service["command"])
        assert authority_file(folder / values["tls"]).is_file()
        if name != "server":
            admitted = (tls / "nodes" / f"{name}.pub").read_bytes()
            assert admitted.startswith(public_key_of(folder / values["key"]))
    assert set(admitted_keys(tls)) == set(services) - {"server"}
    assert not list((tls / "keys").iterdir()), "no private key stays at the server"


def _unit(path: Path) -> configparser.ConfigParser:
    unit = configparser.ConfigParser(interpolation=None, strict=True)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(path.read_text())
    return unit


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_units_start_commands_that_can_be_read(path: Path) -> None:
    service = _unit(path)["Service"]
    program, *words = shlex.split(service["ExecStart"])
    assert PurePosixPath(program) == PurePosixPath("/opt/unalike/bin/unalike")
    values = read_command(*words)
    own = PurePosixPath("/var/lib") / service["StateDirectory"]
    written = values.get("state") or values.get("folder")
    assert own == PurePosixPath(written) or own in PurePosixPath(written).parents
    assert service["WorkingDirectory"] == str(own)
    for key in ("study", "data", "tls", "key"):
        if values.get(key) is not None:
            assert PurePosixPath("/etc/unalike") in PurePosixPath(values[key]).parents
    assert (service["ProtectSystem"], service["Restart"]) == ("strict", "on-failure")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")
@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_systemd_finds_nothing_wrong(path: Path, tmp_path: Path) -> None:
    """With a program and a user that are there."""
    text = re.sub(r"^User=.*\n", "", path.read_text(), flags=re.MULTILINE)
    copy = tmp_path / path.name
    copy.write_text(text.replace("/opt/unalike/bin/unalike", sys.executable))
    ended = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    copy.write_text(text.replace("Restart=on-failure", "Restart=on-luck"))
    ended = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True
    )
    assert "on-luck" in ended.stderr


def test_the_image_is_made_of_what_is_there() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    steps = [line.split(None, 1) for line in lines if line and not line.startswith("#")]
    known = {"FROM", "WORKDIR", "COPY", "RUN", "ARG", "USER", "ENTRYPOINT", "CMD"}
    assert {step for step, _ in steps} <= known
    assert (steps[0][0], steps[-2:]) == (
        "FROM",
        [["ENTRYPOINT", '["unalike"]'], ["CMD", '["--help"]']],
    )
    stages = [rest.split(" AS ")[1] for step, rest in steps if step == "FROM" and " AS " in rest]
    for step, rest in steps:
        if step == "RUN":
            subprocess.run(["bash", "-nc", rest], check=True)
        if step == "COPY":
            stage = re.match(r"--from=(\S+) ", rest)
            if stage:
                assert stage[1] in stages
            else:
                assert all((ROOT / source).exists() for source in rest.split()[:-1])
    user = next(rest for step, rest in steps if step == "USER")
    assert any(f"useradd --create-home --uid {user}" in rest for _, rest in steps)
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert "deploy/federation" in ignored, "keys and samples must not come into the image"
