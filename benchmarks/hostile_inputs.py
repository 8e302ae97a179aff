"""Forty hostile inputs, one after the other: what is said of each, what it costs, who survives.

The first come from a site that has a key: a study of three sites in this process, over Flower's
messages without Flower's processes, of which one answers wrongly; its events go to the terminal's
view and to the status page. The others come from strangers and from the owner of a key to a gate
with TLS, before a server that answers everything. Memory is that of this process, which holds the
sender's side too.
"""

from __future__ import annotations

import contextlib
import io
import json
import socket
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from flwr.app import Message as FlowerMessage
from rich.console import Console

from network_grid import InProcessGrid, node
from unalike.cli.network.federation_progress import FederationProgress
from unalike.network.deployment.admitted_nodes import AdmittedNodes
from unalike.network.deployment.certificates import (
    make_server_certificate,
    server_certificate_files,
)
from unalike.network.deployment.federation_state import FederationState
from unalike.network.deployment.gate import Gate
from unalike.network.deployment.keys import make_admitted_key, read_private
from unalike.network.deployment.ports import Address, free_port, listen
from unalike.network.deployment.status_page import StatusPage
from unalike.network.deployment.web_server import WebServer
from unalike.network.protocol.flower_message import unwrap, wrap
from unalike.network.protocol.frames import Frames
from unalike.network.protocol.messages import Message
from unalike.network.server.server_settings import ServerSettings
from unalike.network.server.study import prepare, run_study
from unalike.network.site.own_samples import read_own_samples
from unalike.network.site.session import Session
from unalike.network.site.site_settings import SiteSettings
from unalike.study.settings import make_study

from .fault_kinds import signed_headers, untrusting

MIB = 2**20
HOSTILE = "hostile"
QUICK = ServerSettings(least=2, deadline=20.0, patience=60.0, grace=2.0, poll=0.05, baselines=False)
STUDY = {"data": "own", "model": "logistic", "methods": ("fedavg",), "rounds": 1, "seeds": 1}

Change = Callable[[Message], Message | Frames]


class MessageInput(NamedTuple):
    """A site answers a question of this verb otherwise than it should."""

    what: str
    verb: str
    change: Change


def _facts(**more: Any) -> Change:
    return lambda answer: answer._replace(facts={**answer.facts, **more})


def _without(name: str) -> Change:
    return lambda answer: answer._replace(
        facts={key: value for key, value in answer.facts.items() if key != name}
    )


def _numbers(change: Callable[[Any], Any]) -> Change:
    def changed(answer: Message) -> Message:
        numbers = np.frombuffer(answer.body, np.float32).copy()
        return answer._replace(body=change(numbers).astype(np.float32).tobytes())

    return changed


def _shapes(text: str) -> Change:
    return lambda answer: answer._replace(shapes={name: [text] for name in answer.shapes})


def _body(change: Callable[[bytes], bytes]) -> Change:
    return lambda answer: answer._replace(body=change(bytes(answer.body)))


def _head(text: str) -> Change:
    return lambda answer: Frames(text, answer.body)


def _counts(change: Callable[[Any], Any]) -> Change:
    """Every number of an evaluation, which are all of eight bytes."""

    def changed(answer: Message) -> Message:
        numbers = np.frombuffer(answer.body, np.float64).copy()
        return answer._replace(body=change(numbers).tobytes())

    return changed


_DEEP = '{"verb": "train", "shapes": {}, "facts": ' + '{"a":' * 100_000 + "1" + "}" * 100_001
_LABELS = {f"class {i}": 1 for i in range(200_000)}
MESSAGES = (
    MessageInput("a name in markup, `[/x]`", "describe", _facts(name="[/x]")),
    MessageInput("a name in colour, `[bold red]x`", "describe", _facts(name="[bold red]x")),
    MessageInput("escape codes in a name", "describe", _facts(name="\x1b[2J\x1b[31mred")),
    MessageInput("a name of 100,000 letters", "describe", _facts(name="a" * 100_000)),
    MessageInput("a name that is a path", "describe", _facts(name="../../etc/passwd")),
    MessageInput("an empty name", "describe", _facts(name="")),
    MessageInput("a name that is a list", "describe", _facts(name=[["x"], {"y": 1}])),
    MessageInput("a name that turns text round", "describe", _facts(name="a\u202eb")),
    MessageInput("another version, in markup", "describe", _facts(version="[/x]" * 1000)),
    MessageInput("no mark", "describe", _without("mark")),
    MessageInput("a mark of 20 MB", "describe", _facts(mark="m" * 20_000_000)),
    MessageInput("10^9 samples", "describe", _facts(sizes=[10**9, 0, 10**8])),
    MessageInput("-1 samples", "describe", _facts(sizes=[-1, 0, 5])),
    MessageInput("infinitely many samples", "describe", _facts(sizes=[float("inf"), 0, 5])),
    MessageInput("200,000 classes", "describe", _facts(label_counts=_LABELS)),
    MessageInput("a description that is no object", "describe", _facts(samples=[1, 2, 3])),
    MessageInput("numbers that are not finite", "train", _numbers(lambda u: u * np.nan)),
    MessageInput("-1000 times the update", "train", _numbers(lambda u: u * -1000)),
    MessageInput("an array of one number", "train", _shapes("float32[1]")),
    MessageInput("a shape of 10^18 numbers", "train", _shapes("float32[1000000000,1000000000]")),
    MessageInput("a negative shape", "train", _shapes("float32[-4,-4]")),
    MessageInput("a type that there is not", "train", _shapes("object[3]")),
    MessageInput("five bytes too few", "train", _body(lambda body: body[:-5])),
    MessageInput("20 MB too many", "train", _body(lambda body: body + bytes(20_000_000))),
    MessageInput("a head nested 100,000 times", "train", _head(_DEEP)),
    MessageInput("a head that is no JSON", "train", _head("\x00\xff{")),
    MessageInput("a head of 20 MB", "train", _facts(more="x" * 20_000_000, gradients="many")),
    MessageInput("10^400 gradients", "train", _facts(gradients=10**400)),
    MessageInput("a million hits too many", "evaluate", _counts(lambda n: n + 1e6)),
    MessageInput("counts that are not finite", "evaluate", _counts(lambda n: n * np.nan)),
)


