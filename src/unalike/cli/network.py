"""The commands that need the extra `network`: reads options, calls the library, prints."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from unalike.errors import InputError, unknown
from unalike.network.server.server_settings import HELP, ServerSettings

from . import options

err = Console(stderr=True)

OneProcess = Annotated[
    bool,
    typer.Option(
        "--one-process",
        help="Answer in one process, not in a new one for every message: faster, but only with "
        "versions of Flower that it was tested with.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (serve, join, rehearse, certificates, key, gate):
        app.command()(command)


def serve(
    study: Annotated[Path, typer.Argument(help="A study file (TOML), or a served study's folder.")],
    method: Annotated[
        str | None, typer.Option(help="Method, or several with commas. [those of the study]")
    ] = None,
    listen: Annotated[str, typer.Option(help="HOST:PORT where sites come.")] = "0.0.0.0:9092",
    tls: Annotated[
        Path | None, typer.Option(help="Folder with server.crt, server.key and nodes/*.pub.")
    ] = None,
    sites: Annotated[
        int | None, typer.Option(help="Sites that are expected. [admitted keys, or clients]")
    ] = None,
    least: Annotated[int | None, typer.Option(help=f"{HELP['least']} [all]")] = None,
    deadline: Annotated[float, typer.Option(help=HELP["deadline"])] = ServerSettings.deadline,
    patience: Annotated[float, typer.Option(help=HELP["patience"])] = ServerSettings.patience,
    grace: Annotated[float, typer.Option(help=HELP["grace"])] = ServerSettings.grace,
    baselines: Annotated[
        bool | None,
        typer.Option(
            "--baselines/--no-baselines",
            help=f"{HELP['baselines']} [unless --method]",
            show_default=False,
        ),
    ] = None,
    diagnose: Annotated[
        bool,
        typer.Option(
            "--diagnose",
            help=f"{HELP['diagnose']} Into runs/<study>-diagnosis.",
        ),
    ] = False,
    noise: Annotated[float | None, typer.Option(help=f"{HELP['noise']} [none]")] = None,
    label: Annotated[int | None, typer.Option(help=HELP["label"])] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Folder of the study. [runs/<study>-network]")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the study that the folder holds.")
    ] = False,
) -> None:
    """Conduct a study among sites that join over the network; the same command goes on with it."""
    _need_flower()
    asked = _diagnosis_settings(diagnose, noise, label)
    if diagnose and folder is None and not study.is_dir():
        folder = Path("runs") / f"{_stem(study)}-diagnosis"
    from unalike.network.deployment.ports import parse_address

    address = parse_address(listen, "--listen")
    if tls is None and address.host not in ("127.0.0.1", "::1", "localhost"):
        _say("Without --tls anybody who reaches this port can join, and read what travels.")
    place, settings = _prepared(study, method, folder, sites=sites, tls=tls, overwrite=overwrite)
    settings |= {"deadline": deadline, "patience": patience, "grace": grace}
    if baselines is not None or "baselines" not in settings:
        settings["baselines"] = method is None if baselines is None else baselines
    if least is not None:
        settings["least"] = least
    _conduct(place, address, settings | asked, tls)


def join(
    server: Annotated[str, typer.Argument(help="HOST:PORT of the server.")],
    data: Annotated[
        Path, typer.Option(help="This site's samples: a .npz, .csv, .parquet file or a folder.")
    ],
    name: Annotated[str, typer.Option(help="How this site is called.")],
    label_column: options.LabelColumn = None,
    client_column: Annotated[
        str | None,
        typer.Option(
            help="Where a file holds several clients: the column of their names; samples with this "
            "site's --name are taken."
        ),
    ] = None,
    tls: Annotated[
        Path | None, typer.Option(help="The server's ca.crt, or a folder that holds it.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="This site's private key; see 'unalike key'.")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="Folder for what stays private. [unalike-<name>]")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "cpu",
    limit: Annotated[
        float, typer.Option(help="Seconds after which an answer is given up.")
    ] = 3600.0,
    patience: Annotated[
        float, typer.Option(help="Seconds to wait for a server that does not answer.")
    ] = 600.0,
    hide_classes: Annotated[
        bool,
        typer.Option(
            "--hide-classes", help="Do not tell how many samples of each class there are."
        ),
    ] = False,
    hide_accuracy: Annotated[
        bool,
        typer.Option(
            "--hide-accuracy", help="Do not tell how well models do on this site's samples."
        ),
    ] = False,
    noise: Annotated[
        float | None,
        typer.Option(
            help="Take part in a diagnosis and nothing else, and tell no number but with noise of "
            "at most this epsilon, once."
        ),
    ] = None,
    one_process: OneProcess = False,
) -> None:
    """Take part in a study with this machine's data, which never leave it."""
    _need_flower()
    from unalike.network.deployment.certificates import authority_file
    from unalike.network.deployment.keys import check_name, public_key_of
    from unalike.network.deployment.ports import parse_address
    from unalike.network.deployment.site_process import NODES, SiteDeployment, SiteProcess
    from unalike.network.deployment.supernode import Credentials

    check_name(name, "--name")
    if device not in ("cpu", "cuda", "auto"):
        raise InputError(f"--device {device!r}: choose cpu, cuda or auto.")
    if not data.exists():
        raise InputError(f"--data {data}: there is no such file or folder.")
    if key is not None and tls is None:
        raise InputError("--key needs --tls: a key is only used on an encrypted connection.")
    if key is not None:
        public_key_of(key)
    node = _node(one_process)
    worker = ["--data", str(data), "--device", device, "--limit", str(limit)]
    worker += [] if noise is None else ["--noise", str(_noise(noise))]
    worker += [] if label_column is None else ["--label-column", label_column]
    worker += [] if client_column is None else ["--client-column", client_column]
    worker += ["--hide-classes"] if hide_classes else []
    worker += ["--hide-accuracy"] if hide_accuracy else []
    deployment = SiteDeployment(
        server=parse_address(server, "server"),
        name=name,
        state_folder=state or Path(f"unalike-{name}"),
        worker_options=worker,
        credentials=Credentials(
            None if tls is None else authority_file(tls).resolve(),
            None if key is None else key.resolve(),
        ),
        patience=patience,
        start_node=NODES[node],
    )
    with _ended_by_hand("This site has left; the same command joins again."):
        SiteProcess(deployment, _say).run()


