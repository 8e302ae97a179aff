"""The server's certificate, and the authority that signs it.

    DIR/ca.crt              every site needs a copy
    DIR/ca.key              signs server certificates; keep it away from the network
    DIR/server.crt, .key    stay on the server

ECDSA on P-256.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import re
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from unalike.errors import InputError

AUTHORITY_DAYS = 3650
SERVER_DAYS = 825


def make_server_certificate(folder: Path, hosts: Sequence[str]) -> Path:
    """A server certificate for these names and addresses; the authority of the folder signs it.

    The authority is made where there is none. Gives the certificate of the authority.
    """
    if not hosts:
        raise InputError(
            "Say under which names the sites reach the server: --host fed.example.org, once for "
            "each name or address."
        )
    names = [_general_name(host) for host in dict.fromkeys([*hosts, "localhost", "127.0.0.1"])]
    make_folder(folder)
    key, authority = _authority(folder)
    server_key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(hosts[0], authority.subject, server_key.public_key(), SERVER_DAYS)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    write_secret(folder / "server.key", _pem(server_key))
    (folder / "server.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return folder / "ca.crt"


def server_certificate_files(folder: Path) -> tuple[Path, Path]:
    """Certificate and key of the server, checked to belong together."""
    certificate, key = folder / "server.crt", folder / "server.key"
    for path in (certificate, key):
        if not path.is_file():
            raise InputError(
                f"--tls {folder}: there is no {path.name}; make it with 'unalike certificates "
                f"{folder} --host NAME'."
            )
    try:
        public = x509.load_pem_x509_certificate(certificate.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(f"--tls {folder}: server.crt or server.key is damaged: {error}") from None
    if _public_bytes(public.public_key()) != _public_bytes(private.public_key()):
        raise InputError(f"--tls {folder}: server.key does not belong to server.crt.")
    if public.not_valid_after_utc < datetime.datetime.now(datetime.timezone.utc):
        raise InputError(
            f"--tls {folder}: server.crt ended on {public.not_valid_after_utc:%d %B %Y}; make a "
            f"new one with 'unalike certificates {folder} --host NAME'."
        )
    return certificate, key


def authority_file(path: Path) -> Path:
    """The certificate that a site trusts: this file, or ca.crt in this folder."""
    file = path / "ca.crt" if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"--tls {path}: there is no {file}; ask the server's keeper for ca.crt.")
    try:
        x509.load_pem_x509_certificates(file.read_bytes())
    except ValueError:
        raise InputError(f"--tls {path}: {file} is no certificate in PEM form.") from None
    return file


def _authority(folder: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key_file, file = folder / "ca.key", folder / "ca.crt"
    if key_file.exists() != file.exists():
        present, absent = (key_file, file) if key_file.exists() else (file, key_file)
        raise InputError(f"{folder} holds {present.name} but no {absent.name}: both are needed.")
    if key_file.exists():
        try:
            key = serialization.load_pem_private_key(key_file.read_bytes(), None)
            certificate = x509.load_pem_x509_certificate(file.read_bytes())
            if not isinstance(key, ec.EllipticCurvePrivateKey):
                raise ValueError("it is of another kind.")
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise InputError(f"{key_file} or {file} cannot be used: {error}") from None
        return key, certificate
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "unalike federation")])
    certificate = (
        _builder("unalike federation", name, key.public_key(), AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_authority_usage(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_secret(key_file, _pem(key))
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return key, certificate


def _authority_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(
    subject: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject[:64])]))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    if not re.fullmatch(r"(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", host):
        raise InputError(f"--host {host!r} is no name or address, such as fed.example.org.")
    return x509.DNSName(host)


def make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made: {error.strerror or error}.") from None


def write_secret(path: Path, content: bytes) -> None:
    """Only its owner may read it, from the first byte on."""
    try:
        path.unlink(missing_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}.") from None


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _public_bytes(key: object) -> bytes:
    return key.public_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
