"""Certificates and keys: a TLS handshake holds with them, and damage is one sentence."""

import socket
import ssl
import threading
from pathlib import Path

import pytest

from unalike.errors import InputError
from unalike.network.deployment import keys
from unalike.network.deployment.certificates import (
    authority_file,
    make_server_certificate,
    server_certificate_files,
)


def shake_hands(server: Path, authority: Path, host: str) -> None:
    """One TLS connection to `server`'s certificate, checked for `host`."""
    certificate, key = server_certificate_files(server)
    offered = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    offered.load_cert_chain(certificate, key)
    trusted = ssl.create_default_context(cafile=str(authority_file(authority)))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            plain, _ = listener.accept()
            try:
                offered.wrap_socket(plain, server_side=True).close()
            except OSError:
                plain.close()

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            with (
                socket.create_connection(listener.getsockname()) as plain,
                trusted.wrap_socket(plain, server_hostname=host),
            ):
                pass
        finally:
            thread.join()


@pytest.mark.parametrize("host", ["fed.example.org", "192.0.2.7", "localhost", "127.0.0.1"])
def test_the_certificate_holds_for_every_name_given(host: str, tmp_path: Path) -> None:
    make_server_certificate(tmp_path, ["fed.example.org", "192.0.2.7"])
    shake_hands(tmp_path, tmp_path, host)


def test_the_certificate_holds_for_no_other_name(tmp_path: Path) -> None:
    make_server_certificate(tmp_path, ["fed.example.org"])
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(tmp_path, tmp_path, "elsewhere.example.org")


def test_another_authority_is_not_trusted(tmp_path: Path) -> None:
    make_server_certificate(tmp_path / "ours", ["localhost"])
    make_server_certificate(tmp_path / "theirs", ["localhost"])
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(tmp_path / "theirs", tmp_path / "ours", "localhost")


def test_a_new_server_certificate_keeps_the_authority(tmp_path: Path) -> None:
    """Sites need no new ca.crt when the server's certificate is renewed."""
    make_server_certificate(tmp_path, ["old.example.org"])
    before = (tmp_path / "ca.crt").read_bytes()
    make_server_certificate(tmp_path, ["new.example.org"])
    assert (tmp_path / "ca.crt").read_bytes() == before
    shake_hands(tmp_path, tmp_path, "new.example.org")


def test_secrets_are_for_their_owner_only(tmp_path: Path) -> None:
    make_server_certificate(tmp_path, ["localhost"])
    secrets = [tmp_path / "ca.key", tmp_path / "server.key", keys.make_admitted_key(tmp_path, "a")]
    assert [path.stat().st_mode & 0o777 for path in secrets] == [0o600] * 3


def test_keys_and_their_names(tmp_path: Path) -> None:
    private = keys.make_admitted_key(tmp_path, "hospital-a")
    keys.make_admitted_key(tmp_path, "hospital-b")
    found = keys.admitted_keys(tmp_path)
    assert list(found) == ["hospital-a", "hospital-b"]
    fingerprint = keys.fingerprint(keys.public_key_of(private))
    assert fingerprint == keys.fingerprint(keys.read_public(found["hospital-a"]))
    assert fingerprint != keys.fingerprint(keys.read_public(found["hospital-b"]))


def test_what_is_wrong_is_one_sentence(tmp_path: Path) -> None:
    make_server_certificate(tmp_path, ["localhost"])
    with pytest.raises(InputError, match="nodes holds no public key"):
        keys.admitted_keys(tmp_path)
    private = keys.make_admitted_key(tmp_path, "a")
    (tmp_path / "nodes" / "b.pub").write_bytes((tmp_path / "nodes" / "a.pub").read_bytes())
    with pytest.raises(InputError, match="a and b have the same key"):
        keys.admitted_keys(tmp_path)
    with pytest.raises(InputError, match="exists already"):
        keys.make_key(private)
    with pytest.raises(InputError, match="no private key"):
        keys.public_key_of(tmp_path / "ca.crt")
    with pytest.raises(InputError, match="no public key"):
        keys.read_public(tmp_path / "ca.crt")
    with pytest.raises(InputError, match="cannot be read"):
        keys.public_key_of(tmp_path / "absent")
    with pytest.raises(InputError, match=r"without accents, digits"):
        keys.make_admitted_key(tmp_path, "../escape")
    with pytest.raises(InputError, match="no name or address"):
        make_server_certificate(tmp_path, ["http://example.org"])
    with pytest.raises(InputError, match="--host"):
        make_server_certificate(tmp_path, [])
    with pytest.raises(InputError, match=r"no server.crt"):
        server_certificate_files(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"ask the server's keeper for ca.crt"):
        authority_file(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no certificate"):
        authority_file(tmp_path / "ca.key")
    make_server_certificate(tmp_path / "other", ["localhost"])
    (tmp_path / "server.key").write_bytes((tmp_path / "other" / "server.key").read_bytes())
    with pytest.raises(InputError, match="does not belong"):
        server_certificate_files(tmp_path)
    (tmp_path / "server.key").write_text("rubbish")
    with pytest.raises(InputError, match="damaged"):
        server_certificate_files(tmp_path)
    (tmp_path / "ca.key").unlink()
    with pytest.raises(InputError, match=r"no ca.key"):
        make_server_certificate(tmp_path, ["localhost"])