def rehearse(
    study: Annotated[Path, typer.Argument(help="A study file (TOML).")],
    nodes: Annotated[int, typer.Option(help="Sites, each with processes of its own.", min=2)] = 3,
    method: Annotated[
        str | None, typer.Option(help="Method, or several with commas. [those of the study]")
    ] = None,
    deadline: Annotated[float, typer.Option(help=HELP["deadline"])] = ServerSettings.deadline,
    baselines: Annotated[
        bool, typer.Option("--baselines/--no-baselines", help=HELP["baselines"])
    ] = False,
    diagnose: Annotated[bool, typer.Option("--diagnose", help=HELP["diagnose"])] = False,
    noise: Annotated[float | None, typer.Option(help=f"{HELP['noise']} [none]")] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Folder of the study. [runs/<study>-rehearsal]")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the study that the folder holds.")
    ] = False,
    one_process: OneProcess = False,
) -> None:
    """Try a federation on this machine: real processes, sockets, certificates and keys."""
    _need_flower()
    from unalike.network.deployment.ports import Address, free_port
    from unalike.network.deployment.rehearsal import Rehearsal
    from unalike.study.sites import read_sites

    asked, node = _diagnosis_settings(diagnose, noise), _node(one_process)
    folder = folder or Path("runs") / f"{_stem(study)}-rehearsal"
    place, settings = _prepared(
        study, method, folder, sites=nodes, tls=None, overwrite=overwrite, deals=True
    )
    roster = read_sites(place)
    assert roster is not None
    names = [site.name for site in roster.places if site is not None]
    settings |= {"deadline": deadline, "baselines": baselines, **asked}
    address = Address("localhost", free_port())
    with Rehearsal(place, address, names, _say, node=node) as rehearsal:
        _conduct(place, rehearsal.server, settings, rehearsal.tls)


