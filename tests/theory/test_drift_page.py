"""The page on drift prints what its script computes, and what it says of it is true."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "theory" / "drift.md").read_text("utf-8")
FALLING = "falling step size"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("drift_example", ROOT / "examples" / "drift.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["drift_example"] = module
    spec.loader.exec_module(module)
    return module


def test_tables_of_the_page(script: ModuleType) -> None:
    for table in (script.steps_table(), script.measures_table(), script.remedies_table()):
        assert table in PAGE, "run python examples/drift.py and put its tables into the page"


def test_guarantee_of_the_page(script: ModuleType) -> None:
    excess, most = script.guarantee()
    assert f"{excess:.1e}, and the bound allows {most:.2g}." in " ".join(PAGE.split())


def test_script_prints_the_tables_and_writes_the_figure(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "drift.html"
    script.main(["--out", str(out)])
    printed = capsys.readouterr().out
    assert script.remedies_table() in printed
    assert "Equal curvatures" in out.read_text("utf-8")


@pytest.mark.parametrize(("steps", "known"), [(1, 3.644e-3), (5, 2.571e-12)])
def test_equal_curvatures_in_closed_form(script: ModuleType, steps: int, known: float) -> None:
    found = script.distances(script.EQUAL, steps)[-1]
    assert found == pytest.approx(0.9 ** (50 * steps) * 0.5**0.5, rel=1e-3)
    assert found == pytest.approx(known, rel=1e-3)


def test_what_the_page_says_of_the_unequal_world(script: ModuleType) -> None:
    pulls = script.pulls
    assert script.UNEQUAL.optimum() == pytest.approx([-0.2, -0.2])
    assert script.limit(script.UNEQUAL, pulls.fedavg(0.1, 10**4)) == pytest.approx(0.08**0.5)
    biases = [script.limit(script.UNEQUAL, pulls.fedavg(0.1, steps)) for steps in script.STEPS]
    assert biases == sorted(biases)
    ratio = script.limit(script.UNEQUAL, pulls.fedavg(0.01, 5)) / biases[2]
    assert ratio == pytest.approx(0.1, abs=0.01)


def test_no_gradient_of_the_path_is_longer_than_assumed(script: ModuleType) -> None:
    known = script.constants()
    etas = script.step_sizes(known, 5, 500)
    path = script.fedavg_path(script.UNEQUAL, script.START, etas, steps=5)
    longest = max(np.linalg.norm(script.UNEQUAL.gradients(w), axis=1).max() for w in path)
    assert longest <= known.gradient
