"""The gate passes on what nodes ask and nothing else; a site learns why it may not join."""

import asyncio
import base64
import contextlib
import http.client
import select
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from unalike.errors import InputError
from unalike.network.deployment import (
    admitted_nodes,
    connection_limits,
    keys,
    preflight,
    server_status,
)
from unalike.network.deployment import gate as gates
from unalike.network.deployment.admitted_nodes import AdmittedNodes
from unalike.network.deployment.certificates import (
    make_server_certificate,
    server_certificate_files,
)
from unalike.network.deployment.gate import MAX_REQUEST_BYTES, Gate
from unalike.network.deployment.ports import Address, free_port, listen, parse_address
from unalike.network.deployment.server_status import ServerStatus
from unalike.network.deployment.supernode import Credentials

LONGEST = 300.0
"""Seconds that anything may take on a busy machine."""


class FakeSuperLink:
    """In the SuperLink's place: writes down what reaches it."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.delay = 0.0

    async def answer(self, request: Request) -> Response:
        self.paths.append(request.url.path)
        await asyncio.sleep(self.delay)
        body = await request.body()
        return Response(b"got " + body[:20], 202, {"x-mark": request.headers.get("x-mark", "")})


@contextmanager
def fake_superlink() -> Iterator[tuple[FakeSuperLink, Address]]:
    address, record = Address("127.0.0.1", free_port()), FakeSuperLink()
    app = Starlette(routes=[Route("/{p:path}", record.answer, methods=["GET", "POST"])])
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none", port=address.port))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    assert server.started
    yield record, address
    server.should_exit = True
    thread.join()


@contextmanager
def gate(inner: Address, **options: Any) -> Iterator[Address]:
    outer = Address("localhost", free_port())
    with Gate(listen(outer), inner, **options):
        yield outer


def ask(
    outer: Address, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, bytes, Any]:
    connection = http.client.HTTPConnection(*outer, timeout=LONGEST)
    connection.request(method, path, body, {"x-mark": "17", **(headers or {})})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content, answer.headers


def test_a_node_is_passed_on_with_its_headers() -> None:
    with fake_superlink() as (record, inner), gate(inner) as outer:
        status, content, headers = ask(outer, "POST", "/v1/fleet/pull-messages", b"hello")
    assert (status, content, headers["x-mark"]) == (202, b"got hello", "17")
    assert record.paths == ["/v1/fleet/pull-messages"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/control/start-run",
        "/v1/control/register-node",
        "/v1/runtime/pull-task-input",
        "/v1/fleet/../control/start-run",
        "/v1/fleet/%2e%2e/control/start-run",
        "/v1/fleet/pull-messages/../../control/start-run",
        "/v1/fleet/pull-messages%2f..%2f..%2fcontrol%2fstart-run",
        "/v1/fleet//control/start-run",
        "//v1/fleet/pull-messages",
        "/V1/FLEET/pull-messages",
        "/v1/fleet/pull-messages\\..\\..\\control",
        "/v1/fleet/something-new",
        "/health",
        "/",
        "http://127.0.0.1/v1/control/start-run",
    ],
)
def test_nothing_else_is(path: str) -> None:
    with fake_superlink() as (record, inner), gate(inner) as outer:
        assert ask(outer, "POST", path)[0] in (403, 404)
        assert ask(outer, "GET", path)[0] in (403, 404, 405)
    assert record.paths == []


def test_only_a_federation_without_keys_lets_nodes_register_themselves(tmp_path: Path) -> None:
    authority = make_server_certificate(tmp_path, ["localhost"])
    with fake_superlink() as (record, inner):
        with gate(inner) as outer:
            assert ask(outer, "POST", "/v1/fleet/register-node")[0] == 202
        with gate(inner, authority=authority) as outer:
            assert ask(outer, "POST", "/v1/fleet/register-node")[0] == 401
    assert record.paths == ["/v1/fleet/register-node"]


def test_a_flood_is_cut_off() -> None:
    with fake_superlink() as (record, inner), gate(inner) as outer:
        try:
            status = ask(outer, "POST", "/v1/fleet/push-object", bytes(MAX_REQUEST_BYTES + 1))[0]
        except ConnectionError:
            status = 413
        assert status == 413
    assert record.paths == []


def closed_by_the_other_end(connection: socket.socket) -> bool:
    """Waits until nothing more can come."""
    connection.settimeout(LONGEST)
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


UNFINISHED = b"POST /v1/fleet/push-object HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc"


@pytest.mark.parametrize("sent", [b"", b"POST /v1/fl", UNFINISHED], ids=["none", "head", "body"])
def test_who_sends_no_more_is_not_waited_for(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_limits, "SILENT_SECONDS", 0.3)
    monkeypatch.setattr(connection_limits, "LOOK_SECONDS", 0.05)
    with fake_superlink() as (record, inner), gate(inner) as outer:
        with socket.create_connection(outer) as connection:
            connection.sendall(sent)
            assert closed_by_the_other_end(connection)
        assert ask(outer, "POST", "/v1/fleet/pull-messages")[0] == 202
    assert record.paths == ["/v1/fleet/pull-messages"]


def test_noise_is_no_line_of_the_keeper_s_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with fake_superlink() as (record, inner), gate(inner) as outer:
        with socket.create_connection(outer) as connection:
            connection.sendall(b"\x1b[31m\x00\xff\r\n\r\n")
            assert connection.recv(1000).startswith(b"HTTP/1.1 400")
        assert ask(outer, "POST", "/v1/fleet/pull-messages")[0] == 202
    assert record.paths == ["/v1/fleet/pull-messages"]
    assert "Invalid" not in capfd.readouterr().err


def test_a_request_that_drips_in_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_limits, "REQUEST_SECONDS", 0.5)
    monkeypatch.setattr(connection_limits, "LOOK_SECONDS", 0.05)
    with (
        fake_superlink() as (record, inner),
        gate(inner) as outer,
        socket.create_connection(outer) as connection,
    ):
        connection.sendall(UNFINISHED)
        with contextlib.suppress(ConnectionError):
            for _ in range(900):
                connection.sendall(b"x")
                time.sleep(0.01)
        assert closed_by_the_other_end(connection)
    assert record.paths == []


def test_a_node_may_wait_for_its_answer_as_long_as_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection_limits, "SILENT_SECONDS", 0.2)
    monkeypatch.setattr(connection_limits, "LOOK_SECONDS", 0.05)
    with fake_superlink() as (record, inner), gate(inner) as outer:
        record.delay = 1.0
        assert ask(outer, "POST", "/v1/fleet/pull-messages")[0] == 202


def test_one_address_has_so_many_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_limits, "MAX_PER_HOST", 3)
    with fake_superlink() as (_, inner), gate(inner) as outer:
        kept = [socket.create_connection(outer) for _ in range(3)]
        with socket.create_connection(outer) as one_more:
            assert closed_by_the_other_end(one_more)
        for connection in kept:
            connection.close()


def test_bodies_that_are_held_have_a_limit_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "MAX_HELD_BYTES", 150_000)
    head = b"POST /v1/fleet/push-object HTTP/1.1\r\nHost: x\r\nContent-Length: 100001\r\n\r\n"
    with fake_superlink() as (_, inner), gate(inner) as outer:
        with socket.create_connection(outer) as one, socket.create_connection(outer) as other:
            for connection in (one, other):
                connection.sendall(head + bytes(100_000))
            one.settimeout(LONGEST)
            other.settimeout(LONGEST)
            refused = select.select([one, other], [], [], LONGEST)[0]
            assert len(refused) == 1
            assert b" 503 " in refused[0].recv(100).split(b"\r\n")[0]
            left = other if refused[0] is one else one
            left.sendall(b"x")
            assert b" 202 " in left.recv(100).split(b"\r\n")[0]
        assert ask(outer, "POST", "/v1/fleet/push-object", bytes(100_000))[0] == 202


def signed(key: ec.EllipticCurvePrivateKey, time_said: str = "now") -> dict[str, str]:
    """The headers of a request of Flower's node."""
    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    public = key.public_key().public_bytes(*form)
    signature = key.sign(b"now", ec.ECDSA(hashes.SHA256()))
    return {
        admitted_nodes.KEY_HEADER: base64.b64encode(public).decode(),
        admitted_nodes.SIGNATURE_HEADER: base64.b64encode(signature).decode(),
        admitted_nodes.TIME_HEADER: time_said,
    }


