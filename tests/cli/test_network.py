"""The commands of the network: what they refuse, in one sentence, and how they end."""

import os
import signal
import time
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import typer

from command_line import unalike
from unalike.cli.network import requirements
from unalike.cli.network.interruption import interruptible
from unalike.cli.network.join import SiteReading
from unalike.network.deployment import certificates, keys
from unalike.network.deployment.gate import Gate
from unalike.network.deployment.ports import Address, free_port, listen
from unalike.network.deployment.server_status import ServerStatus
from unalike.network.site.worker import _parser

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("digits.toml").write_text('data = "digits"\nclients = 3\nrounds = 1\nseeds = 1\n')
    Path("own.toml").write_text('data = "own"\nmodel = "logistic"\nrounds = 1\nseeds = 1\n')
    Path("reading.toml").write_text('data = "own"\nlabel_column = "grade"\nmodel = "mlp"\n')
    np.savez("mine.npz", x=np.zeros((30, 4), np.float32), y=np.arange(30) % 3)
    np.savez("bad.npz", x=np.zeros((30, 4), np.float32))


NOWHERE = f"127.0.0.1:{free_port()}"
JOIN = ["join", NOWHERE, "--patience", 0, "--name", "a", "--data"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["serve", "missing.toml"], "missing.toml"),
        (["serve", "digits.toml", "--method", "fedagv"], "did you mean 'fedavg'?"),
        (["serve", "digits.toml", "--listen", "9092"], "HOST:PORT"),
        (["serve", "digits.toml", "--tls", "nowhere"], "nowhere"),
        (["serve", "own.toml", "--listen", NOWHERE], "how many sites"),
        (["serve", "digits.toml", "--sites", "5"], "clients = 5"),
        (["serve", "digits.toml", "--method", "centralised"], "one place"),
        (["rehearse", "own.toml"], "deals a named data set"),
        (["rehearse", "digits.toml", "--nodes", "1"], "--nodes"),
        ([*JOIN, "missing.npz"], "missing.npz"),
        ([*JOIN, "mine.npz"], "nothing listens there"),
        ([*JOIN, "folder"], "folder: there is no such file or folder"),
        ([*JOIN, "mine.npz", "--key", "k"], "needs --tls"),
        ([*JOIN, "mine.npz", "--tls", "nowhere"], "ca.crt"),
        ([*JOIN, "mine.npz", "--device", "tpu"], "'tpu'"),
        ([*JOIN, "mine.npz", "--name", "a/b"], "without accents, digits"),
        ([*JOIN, "mine.npz", "--scale", "big"], "'big'"),
        ([*JOIN, "mine.npz", "--task", "classses"], "did you mean 'classes'?"),
        ([*JOIN, "mine.npz", "--column", "age"], "NAME=KIND"),
        ([*JOIN, "mine.npz", "--resize", "0"], "at least one pixel"),
        ([*JOIN, "mine.npz", "--limit", "nan"], "--limit = nan: give a number of seconds above 0"),
        ([*JOIN, "mine.npz", "--patience", "inf"], "--patience = inf: give a number of seconds"),
        ([*JOIN, "mine.npz", "--noise", "nan"], "epsilon = nan"),
        (["serve", "digits.toml", "--deadline", "nan"], "deadline = nan: give a number of seconds"),
        (["serve", "digits.toml", "--deadline", "0"], "deadline = 0: give a number of seconds"),
        (["serve", "digits.toml", "--patience", "-1"], "patience = -1: give a number of seconds"),
        (["serve", "digits.toml", "--grace", "inf"], "grace = inf: give a number of seconds"),
        (["serve", "digits.toml", "--least", "-2"], "least = -2: give a number of sites"),
        (["serve", "own.toml", "--sites", "2", "--least", "3"], "--sites 2: give at least 1"),
        (["serve", "own.toml", "--sites", "0"], "--sites 0: give at least 1"),
        (["serve", "digits.toml", "--diagnose", "--label", "-3"], "--label -3: labels are"),
        (["serve", "digits.toml", "--diagnose", "--noise", "inf"], "epsilon = inf"),
        (["rehearse", "digits.toml", "--deadline", "nan"], "deadline = nan: give a number"),
        (["serve", "reading.toml", "--sites", "2"], "label_column says how a file is read"),
        (["certificates", "tls"], "--host"),
        (["certificates", "tls", "--host", "http://x"], "no name or address"),
        (["key", "mine.npz"], "exists already"),
        (["gate", "--listen", "x", "--to", "127.0.0.1:1"], "HOST:PORT"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[object], words: str, capsys: Output) -> None:
    assert unalike(*arguments) == 2
    complaint = capsys.readouterr().err
    assert words in complaint
    assert "Traceback" not in complaint
    last = complaint.strip().splitlines()[-1]
    assert last.startswith("unalike: ")
    assert words in last


