"""Which nodes are admitted at this moment: those whose public keys lie in the server's folder.

The folder is looked at again whenever it changes, so that a key is withdrawn by removing its file,
while a study runs. Flower asks the same of every node itself; here it is asked before anything
that a stranger sends is read.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from unalike.errors import InputError

from .keys import fingerprint, read_public

KEY_HEADER, SIGNATURE_HEADER, TIME_HEADER = "flwr-public-key", "flwr-signature", "flwr-timestamp"
"""Of Flower's requests: the key in PEM, and what it has signed."""
UNSIGNED = "unsigned"
"""In the place of a fingerprint where a request proves nothing."""


class AdmittedNodes:
    """The nodes of a folder with server.crt and nodes/."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "nodes"
        self._seen: tuple[tuple[str, int], ...] = ()
        self._names: dict[str, str] = {}  # fingerprint -> name

    def names(self) -> Mapping[str, str]:
        """Fingerprint -> name of those that are admitted now."""
        seen = _state(self.folder)
        if seen != self._seen:
            names: dict[str, str] = {}
            for path in sorted(self.folder.glob("*.pub")):
                with contextlib.suppress(InputError):  # half written; it is looked at again
                    names.setdefault(fingerprint(read_public(path)), path.stem)
            self._names, self._seen = names, seen  # at once: two threads ask
        return self._names

    def admits(self, headers: Mapping[str, str]) -> str | None:
        """None for a request of an admitted node; else the fingerprint of its key."""
        key = signed_by(headers)
        return None if key in self.names() else key


def signed_by(headers: Mapping[str, str]) -> str:
    """The fingerprint of the key that has signed a request; `UNSIGNED` where none has."""
    try:
        pem = base64.b64decode(headers[KEY_HEADER], validate=True)
        key = serialization.load_pem_public_key(pem)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            return UNSIGNED
        signature = base64.b64decode(headers[SIGNATURE_HEADER], validate=True)
        key.verify(signature, headers[TIME_HEADER].encode(), ec.ECDSA(hashes.SHA256()))
    except (KeyError, ValueError, binascii.Error, InvalidSignature, UnsupportedAlgorithm):
        return UNSIGNED
    formats = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return fingerprint(key.public_bytes(*formats))


def _state(folder: Path) -> tuple[tuple[str, int], ...]:
    """What tells whether a folder of keys has changed."""
    try:
        with os.scandir(folder) as entries:
            return tuple(sorted((entry.name, entry.stat().st_mtime_ns) for entry in entries))
    except OSError:
        return ()
