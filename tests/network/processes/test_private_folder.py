"""What a federation leaves on a disk is its owner's alone."""

from __future__ import annotations

import stat
from pathlib import Path

from unalike.network.processes.private_folder import make_private_folder
from unalike.network.site.site_settings import SiteSettings


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_its_owner_looks_into_it(tmp_path: Path) -> None:
    make_private_folder(tmp_path / "a" / "b")
    assert mode(tmp_path / "a" / "b") == 0o700
    open_to_all = tmp_path / "c"
    open_to_all.mkdir(mode=0o755)
    make_private_folder(open_to_all)
    assert mode(open_to_all) == 0o700


def test_the_state_of_a_site_is_private(tmp_path: Path) -> None:
    site = SiteSettings("north", tmp_path / "state")
    assert site.mark() == site.mark()
    assert mode(tmp_path / "state") == 0o700
