"""Addresses and ports."""

from __future__ import annotations

import errno
import socket
from typing import NamedTuple

from unalike.errors import InputError


class Address(NamedTuple):
    """HOST:PORT."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str, option: str = "address") -> Address:
    """An address from text; [::1]:9092 for IPv6."""
    host, colon, port = text.strip().rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""
    if not (colon and host and port.isascii() and port.isdecimal() and 0 < int(port) < 2**16):
        raise InputError(
            f"{option} {text!r}: write HOST:PORT, as in fed.example.org:9092 or 0.0.0.0:9092."
        )
    return Address(host, int(port))


def listen(address: Address, option: str = "--listen") -> socket.socket:
    """A socket that listens at this address; `option` is what it was given by."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(256)
    except OSError as error:
        sock.close()
        raise _listen_error(address, error, option) from None
    return sock


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens at just now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _listen_error(address: Address, error: OSError, option: str) -> InputError:
    if error.errno == errno.EADDRINUSE:
        return InputError(
            f"Port {address.port} of {address.host} is taken by another program: give {option} "
            "another port, or end that program."
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return InputError(
            f"Port {address.port} may not be opened by this user: give {option} a port above 1023."
        )
    return InputError(
        f"Cannot listen at {address}: {error.strerror or error}. Give {option} an address of this "
        "machine, such as 0.0.0.0 for all of them."
    )
