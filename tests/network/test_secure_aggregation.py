"""Why Flower's SecAgg+ is not used here: what docs/how-to/privacy.md says of it, done.

Should one of these fail with a later Flower, the page wants to be looked at anew.
"""

from __future__ import annotations

from typing import Any

import flwr.compat.common.recorddict_compat as compat
import numpy as np
import pytest
from flwr import clientapp, serverapp
from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.client.mod import secaggplus_mod
from flwr.common import Code, FitRes, Status, bytes_to_ndarray, ndarrays_to_parameters
from flwr.common.secure_aggregation.crypto.shamir import combine_shares
from flwr.common.secure_aggregation.crypto.symmetric_encryption import generate_shared_key
from flwr.common.secure_aggregation.secaggplus_constants import RECORD_KEY_CONFIGS, Key, Stage
from flwr.common.secure_aggregation.secaggplus_utils import pseudo_rand_gen
from flwr.server.workflow import SecAggPlusWorkflow
from flwr.supercore.primitives.asymmetric import bytes_to_private_key, bytes_to_public_key
from flwr.supercore.task_identity import TaskIdentity

from network_grid import InProcessGrid
from unalike.network.protocol.flower_message import wrap
from unalike.network.protocol.messages import pack

SITES, SIZE, SAMPLES = (1, 2, 3), 50, 100
RANGE, STEPS, MODULUS, MAX_WEIGHT = 8.0, 2**22, 2**32, 1000.0


class Sites:
    """Clients behind Flower's mod, each with numbers of its own."""

    def __init__(self) -> None:
        TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1
        self.contexts = {site: fresh_context(site) for site in SITES}
        self.numbers = {
            site: np.random.default_rng(site).normal(size=SIZE).astype(np.float32) for site in SITES
        }

    def ask(self, site: int, config: dict[str, Any]) -> dict[str, Any]:
        """What a site answers to one stage."""
        content = RecordDict({RECORD_KEY_CONFIGS: ConfigRecord(config)})
        question = Message(content, site, "train", ttl=600.0)
        answer = secaggplus_mod(question, self.contexts[site], self._fit)
        return dict(answer.content.config_records[RECORD_KEY_CONFIGS])

    def _fit(self, message: Message, context: Context) -> Message:
        parameters = ndarrays_to_parameters([self.numbers[context.node_id]])
        answer = FitRes(Status(Code.OK, ""), parameters, SAMPLES, {})
        return Message(compat.fitres_to_recorddict(answer, keep_input=True), reply_to=message)

    def masked(self) -> tuple[dict[str, list[bytes]], dict[int, list[Any]]]:
        """The first three stages: public keys by site, and masked arrays."""
        setup: dict[str, Any] = {Key.STAGE: Stage.SETUP, Key.SAMPLE_NUMBER: len(SITES)}
        setup |= {Key.SHARE_NUMBER: len(SITES), Key.THRESHOLD: 2, Key.CLIPPING_RANGE: RANGE}
        setup |= {Key.TARGET_RANGE: STEPS, Key.MOD_RANGE: MODULUS, Key.MAX_WEIGHT: MAX_WEIGHT}
        found = {site: self.ask(site, dict(setup)) for site in SITES}
        keys = {
            str(site): [one[Key.PUBLIC_KEY_1], one[Key.PUBLIC_KEY_2]] for site, one in found.items()
        }
        sources: dict[int, list[int]] = {site: [] for site in SITES}
        texts: dict[int, list[bytes]] = {site: [] for site in SITES}
        for site in SITES:
            shares = self.ask(site, {Key.STAGE: Stage.SHARE_KEYS, **keys})
            for target, text in zip(
                shares[Key.DESTINATION_LIST], shares[Key.CIPHERTEXT_LIST], strict=True
            ):
                sources[target].append(site)
                texts[target].append(text)
        arrays = {}
        for site in SITES:
            stage = {Key.STAGE: Stage.COLLECT_MASKED_VECTORS}
            stage |= {Key.SOURCE_LIST: sources[site], Key.CIPHERTEXT_LIST: texts[site]}  # type: ignore
            arrays[site] = [
                bytes_to_ndarray(array) for array in self.ask(site, stage)[Key.MASKED_PARAMETERS]
            ]
        return keys, arrays


def fresh_context(site: int) -> Context:
    return Context(run_id=1, node_id=site, node_config={}, state=RecordDict(), run_config={})


def test_a_server_that_does_not_keep_to_the_protocol_sees_a_site_s_answer() -> None:
    """It calls a site both present and gone; nobody minds, and both its secrets are told."""
    sites = Sites()
    keys, arrays = sites.masked()
    stage = {Key.STAGE: Stage.UNMASK, Key.ACTIVE_NODE_ID_LIST: [*SITES], Key.DEAD_NODE_ID_LIST: [1]}
    shares = [sites.ask(site, dict(stage))[Key.SHARE_LIST] for site in SITES]
    private_mask, secret_key = (combine_shares([one[i] for one in shares]) for i in (0, len(SITES)))
    shapes = [array.shape for array in arrays[1]]
    weight, numbers = (array.astype(np.int64) for array in arrays[1])
    assert np.abs(numbers).max() > STEPS  # masked
    for array, mask in zip(
        (weight, numbers), pseudo_rand_gen(private_mask, MODULUS, shapes), strict=True
    ):
        array -= mask
    for other in SITES[1:]:
        key = generate_shared_key(
            bytes_to_private_key(secret_key), bytes_to_public_key(keys[str(other)][0])
        )
        for array, mask in zip(
            (weight, numbers), pseudo_rand_gen(key, MODULUS, shapes), strict=True
        ):
            array += mask
    share = float((weight % MODULUS).item()) / STEPS
    assert share * MAX_WEIGHT == pytest.approx(SAMPLES, abs=1e-3)
    seen = ((numbers % MODULUS) * 2 * RANGE / STEPS - RANGE) / share
    np.testing.assert_allclose(seen, sites.numbers[1], atol=2 * RANGE / STEPS / share)


def test_a_masked_number_takes_eight_bytes() -> None:
    _, arrays = Sites().masked()
    assert all(one.dtype == np.int64 for site in SITES for one in arrays[site])


def test_a_site_s_keys_must_outlive_a_message() -> None:
    """The node that answers in one process has nothing that does."""
    sites = Sites()
    sites.masked()
    sites.contexts[1] = fresh_context(1)
    stage = {Key.STAGE: Stage.UNMASK, Key.ACTIVE_NODE_ID_LIST: [*SITES], Key.DEAD_NODE_ID_LIST: []}
    with pytest.raises(ValueError, match="expect setup stage"):
        sites.ask(1, stage)  # type: ignore[arg-type]


def test_our_answers_are_not_what_it_masks() -> None:
    with pytest.raises(KeyError):
        compat.recorddict_to_fitres(wrap(pack("train", {"t": 1}).frames()), keep_input=True)


def test_there_is_none_for_the_message_api() -> None:
    assert not [name for name in dir(clientapp.mod) if "secagg" in name.lower()]
    assert not [name for name in dir(serverapp.strategy) if "sec" in name.lower()]
    with pytest.raises(TypeError, match="LegacyContext"):
        SecAggPlusWorkflow(num_shares=3, reconstruction_threshold=2)(
            InProcessGrid(),
            fresh_context(1),
        )