class WireInput(NamedTuple):
    """Somebody does something at the gate's port; what is heard of it."""

    what: str
    send: Callable[[Address, dict[str, str]], str]


def _open(address: Address, *, tls: bool = True) -> socket.socket:
    plain = socket.create_connection(address, 20)
    plain.settimeout(20)
    return untrusting().wrap_socket(plain) if tls else plain


def _heard(end: socket.socket) -> str:
    """The first line and the text of an HTTP answer; how the connection ended otherwise."""
    content = b""
    with contextlib.suppress(OSError):
        while piece := end.recv(65_536):
            content += piece
            if b"\r\n\r\n" in content and len(content) > content.index(b"\r\n\r\n") + 4:
                break
    end.close()
    if not content.startswith(b"HTTP"):
        return "the connection is closed"
    head, _, text = content.partition(b"\r\n\r\n")
    status = head.split(b"\r\n")[0].split(b" ", 1)[1]
    return f"{status.decode()}: {text.decode('utf-8', 'replace')}"


def _raw(data: bytes, *, tls: bool = True) -> Callable[[Address, dict[str, str]], str]:
    def send(address: Address, _: dict[str, str]) -> str:
        end = _open(address, tls=tls)
        with contextlib.suppress(OSError):
            end.sendall(data)
        return _heard(end)

    return send


