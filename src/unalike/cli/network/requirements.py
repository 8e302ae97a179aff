"""What has to be installed for a federation, and in which version."""

from __future__ import annotations

from importlib.util import find_spec

from unalike.errors import InputError


def need_flower() -> None:
    """Raise InputError where Flower is not installed."""
    if find_spec("flwr") is None:
        raise InputError(
            "This needs Flower: pip install 'unalike[network]' (Python 3.11 or later)."
        )


def node_kind(one_process: bool) -> str:
    """Which of `node_kinds.NODES` a site has.

    Raises:
        InputError: the node in one process was not tested with this version of Flower.
    """
    if not one_process:
        return "supernode"
    from unalike.network.deployment.in_process_supernode import check_flower_version

    check_flower_version()
    return "one-process"