def certificates(
    folder: Annotated[Path, typer.Argument(help="Where they are kept.")],
    host: Annotated[
        list[str] | None,
        typer.Option(help="A name or address by which sites reach the server; can be repeated."),
    ] = None,
    site: Annotated[
        list[str] | None,
        typer.Option(help="Also make the key of this site here; can be repeated."),
    ] = None,
) -> None:
    """Make the server's certificate (anew), and the authority that every site trusts."""
    _need_flower()
    from unalike.network.deployment.certificates import make_server_certificate
    from unalike.network.deployment.keys import make_admitted_key

    if host or not (site and (folder / "server.crt").exists()):
        authority = make_server_certificate(folder, host or [])
        print(f"Every site needs {authority}. Keep {folder / 'ca.key'} away from the network.")
    for name in site or []:
        file = make_admitted_key(folder, name)
        print(f"{file} is for {name} alone: carry it there safely, then remove it.")
    print(f"Public keys of the sites that may join lie in {folder / 'nodes'}.")
    (folder / "nodes").mkdir(exist_ok=True)


def key(
    file: Annotated[Path, typer.Argument(help="Where the private key goes.")],
) -> None:
    """Make a site's key; its public half goes to the server's keeper."""
    _need_flower()
    from unalike.network.deployment.keys import make_key

    public = make_key(file)
    print(f"Send {public} to the server's keeper, who puts it into the folder nodes as NAME.pub.")


def gate(
    listen: Annotated[str, typer.Option(help="HOST:PORT where sites come.")],
    to: Annotated[str, typer.Option(help="HOST:PORT of a flower-superlink on this machine.")],
    tls: Annotated[Path | None, typer.Option(help="Folder with server.crt and server.key.")] = None,
    inner_ca: Annotated[
        Path | None, typer.Option(help="Certificate that signed the superlink's own.")
    ] = None,
) -> None:
    """Let sites reach a flower-superlink that you run yourself, and nothing of it but that."""
    _need_flower()
    from unalike.network.deployment import ports
    from unalike.network.deployment.certificates import authority_file, server_certificate_files
    from unalike.network.deployment.gate import Gate

    outer, inner = ports.parse_address(listen, "--listen"), ports.parse_address(to, "--to")
    files = None if tls is None else server_certificate_files(tls)
    trusted = None if inner_ca is None else authority_file(inner_ca)
    with (
        _ended_by_hand("The gate is closed."),
        Gate(ports.listen(outer), inner, authority=trusted, tls=files) as opened,
    ):
        _say(f"Open at {outer}; end with Ctrl-C.")
        opened.wait()


def _diagnosis_settings(
    diagnose: bool, noise: float | None, label: int | None = None
) -> dict[str, Any]:
    """What the run config says of a diagnosis."""
    if not diagnose:
        if noise is not None or label is not None:
            raise InputError("--noise and --label are for a diagnosis: add --diagnose.")
        return {}
    return {
        "diagnose": True,
        "noise": 0.0 if noise is None else _noise(noise),
        "label": -1 if label is None else label,
    }


def _noise(epsilon: float) -> float:
    from unalike.diagnosis.summary_noise import Noise

    return Noise(epsilon).epsilon


def _node(one_process: bool) -> str:
    """Which of `site_process.NODES` a site has."""
    if not one_process:
        return "supernode"
    from unalike.network.deployment.in_process_supernode import check_flower_version

    check_flower_version()
    return "one-process"


def _need_flower() -> None:
    if find_spec("flwr") is None:
        raise InputError(
            "This needs Flower: pip install 'unalike[network]' (Python 3.11 or later)."
        )


