"""A rehearsal's sites have keys, also where another study was rehearsed before."""

from __future__ import annotations

from pathlib import Path

from unalike.network.deployment.keys import admitted_keys
from unalike.network.deployment.ports import Address
from unalike.network.deployment.rehearsal import Rehearsal


def keys_after(folder: Path, *names: str) -> dict[str, bytes]:
    with Rehearsal(folder, Address("localhost", 9092), names, first=0) as rehearsal:
        found = admitted_keys(rehearsal.tls)
        assert all((rehearsal.tls / "keys" / f"{name}.key").exists() for name in found)
        return {name: path.read_bytes() for name, path in found.items()}


def test_sites_keep_their_keys_and_others_lose_them(tmp_path: Path) -> None:
    first = keys_after(tmp_path, "north", "south")
    assert list(first) == ["north", "south"]
    assert keys_after(tmp_path, "north", "south") == first
    second = keys_after(tmp_path, "north", "a name with spaces")
    assert list(second) == ["north", "site-1"]
    assert second["north"] == first["north"]
    assert list(keys_after(tmp_path, "north", "south")) == ["north", "south"]