def test_a_port_that_is_taken(capsys: Output) -> None:
    held = Address("127.0.0.1", free_port())
    with listen(held):
        assert unalike("serve", "digits.toml", "--method", "fedavg", "--listen", held) == 2
    assert "is taken by another program" in capsys.readouterr().err


def test_a_folder_with_another_study_is_kept(capsys: Output) -> None:
    held = Address("127.0.0.1", free_port())
    arguments = ["serve", "digits.toml", "--method", "fedavg", "--out", "s", "--listen", held]
    with listen(held):
        unalike(*arguments)
        Path("digits.toml").write_text('data = "digits"\nclients = 3\nrounds = 2\nseeds = 1\n')
        assert unalike(*arguments) == 2
        assert "other settings" in capsys.readouterr().err
        assert unalike(*arguments, "--overwrite") == 2
        assert "is taken" in capsys.readouterr().err


def test_without_flower(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setattr(requirements, "find_spec", lambda _: None)
    for command in ("serve digits.toml", "rehearse digits.toml", "key k", "certificates tls"):
        assert unalike(*command.split()) == 2
        assert "pip install 'unalike[network]'" in capsys.readouterr().err


def test_certificates_and_keys(capsys: Output) -> None:
    assert unalike("certificates", "tls", "--host", "fed.example.org", "--site", "a") == 0
    certificates.server_certificate_files(Path("tls"))
    assert unalike("key", "b.key") == 0
    assert "b.key.pub" in capsys.readouterr().out
    Path("b.key.pub").rename("tls/nodes/b.pub")
    authority = Path("tls/ca.crt").read_bytes()
    assert unalike("certificates", "tls", "--site", "c") == 0
    assert list(keys.admitted_keys(Path("tls"))) == ["a", "b", "c"]
    assert Path("tls/ca.crt").read_bytes() == authority


@pytest.mark.slow
def test_data_that_cannot_be_read_are_said_by_the_site(capsys: Output) -> None:
    server = Address("localhost", free_port())
    with Gate(listen(server), Address("127.0.0.1", 1), status=ServerStatus(dict).answer):
        assert unalike("join", server, "--yes", "--name", "a", "--data", "bad.npz") == 2
    assert "Say which column, or which values, are the labels" in capsys.readouterr().err
    Path("mine.csv").write_text("a,grade,hospital\n1,ill,north\n2,well,south\n3,ill,south\n")
    columns = ["--label-column", "grade", "--client-column", "hospital"]
    with Gate(listen(server), Address("127.0.0.1", 1), status=ServerStatus(dict).answer):
        assert unalike("join", server, "--yes", "--name", "a", "--data", "mine.csv", *columns) == 2
    assert "Unknown client 'a': known are: north, south." in capsys.readouterr().err


def test_sigterm_ends_a_command_in_order(capsys: Output) -> None:
    """What it started is ended on the way out, as systemd and Docker expect."""
    ended = []

    def work() -> None:
        with interruptible("Kept."):
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(10)
            finally:
                ended.append("in order")

    with pytest.raises(typer.Exit) as left:
        work()
    assert (left.value.exit_code, ended) == (130, ["in order"])
    assert "Kept." in capsys.readouterr().err


def test_the_worker_understands_all_that_join_says_of_a_file() -> None:
    given = {each.name: f"some {each.name}" for each in fields(SiteReading)}
    given |= {"columns": ["age=number"], "drop": ["weight"], "resize": 28, "task": "classes"}
    typed = SiteReading(**given).words()
    found = vars(_parser().parse_args(["--socket", "s", "--state", "t", "--data", "f", *typed]))
    assert {name: found["column" if name == "columns" else name] for name in given} == given