def fingerprint_of(key: ec.EllipticCurvePrivateKey) -> str:
    form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return keys.fingerprint(key.public_key().public_bytes(*form))


def test_a_key_is_withdrawn_by_removing_its_file(tmp_path: Path) -> None:
    for name in ("north", "south"):
        keys.make_admitted_key(tmp_path, name)
    north, south = (keys.read_private(tmp_path / "keys" / f"{n}.key") for n in ("north", "south"))
    nodes = AdmittedNodes(tmp_path)
    assert nodes.admits(signed(north)) is None
    assert nodes.admits(signed(south)) is None
    assert nodes.admits(signed(north, "later")) == admitted_nodes.UNSIGNED
    assert nodes.admits({}) == admitted_nodes.UNSIGNED
    assert nodes.admits(signed(north) | {admitted_nodes.KEY_HEADER: "?"}) == admitted_nodes.UNSIGNED
    stranger = ec.generate_private_key(ec.SECP384R1())
    assert nodes.admits(signed(stranger)) == fingerprint_of(stranger)
    (tmp_path / "nodes" / "half.pub").write_text("ecdsa-sha2-nist")
    assert nodes.admits(signed(south)) is None
    new = keys.read_private(keys.make_admitted_key(tmp_path, "west"))
    assert nodes.admits(signed(new)) is None
    assert sorted(nodes.names().values()) == ["north", "south", "west"]
    (tmp_path / "nodes" / "south.pub").unlink()
    assert nodes.admits(signed(north)) is None
    assert nodes.admits(signed(south)) == fingerprint_of(south)
    for path in (tmp_path / "nodes").iterdir():
        path.unlink()
    assert nodes.admits(signed(north)) == fingerprint_of(north)


