"""What is loaded before the first round of a comparison: what that needs, and no more."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
from pathlib import Path
from unalike.api import compare

def begin(study, *_, **__):
    unneeded = ("pandas", "plotly", "scipy.stats", "sympy", "torch._dynamo", "unalike.api.result")
    print(len(study.methods), [name for name in unneeded if name in sys.modules])
    raise SystemExit

compare.finish_study = begin
compare.compare("digits", rounds=20, seeds=1, out=Path(sys.argv[1]))
"""


def test_tables_figures_and_the_compiler_are_not_loaded_before_the_first_round(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "study")], capture_output=True, text=True
    )
    methods, loaded = done.stdout.split(maxsplit=1)
    assert int(methods) > 30
    assert loaded.strip() == "[]"
