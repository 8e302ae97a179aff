"""A web server leaves nothing open behind it."""

from __future__ import annotations

import gc
import socket
import ssl
import warnings
from contextlib import ExitStack
from pathlib import Path

from starlette.applications import Starlette

from unalike.network.deployment.certificates import (
    make_server_certificate,
    server_certificate_files,
)
from unalike.network.deployment.ports import Address, free_port, listen
from unalike.network.deployment.web_server import WebServer

HEAD = b"GET / HTTP/1.1\r\nhost: x\r\n"


def test_encrypted_connections_whose_other_side_is_silent_are_closed(tmp_path: Path) -> None:
    """One waits for the next request, one has sent half of its first."""
    authority = make_server_certificate(tmp_path, ["localhost"])
    certificate, key = map(str, server_certificate_files(tmp_path))
    tls = ssl.create_default_context(cafile=str(authority))
    address = Address("127.0.0.1", free_port())
    with ExitStack() as opened, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        server = WebServer(
            "server", listen(address), Starlette(), ssl_certfile=certificate, ssl_keyfile=key
        )
        server.start()
        idle, half = (
            opened.enter_context(
                tls.wrap_socket(socket.create_connection(address), server_hostname="localhost")
            )
            for _ in range(2)
        )
        half.sendall(HEAD)
        idle.sendall(HEAD + b"\r\n")
        assert idle.recv(12) == b"HTTP/1.1 404"
        server.stop()
        del server
        gc.collect()
    assert [str(one.message) for one in caught if one.category is ResourceWarning] == []