def test_nothing_of_a_stranger_is_read(tmp_path: Path) -> None:
    keys.make_admitted_key(tmp_path, "north")
    nodes = AdmittedNodes(tmp_path)
    key = keys.read_private(tmp_path / "keys" / "north.key")

    def admits(headers: Mapping[str, str]) -> bool:
        return nodes.admits(headers) is None

    with fake_superlink() as (record, inner), gate(inner, admits=admits) as outer:
        with socket.create_connection(outer) as connection:
            connection.sendall(UNFINISHED)
            connection.settimeout(LONGEST)
            assert b" 401 " in connection.recv(100).split(b"\r\n")[0]
        answer = ask(outer, "POST", "/v1/fleet/pull-messages", b"hello", signed(key))
    assert answer[:2] == (202, b"got hello")
    assert record.paths == ["/v1/fleet/pull-messages"]


def test_a_server_that_is_not_there_is_said_to_be_not_ready() -> None:
    with gate(Address("127.0.0.1", free_port())) as outer:
        assert ask(outer, "POST", "/v1/fleet/pull-messages")[0] == 503


def ask_status(
    server: Address, name: str = "a", session: str = "1", known: bool = False, **credentials: Any
) -> dict[str, Any]:
    return preflight.check_server(
        server, name, Credentials(**credentials), session, patience=0, known=known
    )


@pytest.mark.parametrize("encrypted", [True, False])
@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 200 OK\r\ncontent-"], ids=["at once", "in a line"]
)
def test_a_line_that_is_cut_is_no_sign_of_another_server(
    tmp_path: Path, encrypted: bool, sent: bytes
) -> None:
    """A site that has been let in asks again, however the connection ends."""
    make_server_certificate(tmp_path, ["localhost"])
    credentials = {"authority": tmp_path / "ca.crt"} if encrypted else {}
    with socket.create_server(("localhost", 0)) as listening:

        def cut() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    connection.recv(10)
                    connection.sendall(sent)
                    connection.close()

        threading.Thread(target=cut, daemon=True).start()
        server = Address("localhost", listening.getsockname()[1])
        with pytest.raises(InputError, match="cannot be reached"):
            ask_status(server, known=True, **credentials)


