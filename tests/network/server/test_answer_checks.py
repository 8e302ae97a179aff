"""Which numbers of an answer are believed."""

from __future__ import annotations

from unalike.network.protocol.messages import pack
from unalike.network.server.answer_checks import gradient_count


def test_gradients_that_nobody_has_taken() -> None:
    for said in ("many", -1, 10**16, 10**400, 1.5, None):
        assert gradient_count(pack("train", {"gradients": said})) is None
    assert gradient_count(pack("train", {"gradients": 10**12})) == 10**12
    assert gradient_count(pack("train")) is None