def _post(
    path: str, body: bytes = b"", *, key: str = "none", declared: int | None = None
) -> Callable[[Address, dict[str, str]], str]:
    """A request with no key, another's or an admitted one."""

    def send(address: Address, admitted: dict[str, str]) -> str:
        headers = {"none": {}, "other": signed_headers(), "admitted": admitted}[key]
        size = len(body) if declared is None else declared
        lines = [f"POST {path} HTTP/1.1", "Host: h", f"Content-Length: {size}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        end = _open(address)
        with contextlib.suppress(OSError):
            end.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        return _heard(end)

    return send


def _many(count: int, beginning: bytes) -> Callable[[Address, dict[str, str]], str]:
    """Connections that stay; whether somebody else is answered meanwhile."""

    def send(address: Address, admitted: dict[str, str]) -> str:
        with ExitStack() as held:
            for _ in range(count):
                with contextlib.suppress(OSError):
                    end = held.enter_context(socket.create_connection(address, 5))
                    if beginning:
                        end = held.enter_context(untrusting().wrap_socket(end))
                        end.sendall(beginning)
            return f"somebody else hears meanwhile: {_post('/v1/x')(address, admitted)}"

    return send


_PUSH = "/v1/fleet/push-object"
_HALF = b"POST /v1/fleet/push-object HTTP/1.1\r\nHost: h\r\nContent-Length: 33554432\r\n\r\nabc"
_TWO = b"POST /v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 30\r\n\r\nabc"
WIRE = (
    WireInput("100 kB of noise", _raw(np.random.default_rng(0).bytes(100_000), tls=False)),
    WireInput("100 kB of noise inside TLS", _raw(np.random.default_rng(1).bytes(100_000))),
    WireInput("two lengths in one request", _raw(_TWO)),
    WireInput("a header of 1 MB", _raw(b"GET / HTTP/1.1\r\nx: " + b"a" * 1_000_000 + b"\r\n\r\n")),
    WireInput("an operator's call", _post("/v1/control/start-run", b"x")),
    WireInput("a call round the corner", _post("/v1/fleet/../control/start-run", b"x")),
    WireInput("work without a key", _post("/v1/fleet/pull-messages", b"x")),
    WireInput("work with another's key", _post("/v1/fleet/pull-messages", b"x", key="other")),
    WireInput("17 MB with an admitted key", _post(_PUSH, bytes(17 * MIB), key="admitted")),
    WireInput("300 half requests without a key", _many(300, _HALF)),
)


class Outcome(NamedTuple):
    """What came of an input."""

    what: str
    sentence: str  # empty where nothing was said
    mib: float  # that the process held more than before all inputs, at most
    alive: bool  # whether the view and the page went on, and the study ended or others were served


def measure_hostile_inputs() -> list[Outcome]:
    """All inputs, the messages first."""
    outcomes = []
    with tempfile.TemporaryDirectory() as place:
        _from_a_site(Path(place) / "rest", MessageInput("nothing", "", lambda answer: answer), 0)
        rest = _resident()
        for i, one in enumerate(MESSAGES):
            outcomes.append(_from_a_site(Path(place) / str(i), one, rest))
            print(json.dumps(outcomes[-1]), flush=True)
        with _gate(Path(place)) as (address, admitted):
            for wire in WIRE:
                outcomes.append(_from_a_stranger(address, admitted, wire, rest))
                print(json.dumps(outcomes[-1]), flush=True)
    return outcomes


def _from_a_site(folder: Path, given: MessageInput, rest: float) -> Outcome:
    folder.mkdir()
    grid, said, view = InProcessGrid(), list[str](), io.StringIO()
    y = np.arange(30) % 3
    np.savez(folder / "a.npz", x=np.eye(3)[y].astype(np.float32), y=y)
    samples = read_own_samples(folder / "a.npz")
    sites = [Session(SiteSettings(f"site-{i}", folder / f"{i}", samples)) for i in range(2)]
    for i, session in enumerate(sites):
        grid.nodes[i + 1] = node(session.handle)
    bad = Session(SiteSettings(HOSTILE, folder / HOSTILE, samples))

    def answer_badly(message: FlowerMessage) -> FlowerMessage:
        request = Message.of(unwrap(message))
        answer: Message | Frames = bad.handle(request)
        if request.verb == given.verb and isinstance(answer, Message):
            answer = given.change(answer)
        frames = answer.frames() if isinstance(answer, Message) else answer
        return FlowerMessage(wrap(frames), reply_to=message)

    grid.nodes[9] = answer_badly
    prepare(make_study(STUDY), folder / "study", sites=3)
    state = FederationState("study", lambda: {"site-0", "site-1"})
    console = Console(file=view, force_terminal=True, width=100)
    last = ""
    page = Address("127.0.0.1", free_port())
    with (
        _peak() as peak,
        StatusPage(listen(page), state),
        FederationProgress(console, "study") as display,
    ):

        def on_event(event: dict[str, Any]) -> None:
            nonlocal last
            state.tell(event)
            display.tell(event)
            last = str(event["event"])
            text = str(event.get("text", event.get("why", "")))
            if HOSTILE in text or "ode 9" in text or event.get("site") in (HOSTILE, "node 9"):
                said.append(text)

        alive = _ends(lambda: run_study(grid, folder / "study", QUICK, on_event))
        with urllib.request.urlopen(f"http://{page}/status.json", timeout=20) as answer:
            alive = alive and answer.status == 200 and last == "finished"
    spoken = [text for text in said if text]
    return Outcome(given.what, spoken[0] if spoken else "", max(0.0, peak() - rest), alive)


def _ends(work: Callable[[], None]) -> bool:
    try:
        work()
    except Exception as error:
        print(json.dumps({"raised": repr(error)[:300]}), flush=True)
        return False
    return True


def _from_a_stranger(
    address: Address, admitted: dict[str, str], given: WireInput, rest: float
) -> Outcome:
    with _peak() as peak:
        heard = given.send(address, admitted)
        served = _post("/v1/fleet/pull-messages", b"x", key="admitted")(address, admitted)
    return Outcome(given.what, heard, max(0.0, peak() - rest), served.startswith("200"))


@contextmanager
def _gate(folder: Path) -> Iterator[tuple[Address, dict[str, str]]]:
    """A gate with TLS before a server that takes everything; an admitted node's headers."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    async def take(_: Request) -> Response:
        return Response("taken")

    tls, inner = folder / "tls", Address("127.0.0.1", free_port())
    make_server_certificate(tls, ["localhost"])
    make_admitted_key(tls, "site")
    headers = signed_headers(read_private(tls / "keys" / "site.key"))
    nodes, outer = AdmittedNodes(tls), Address("localhost", free_port())
    server = WebServer(
        "inner", listen(inner), Starlette(routes=[Route("/{p:path}", take, methods=["POST"])])
    )
    server.start()
    gate = Gate(
        listen(outer),
        inner,
        tls=server_certificate_files(tls),
        admits=lambda given: nodes.admits(given) is None,
    )
    try:
        with gate:
            yield outer, headers
    finally:
        server.stop()


def _resident() -> float:
    """MiB of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / MIB


@contextmanager
def _peak() -> Iterator[Callable[[], float]]:
    """The most MiB while it lasts, as often as it is looked at."""
    most, over = [_resident()], threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            most[0] = max(most[0], _resident())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield lambda: most[0]
    finally:
        over.set()
        thread.join()