def test_a_site_is_told_what_to_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, nowhere = tmp_path / "ours", Address("127.0.0.1", free_port())
    make_server_certificate(ours, ["localhost"])
    make_server_certificate(tmp_path / "theirs", ["localhost"])
    known = keys.make_admitted_key(ours, "a")
    stranger = keys.make_admitted_key(tmp_path / "theirs", "a")
    marks = {keys.fingerprint(keys.public_key_of(known)): "a"}
    ca = ours / "ca.crt"
    with (
        gate(
            nowhere, tls=server_certificate_files(ours), status=ServerStatus(lambda: marks).answer
        ) as locked,
        gate(nowhere, status=ServerStatus(dict).answer) as unlocked,
    ):
        assert ask_status(locked, authority=ca, key=known)["admitted"] == "a"
        with pytest.raises(InputError, match="does not know the key"):
            ask_status(locked, authority=ca, key=stranger)
        with pytest.raises(InputError, match="whose key it knows"):
            ask_status(locked, authority=ca)
        with pytest.raises(InputError, match="join with --name a"):
            ask_status(locked, "b", authority=ca, key=known)
        with pytest.raises(InputError, match=r"not signed by the ca.crt"):
            ask_status(locked, authority=tmp_path / "theirs" / "ca.crt", key=known)
        with pytest.raises(InputError, match="without encryption: give --tls"):
            ask_status(locked)
        with pytest.raises(InputError, match="does not speak TLS"):
            ask_status(unlocked, authority=ca)
        other = Address("ip6-localhost-or-so", locked.port)
        monkeypatch.setattr(
            socket,
            "create_connection",
            lambda address, *more, real=socket.create_connection: real(
                ("localhost", address[1]) if address[0] == other.host else address, *more
            ),
        )
        with pytest.raises(InputError, match="not made for ip6-localhost-or-so"):
            ask_status(other, authority=ca, key=known)
        monkeypatch.setattr(preflight, "__version__", "0.0.0")
        with pytest.raises(InputError, match=r"runs unalike .* and this site 0.0.0"):
            ask_status(unlocked)


def test_a_server_that_does_not_answer() -> None:
    with pytest.raises(InputError, match="nothing listens there"):
        ask_status(Address("127.0.0.1", free_port()))
    with pytest.raises(InputError, match=r"the name no-such-host.invalid is not known"):
        ask_status(Address("no-such-host.invalid", 9092))


def test_a_site_waits_for_a_server_that_comes_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "RETRY_SECONDS", 0.05)
    late, said = Address("localhost", free_port()), []
    awaited, over = threading.Event(), threading.Event()

    def notify(sentence: str) -> None:
        said.append(sentence)
        awaited.set()

    def come_late() -> None:
        awaited.wait(LONGEST)
        with Gate(listen(late), Address("127.0.0.1", 1), status=ServerStatus(dict).answer):
            over.wait(LONGEST)

    thread = threading.Thread(target=come_late)
    thread.start()
    preflight.check_server(late, "a", Credentials(), "1", patience=LONGEST, notify=notify)
    over.set()
    thread.join()
    assert said == [f"Waiting for {late}: nothing listens there."]


def test_two_sites_with_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(preflight, "ABSENT_SECONDS", 0.2)
    monkeypatch.setattr(server_status, "ABSENT_SECONDS", LONGEST)
    with gate(Address("127.0.0.1", 1), status=ServerStatus(dict).answer) as outer:
        ask_status(outer, "a", "1")
        ask_status(outer, "a", "1")
        with pytest.raises(InputError, match=r"Another site has joined .* as 'a'"):
            ask_status(outer, "a", "2")
        ask_status(outer, "b", "2")


def test_sites_are_forgotten_and_informed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    status = ServerStatus(dict)
    for name in ("a", "b"):
        status.answer({"name": name, "session": "1"})
    assert status.present() == {"a", "b"}
    status.finished = True
    assert not status.all_informed()
    status.answer({"name": "a", "session": "1"})
    assert not status.all_informed()
    now[0] += 20
    status.answer({"name": "a", "session": "1"})
    now[0] += 10
    assert status.present() == {"a"}
    assert status.all_informed()


def test_addresses() -> None:
    assert parse_address("fed.example.org:9092") == Address("fed.example.org", 9092)
    assert parse_address("[::1]:9092") == Address("::1", 9092)
    assert str(parse_address("[::1]:9092")) == "[::1]:9092"
    for wrong in ("fed.example.org", ":9092", "a:b", "a:0", "a:65536", "::1:9092", "a:-1", ""):
        with pytest.raises(InputError, match="HOST:PORT"):
            parse_address(wrong)


def test_ports_that_cannot_be_had() -> None:
    held = Address("127.0.0.1", free_port())
    with listen(held), pytest.raises(InputError, match="taken by another program"):
        listen(held)
    with pytest.raises(InputError, match="address of this machine"):
        listen(Address("192.0.2.1", 9092))
