"""A site's look at the server before it joins, so that what is wrong is said in one sentence."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

from unalike import __version__
from unalike.errors import InputError

from .keys import fingerprint, public_key_of
from .ports import Address
from .server_status import ABSENT_SECONDS, PATH
from .supernode import Credentials

RETRY_SECONDS = 2.0
"""Between two attempts."""


class NotReachedError(Exception):
    """Nothing answers yet; why, as half a sentence."""


def check_server(
    server: Address,
    name: str,
    credentials: Credentials,
    session: str,
    *,
    patience: float,
    notify: Callable[[str], None] = lambda _: None,
    known: bool = False,
) -> dict[str, Any]:
    """What the server says of itself; waits for it as many seconds as `patience`.

    Empty where something else than `unalike serve` stands before the SuperLink.

    known: it has answered this way before, so that a connection that ends is a line that was cut,
        and no sign that it speaks otherwise.

    Raises:
        InputError: it never answered, or this site would not be let in.
    """
    start, notified = time.monotonic(), False
    while True:
        try:
            status = _read_status(server, name, credentials, session, known)
        except NotReachedError as error:
            if time.monotonic() - start >= patience:
                raise InputError(
                    f"The server {server} cannot be reached: {error}. Check the address, that "
                    "'unalike serve' runs there, and the firewall."
                ) from None
            if not notified:
                notify(f"Waiting for {server}: {error}.")
                notified = True
            time.sleep(RETRY_SECONDS)
            continue
        _check_status(status, server, name, credentials)
        if not status.get("taken"):
            return status
        if time.monotonic() - start > ABSENT_SECONDS + RETRY_SECONDS:
            raise InputError(
                f"Another site has joined {server} as {name!r}: join with another --name, or end "
                "that one."
            )
        time.sleep(RETRY_SECONDS)


def _read_status(
    server: Address, name: str, credentials: Credentials, session: str, known: bool
) -> dict[str, Any]:
    key = fingerprint(public_key_of(credentials.key)) if credentials.key else ""
    query = urlencode({"name": name, "session": session, "key": key})
    connection = _connection(server, credentials.authority)
    try:
        connection.request("GET", f"{PATH}?{query}")
        answer = connection.getresponse()
        content = answer.read(65536)
    except ssl.SSLCertVerificationError as error:
        raise _certificate_error(server, error) from None
    except ssl.SSLError:
        if known:
            raise NotReachedError("the connection was cut") from None
        raise InputError(
            f"{server} does not speak TLS: leave --tls away if it is served without, or mend the "
            "port."
        ) from None
    except socket.gaierror:
        raise NotReachedError(f"the name {server.host} is not known") from None
    except ConnectionRefusedError:
        raise NotReachedError("nothing listens there") from None
    except TimeoutError:
        raise NotReachedError("nothing answers") from None
    except (ConnectionResetError, http.client.HTTPException):
        if known or credentials.authority is not None:
            raise NotReachedError("the connection was cut") from None
        raise InputError(
            f"{server} does not answer without encryption: give --tls with the server's ca.crt."
        ) from None
    except OSError as error:
        raise NotReachedError(str(error.strerror or error)) from None
    finally:
        connection.close()
    if answer.status in (502, 503, 504):
        raise NotReachedError("it is not ready")
    try:
        status = json.loads(content) if answer.status == 200 else {}
    except ValueError:
        status = {}
    return status if isinstance(status, dict) else {}


def _connection(server: Address, authority: Path | None) -> http.client.HTTPConnection:
    """Direct, or through the proxy that the environment names."""
    scheme = "http" if authority is None else "https"
    proxy = None if proxy_bypass(server.host) else getproxies().get(scheme)
    proxy_url = urlsplit(proxy) if proxy else None
    host, port = (proxy_url.hostname or "", proxy_url.port or 80) if proxy_url else server
    connection: http.client.HTTPConnection
    if authority is None:
        connection = http.client.HTTPConnection(host, port, timeout=10)
    else:
        tls = ssl.create_default_context(cafile=str(authority))
        connection = http.client.HTTPSConnection(host, port, timeout=10, context=tls)
    if proxy_url:
        connection.set_tunnel(server.host, server.port)
    return connection


def _certificate_error(server: Address, error: ssl.SSLCertVerificationError) -> InputError:
    reason = (error.verify_message or str(error)).rstrip(".")
    if "mismatch" in reason or "doesn't match" in reason or "not valid for" in reason:
        return InputError(
            f"The server's certificate was not made for {server.host}: join by a name it holds, or "
            f"make it anew with 'unalike certificates DIR --host {server.host}'."
        )
    if "expired" in reason:
        return InputError(
            f"The certificate of {server} has expired: its keeper makes a new one with 'unalike "
            "certificates'."
        )
    return InputError(
        f"The certificate of {server} is not signed by the ca.crt given with --tls ({reason}): ask "
        "the server's keeper for the present ca.crt."
    )


def _check_status(
    status: dict[str, Any], server: Address, name: str, credentials: Credentials
) -> None:
    if not status:
        return
    theirs = str(status.get("unalike", ""))
    if theirs != __version__:
        raise InputError(
            f"{server} runs unalike {theirs} and this site {__version__}: install the same version "
            f"here with pip install 'unalike[network]=={theirs}'."
        )
    if not status.get("keys"):
        return
    if credentials.key is None:
        raise InputError(
            f"{server} lets in only sites whose key it knows: make one with 'unalike key "
            f"{name}.key', send {name}.key.pub to the server's keeper, and join with --key."
        )
    admitted = status.get("admitted")
    if admitted is None:
        raise InputError(
            f"{server} does not know the key {credentials.key}: its keeper puts "
            f"{credentials.key.name}.pub into the folder nodes as {name}.pub and serves again."
        )
    if admitted != name:
        raise InputError(
            f"The key {credentials.key} belongs to {admitted!r}: join with --name {admitted}, or "
            f"with the key of {name!r}."
        )
