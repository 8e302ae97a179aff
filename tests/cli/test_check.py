"""`unalike check`: what will happen to a model, and files that hold none."""

from pathlib import Path

import pytest
from torch import nn

from command_line import unalike
from unalike.api.check import check_model
from unalike.core import Problem
from unalike.methods import METHODS

Output = pytest.CaptureFixture[str]

FILE = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.memory, self.head = nn.GRU(8, 4, batch_first=True), nn.Linear(4, 10)

    def forward(self, x):
        return self.head(self.memory(x.reshape(len(x), 8, 8))[0][:, -1])

ready = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
layers = 3

def sized(width):
    return nn.Linear(64, width)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    return path


def test_says_size_how_it_is_trained_and_what_travels(file: Path, capsys: Output) -> None:
    options = ("--clients", 4, "--split", "iid", "--methods", "fedavg,scaffold,fusedspacefed")
    assert unalike("check", f"{file}:Net", *options) == 0
    said = " ".join(capsys.readouterr().out.split())
    weights = 3 * 4 * (8 + 4 + 2) + 10 * 4 + 10
    assert f"Net: {weights} numbers that are trained." in said
    assert "Clients are trained one by one, because it cannot be stacked (PyTorch has no" in said
    assert f"fedavg {weights * 4} B {weights * 4} B" in said
    twice = f"{2 * weights * 4 / 1000:.1f} kB"
    assert f"scaffold {twice} {twice}" in said
    assert "fusedspacefed: FusedSpaceFed needs a model with the parts encoder" in said
    assert {each.name for each in file.parent.iterdir()} <= {file.name, "__pycache__"}


def test_every_method_is_tried_and_a_stacked_model_is_said_to_be_one(file: Path) -> None:
    found = check_model(f"{file}:ready", clients=4, split="iid")
    assert found.work == "stacked, many at once"
    assert {method.label for method in found.methods} == set(METHODS)
    refused = {method.label for method in found.methods if method.refused}
    assert refused == {"fedas", "fusedspacefed"}  # no encoder, and nothing below the head
    sent = {method.label: method.bytes_up for method in found.methods}
    assert sent["local"] == sent["centralised"] == 0
    assert sent["fedavg"] == found.parameters * 4
    assert found.round_seconds >= found.step_seconds > 0
    named = check_model("cnn", "digits", methods="fedavg", clients=4)
    assert named.work == "one by one, which is faster for convolutions on a CPU"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("mine.py", "say which model of the file is meant"),
        ("mine.py:Nett", "did you mean 'Net'?"),
        ("mine.py:layers", "is a int, and no torch.nn.Module"),
        ("mine.py:sized", "cannot be called without arguments"),
        ("other.py:Net", "There is no file"),
        ("broken.py:Net", "cannot be run: SyntaxError"),
        ("nosuchnetwork", "Unknown"),
    ],
)
def test_what_is_no_model_is_said(file: Path, capsys: Output, name: str, sentence: str) -> None:
    (file.parent / "broken.py").write_text("class Net(:")
    given = f"{file.parent}/{name}" if "py" in name else name
    assert unalike("check", given, "--clients", 4, "--methods", "fedavg") == 2
    assert sentence in " ".join(capsys.readouterr().err.split())


def test_a_problem_and_its_remarks() -> None:
    module = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, 10))
    found = check_model(Problem(module), clients=4, methods="fedavg")
    assert found.kind == "Sequential"
    assert found.parameters == 64 * 2 + 64 * 10 + 10
