"""The keys by which the server knows its nodes.

    DIR/nodes/NAME.pub      the nodes that are let in
    DIR/keys/NAME.key       private keys that were made here for sites

ECDSA on P-384, in OpenSSH form.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from unalike.errors import InputError
from unalike.network.protocol.site_names import check_site_name

from .certificates import make_folder, write_secret


def make_key(path: Path) -> Path:
    """A node's private key at `path`; its public key lies beside it, ending in .pub."""
    if path.exists():
        raise InputError(f"{path} exists already: a node's key is kept, or removed by hand.")
    make_folder(path.parent)
    key = ec.generate_private_key(ec.SECP384R1())
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    write_secret(path, secret)
    public = path.with_name(path.name + ".pub")
    public.write_bytes(_public(key) + b" " + path.stem.encode() + b"\n")
    return public


def make_admitted_key(folder: Path, name: str) -> Path:
    """A key for a site, made here, and its public half among the nodes that are let in."""
    check_site_name(name, "--site")
    private = folder / "keys" / f"{name}.key"
    public = make_key(private)
    make_folder(folder / "nodes")
    public.replace(folder / "nodes" / f"{name}.pub")
    return private


def admitted_keys(folder: Path) -> dict[str, Path]:
    """The nodes that are let in: name -> public key file."""
    public_keys = {path.stem: path for path in sorted((folder / "nodes").glob("*.pub"))}
    if not public_keys:
        raise InputError(
            f"{folder / 'nodes'} holds no public key, so no site could join: put the .pub file of "
            "each site there, named after it."
        )
    owners: dict[str, str] = {}
    for name, path in public_keys.items():
        key = fingerprint(read_public(path))
        if key in owners:
            raise InputError(
                f"{owners[key]} and {name} have the same key: each site makes its own with "
                "'unalike key'."
            )
        owners[key] = name
    return public_keys


def read_public(path: Path) -> bytes:
    """A node's public key as it stands in the file, without its remark."""
    try:
        key = serialization.load_ssh_public_key(path.read_bytes())
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise ValueError
    except (OSError, ValueError, UnsupportedAlgorithm):
        raise InputError(
            f"{path} holds no public key of a node: make one with 'unalike key', or "
            "'ssh-keygen -t ecdsa -b 384'."
        ) from None
    return key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)


def read_private(path: Path) -> ec.EllipticCurvePrivateKey:
    """A node's private key."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"The key {path} cannot be read: {error.strerror or error}.") from None
    try:
        key = serialization.load_ssh_private_key(content, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError
    except (ValueError, UnsupportedAlgorithm):
        raise InputError(
            f"{path} holds no private key of a node without a passphrase: make one with "
            "'unalike key', or 'ssh-keygen -t ecdsa -b 384'."
        ) from None
    return key


def public_key_of(path: Path) -> bytes:
    """The public key that belongs to a private key file."""
    return _public(read_private(path))


def fingerprint(public: bytes) -> str:
    """A short name of a public key."""
    return hashlib.sha256(public.split()[1]).hexdigest()


def _public(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
