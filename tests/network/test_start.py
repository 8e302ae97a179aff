"""What a federation's processes load before there is anything to do."""

from __future__ import annotations

import subprocess
import sys

import pytest

RESULTS = ["pandas", "scipy.stats", "scipy.optimize", "plotly", "jinja2", "joblib", "sklearn"]
"""What only results, reports and diagnoses need."""
SITES = ["unalike.network.deployment.site_process", "unalike.network.deployment.in_process_node"]
TRAINING = ["unalike.network.site.worker", "unalike.network.server.study"]


@pytest.mark.parametrize(
    ("modules", "unneeded"),
    [(SITES, ["torch", "scipy", *RESULTS]), (TRAINING, RESULTS)],
    ids=["supervision and node", "worker and server"],
)
def test_a_process_loads_nothing_that_only_later_work_needs(
    modules: list[str], unneeded: list[str]
) -> None:
    code = f"import sys, {', '.join(modules)}; print([n for n in {unneeded} if n in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
