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

from .keys import fingerprint, public_of
from .ports import Address
from .server_status import FORGOTTEN, PATH
from .supernode import Credentials

AGAIN = 2.0
"""Seconds between two attempts."""


class NotReachedError(Exception):
    """Nothing answers yet; why, as half a sentence."""


def reach(
    server: Address,
    name: str,
    credentials: Credentials,
    session: str,
    *,
    patience: float,
    tell: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """What the server says of itself; waits for it as many seconds as `patience`.

    Empty where something else than `unalike serve` stands before the SuperLink.

    Raises:
        InputError: it never answered, or this site would not be let in.
    """
    begun, said = time.monotonic(), False
    while True:
        try:
            greeting = _ask(server, name, credentials, session)
        except NotReachedError as error:
            if time.monotonic() - begun >= patience:
                raise InputError(
                    f"The server {server} cannot be reached: {error}. Check the address, that "
                    "'unalike serve' runs there, and the firewall."
                ) from None
            if not said:
                tell(f"Waiting for {server}: {error}.")
                said = True
            time.sleep(AGAIN)
            continue
        _check(greeting, server, name, credentials)
        if not greeting.get("taken"):
            return greeting
        if time.monotonic() - begun > FORGOTTEN + AGAIN:
            raise InputError(
                f"Another site has joined {server} as {name!r}: join with another --name, or end "
                "that one."
            )
        time.sleep(AGAIN)


def _ask(server: Address, name: str, credentials: Credentials, session: str) -> dict[str, Any]:
    mark = fingerprint(public_of(credentials.key)) if credentials.key else ""
    query = urlencode({"name": name, "session": session, "key": mark})
    connection = _connection(server, credentials.authority)
    try:
        connection.request("GET", f"{PATH}?{query}")
        answer = connection.getresponse()
        content = answer.read(65536)
    except ssl.SSLCertVerificationError as error:
        raise _distrust(server, error) from None
    except ssl.SSLError:
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
    except (ConnectionResetError, http.client.BadStatusLine):
        if credentials.authority is not None:
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
        greeting = json.loads(content) if answer.status == 200 else {}
    except ValueError:
        greeting = {}
    return greeting if isinstance(greeting, dict) else {}


def _connection(server: Address, authority: Path | None) -> http.client.HTTPConnection:
    """Direct, or through the proxy that the environment names."""
    scheme = "http" if authority is None else "https"
    proxy = None if proxy_bypass(server.host) else getproxies().get(scheme)
    through = urlsplit(proxy) if proxy else None
    host, port = (through.hostname or "", through.port or 80) if through else server
    connection: http.client.HTTPConnection
    if authority is None:
        connection = http.client.HTTPConnection(host, port, timeout=10)
    else:
        trusted = ssl.create_default_context(cafile=str(authority))
        connection = http.client.HTTPSConnection(host, port, timeout=10, context=trusted)
    if through:
        connection.set_tunnel(server.host, server.port)
    return connection


def _distrust(server: Address, error: ssl.SSLCertVerificationError) -> InputError:
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


def _check(greeting: dict[str, Any], server: Address, name: str, credentials: Credentials) -> None:
    if not greeting:
        return
    theirs = str(greeting.get("unalike", ""))
    if theirs != __version__:
        raise InputError(
            f"{server} runs unalike {theirs} and this site {__version__}: install the same version "
            f"here with pip install 'unalike[network]=={theirs}'."
        )
    if not greeting.get("keys"):
        return
    if credentials.key is None:
        raise InputError(
            f"{server} lets in only sites whose key it knows: make one with 'unalike key "
            f"{name}.key', send {name}.key.pub to the server's keeper, and join with --key."
        )
    admitted = greeting.get("admitted")
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
