"""Tab in a shell: what is offered, that it is right, and that nothing large is loaded for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import unalike
from unalike.cli import completion
from unalike.data.skews.registry import KINDS
from unalike.data.sources import SOURCES
from unalike.data.splits import SPLITS
from unalike.ledger import TABLES
from unalike.methods import METHODS
from unalike.models.registry import MODELS
from unalike.tasks import TASKS

OFFERED = {
    ("comp",): ["compare"],
    ("compare", "--spl"): ["--split"],
    ("compare", "--methods", "local,fedav"): ["local,fedavg", "local,fedavgm"],
    ("compare", "--methods", "fedavg,fedavg"): ["fedavg,fedavgm"],
    ("compare", "--data", "fa"): ["fashion-mnist"],
    ("compare", "--data", "./pa"): [],
    ("compare", "--split", "dir"): ["dirichlet", "dirichlet-mix"],
    ("compare", "--skew", "rot"): ["rotation"],
    ("compare", "--model", "resnet"): ["resnet18-cut", "resnet20"],
    ("compare", "--task", "su"): ["survival"],
    ("compare", "--set", "fedre"): ["fedrep."],
    ("advise", "--methods", "mef"): ["mefl"],
    ("check", "mine.py:Net", "--methods", "al"): ["all"],
    ("methods", "moc"): ["mocha"],
    ("data", "hs"): ["hsb82"],
    ("skews", "bl"): ["blur"],
    ("reproduce", "fedr"): ["fedrep-linear"],
    ("export", "study", "--method", "dit"): ["ditto"],
    ("serve", "study.toml", "--method", "fedbn,scaf"): ["fedbn,scaffold"],
}


def test_names_are_those_of_the_catalogues() -> None:
    assert set(completion.method_names()) == set(METHODS)
    for names, catalogue in (
        (completion.DATA, SOURCES),
        (completion.SPLITS, SPLITS),
        (completion.SKEWS, KINDS),
        (completion.MODELS, MODELS),
        (completion.LEDGER, TABLES),
        (completion.TASKS, TASKS),
    ):
        assert list(names) == list(catalogue)


@pytest.mark.parametrize("typed", OFFERED)
def test_what_is_offered(
    typed: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_UNALIKE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", " ".join(["unalike", *typed]))
    monkeypatch.setenv("COMP_CWORD", str(len(typed)))
    assert unalike() == 0
    assert sorted(capsys.readouterr().out.split()) == OFFERED[typed]


COMPLETE = """
import atexit, sys
from unalike.cli.main import main

atexit.register(lambda: print("torch" in sys.modules, "numpy" in sys.modules, file=sys.stderr))
sys.argv = ["unalike"]
main()
"""


def test_nothing_large_is_loaded() -> None:
    words = {"COMP_WORDS": "unalike compare --methods fedr", "COMP_CWORD": "3"}
    ended = subprocess.run(
        [sys.executable, "-c", COMPLETE],
        env={**os.environ, **words, "_UNALIKE_COMPLETE": "complete_bash"},
        capture_output=True,
        text=True,
    )
    assert (ended.stdout.split(), ended.stderr.split()) == (["fedrep"], ["False", "False"])


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_once_it_is_installed(tmp_path: Path) -> None:
    """What `--install-completion` writes, in a real bash."""
    command = tmp_path / "bin" / "unalike"
    command.parent.mkdir()
    command.write_text(f"#!{sys.executable}\nfrom unalike.cli.main import main\n\nmain()\n")
    command.chmod(0o755)
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    named = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}  # nothing is run from a shell
    there = {**os.environ, **named, "HOME": str(tmp_path), "PATH": path}
    installed = subprocess.run(
        ["unalike", "--install-completion", "bash"], env=there, capture_output=True, text=True
    )
    assert installed.returncode == 0, installed.stderr
    assert "unalike.sh" in (tmp_path / ".bashrc").read_text()
    press_tab = (
        "source ~/.bash_completions/unalike.sh; "
        "COMP_WORDS=(unalike compare --split path); COMP_CWORD=3; "
        '"$(complete -p unalike | sed "s/.*-F \\([^ ]*\\).*/\\1/")" unalike; echo "${COMPREPLY[@]}"'
    )
    pressed = subprocess.run(["bash", "-c", press_tab], env=there, capture_output=True, text=True)
    assert pressed.stdout.split() == ["pathological"], pressed.stderr
