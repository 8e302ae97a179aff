"""What `serve` and `rehearse` do: prepare a study's folder, then run its server."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unalike.cli.console import err, out, print_headline, print_report, say
from unalike.cli.json_lines import JsonLines, LogFormat
from unalike.errors import InputError, unknown

from .interruption import interruptible

if TYPE_CHECKING:
    from unalike.network.deployment.ports import Address
    from unalike.network.server.events import Event
    from unalike.study.roster import Roster
    from unalike.study.settings import Study


def named(study: Path) -> str:
    """How a study file, or the folder of a served study, is called."""
    return study.name if study.is_dir() else study.stem


def prepared(
    study: Path,
    methods: str | None,
    folder: Path | None,
    *,
    sites: int | None,
    tls: Path | None,
    overwrite: bool,
    deals: bool = False,
) -> tuple[Path, dict[str, Any]]:
    """The folder of the study, made or found, and the run config's first settings.

    sites: how many are expected; deals: whether they get parts of a named data set.

    Raises:
        InputError: one sentence says what to change.
    """
    from unalike.models.registry import MODELS
    from unalike.study.roster import OWN, read_sites
    from unalike.study.settings import read_study

    if study.is_dir():
        folder, study = study, study / "study.toml"
    chosen: dict[str, Any] = {} if methods is None else {"methods": methods}
    if deals:
        chosen |= {"clients": sites, "new_clients": 0.0}
    resolved = read_study(study, chosen)
    if resolved.tuning is not None and not resolved.tuning.done:
        raise InputError(
            "A study is not tuned over a network: tune it with 'unalike compare --tune' on samples "
            "at hand, and serve the study.toml in its folder, which holds the chosen settings."
        )
    if resolved.model not in ("auto", *MODELS):
        raise unknown("model", resolved.model, MODELS)
    folder = folder or Path("runs") / f"{named(study)}-network"
    if deals and resolved.data == OWN:
        raise InputError(
            "A rehearsal deals a named data set to its sites: set data in the study file, as in "
            'data = "digits".'
        )
    roster, known = None if overwrite else read_sites(folder), {}
    if roster is None:
        roster = _begun(resolved, folder, sites, tls, overwrite)
    else:
        _check_same(resolved, folder)
        known = _kept(folder)
        say(f"Going on with the study in {folder}.")
    places = len(roster.places)
    if sites is not None and sites != places:
        raise InputError(f"The study in {folder} is for {places} sites, not {sites}.")
    settings: dict[str, Any] = {"study": str(folder.resolve()), "least": places}
    return folder, {**settings, **known}


def run_server(
    folder: Path,
    address: Address,
    settings: dict[str, Any],
    tls: Path | None,
    status: Address | None = None,
    log_format: LogFormat = "text",
) -> None:
    """Run the study in `folder` with the sites that come to `address`, and say what came out.

    status: where the status page is, if there is one.

    Raises:
        InputError: one sentence says why it failed.
    """
    from unalike.network.deployment.federation_state import FederationState
    from unalike.network.deployment.ports import listen
    from unalike.network.deployment.server_process import ServerDeployment, ServerProcess
    from unalike.network.deployment.status_page import StatusPage
    from unalike.study.files import write_atomically

    from .federation_progress import FederationProgress

    (folder / "network").mkdir(exist_ok=True)
    write_atomically(folder / "network" / "settings.json", json.dumps(settings).encode())
    server = ServerProcess(ServerDeployment(folder, address, settings, tls))
    state = FederationState(folder.name, server.status.present)
    display: JsonLines | FederationProgress = JsonLines()
    if log_format == "text":
        display = FederationProgress(err, folder.name, server.status.present)
    with (
        interruptible(f"The study is kept: 'unalike serve {folder}' goes on with it."),
        nullcontext() if status is None else StatusPage(listen(status, "--status"), state),
        display as progress,
    ):
        if status is not None:
            progress.say(f"Its status: http://{status}/")

        def on_event(event: Event) -> None:
            state.tell(event)
            progress.tell(event)

        server.on_event = on_event
        last = server.run()
    if last["event"] == "failed":
        raise InputError(str(last["why"]))
    if settings.get("diagnose"):
        _show_diagnosis(folder)
    else:
        print_report(folder / "report.html")


def _begun(
    study: Study, folder: Path, sites: int | None, tls: Path | None, overwrite: bool
) -> Roster:
    """The places of a study that begins."""
    from unalike.network.deployment.keys import admitted_keys
    from unalike.network.server.study import prepare
    from unalike.study.roster import OWN

    if sites is None and study.data == OWN and tls is not None:
        sites = len(admitted_keys(tls))
    return prepare(
        study,
        folder,
        sites=sites or 0,
        overwrite=overwrite,
        on_event=lambda event: say(str(event.get("text", event))),
    )


def _check_same(study: Study, folder: Path) -> None:
    from unalike.study.settings import read_study

    kept = read_study(folder / "study.toml")
    if kept != study.model_copy(update={"methods": kept.methods}):
        raise InputError(
            f"{folder} holds a study with other settings: give --out another folder, or "
            "--overwrite it."
        )


def _kept(folder: Path) -> dict[str, Any]:
    """What an earlier start decided: whom a round needs, and what is run besides."""
    path = folder / "network" / "settings.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    return {name: known[name] for name in ("least", "baselines") if name in known}


def _show_diagnosis(folder: Path) -> None:
    from unalike.cli.diagnosis_table import DiagnosisTable
    from unalike.network.server.diagnosis import read_diagnosis

    found = read_diagnosis(folder)
    out.print(DiagnosisTable(found))
    print_headline(found.headline)
    print_report(folder / "diagnosis.html")
