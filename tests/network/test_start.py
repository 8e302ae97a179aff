"""What a federation's processes load before there is anything to do."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from unalike.network.deployment.server_status import ServerStatus
from unalike.network.protocol.study_summary import StudySummary

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


SUMMARY = StudySummary(methods=("scaffold",), rounds=3, seeds=1, model="mlp", task="classes")


@pytest.fixture
def server() -> Iterator[str]:
    """HOST:PORT of a server that says what `unalike serve` says of its study."""
    status = ServerStatus(dict, SUMMARY.model_dump(mode="json"))

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(status.answer({})).encode())

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Answer) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"127.0.0.1:{listening.server_address[1]}"
        listening.shutdown()
        thread.join()


def test_join_asks_for_consent_before_torch_is_loaded(server: str, tmp_path: Path) -> None:
    """The worker loads it, once; `join` reads its options and policy, and shows the study."""
    (tmp_path / "own.csv").write_text("a,label\n1,yes\n2,no\n")
    (tmp_path / "policy.toml").write_text('methods = ["scaffold"]\nprivacy = "none"\n')
    options = ["--data", "own.csv", "--name", "a", "--policy", "policy.toml", "--label-column"]
    options += ["label", "--column", "a=number", "--scale", "none", "--task", "classes"]
    code = (
        "import sys; from unalike.cli.main import main\n"
        f"sys.argv = {['unalike', 'join', server, *options]}\n"
        "try: main()\n"
        "finally: print([n for n in ('torch', 'scipy', 'pandas', 'flwr') if n in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    said = " ".join(found.stderr.split())
    assert "Nobody can be asked here" in said, said
    assert "scaffold sends: down x, c [P]" in said
    assert found.stdout.strip() == "[]"