def _prepared(
    study: Path,
    method: str | None,
    folder: Path | None,
    *,
    sites: int | None,
    tls: Path | None,
    overwrite: bool,
    deals: bool = False,
) -> tuple[Path, dict[str, Any]]:
    """The folder of the study, made or found, and the run config's first settings."""
    from unalike.models.registry import MODELS
    from unalike.network.deployment.keys import admitted_keys
    from unalike.network.server.study import prepare
    from unalike.study.settings import read_study
    from unalike.study.sites import OWN, read_sites

    if study.is_dir():
        folder, study = study, study / "study.toml"
    chosen: dict[str, Any] = {} if method is None else {"methods": method}
    if deals:
        chosen |= {"clients": sites, "new_clients": 0.0}
    resolved = read_study(study, chosen)
    if resolved.model not in ("auto", *MODELS):
        raise unknown("model", resolved.model, MODELS)
    folder = folder or Path("runs") / f"{_stem(study)}-network"
    if deals and resolved.data == OWN:
        raise InputError(
            "A rehearsal deals a named data set to its sites: set data in the study file, as in "
            'data = "digits".'
        )
    roster, known = None if overwrite else read_sites(folder), {}
    if roster is None:
        count = sites
        if count is None and resolved.data == OWN and tls is not None:
            count = len(admitted_keys(tls))
        roster = prepare(
            resolved,
            folder,
            sites=count or 0,
            overwrite=overwrite,
            on_event=lambda event: _say(str(event.get("text", event))),
        )
    else:
        kept = read_study(folder / "study.toml")
        if kept != resolved.model_copy(update={"methods": kept.methods}):
            raise InputError(
                f"{folder} holds a study with other settings: give --out another folder, or "
                "--overwrite it."
            )
        known = _kept(folder)
        _say(f"Going on with the study in {folder}.")
    places = len(roster.places)
    if sites is not None and sites != places:
        raise InputError(f"The study in {folder} is for {places} sites, not {sites}.")
    settings: dict[str, Any] = {"study": str(folder.resolve()), "least": places}
    return folder, {**settings, **known}


def _kept(folder: Path) -> dict[str, Any]:
    """What an earlier start decided: whom a round needs, and what is run besides."""
    path = folder / "network" / "settings.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    return {name: known[name] for name in ("least", "baselines") if name in known}


def _conduct(folder: Path, address: Any, settings: dict[str, Any], tls: Path | None) -> None:
    from unalike.network.deployment.server_process import ServerDeployment, ServerProcess
    from unalike.study.store import write_atomically

    from .federation_view import FederationView

    (folder / "network").mkdir(exist_ok=True)
    write_atomically(folder / "network" / "settings.json", json.dumps(settings).encode())
    server = ServerProcess(ServerDeployment(folder, address, settings, tls))
    with (
        _ended_by_hand(f"The study is kept: 'unalike serve {folder}' goes on with it."),
        FederationView(err, folder.name, server.status.present) as view,
    ):
        server.on_event = view.tell
        last = server.run()
    if last["event"] == "failed":
        raise InputError(str(last["why"]))
    if settings.get("diagnose"):
        _show_diagnosis(folder)
    else:
        print(f"Report: {folder / 'report.html'}")


def _show_diagnosis(folder: Path) -> None:
    from unalike.diagnosis.terminal import Terminal
    from unalike.network.server.diagnosis import read_diagnosis

    found = read_diagnosis(folder)
    out = Console()
    out.print(Terminal(found))
    out.print(f"\n{found.headline}", style="bold", highlight=False, markup=False)
    print(f"Report: {folder / 'diagnosis.html'}")


@contextmanager
def _ended_by_hand(sentence: str) -> Iterator[None]:
    """SIGTERM and Ctrl-C end everything that was started, and leave with this sentence."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        _say(sentence)
        raise typer.Exit(130) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _stem(study: Path) -> str:
    return study.name if study.is_dir() else study.stem


def _say(sentence: str) -> None:
    err.print(sentence, highlight=False, markup=False, soft_wrap=True)
