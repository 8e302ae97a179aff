"""Trees as one run of bytes: exact, of any type, and never more than they weigh."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from flwr.app import Message as FlowerMessage
from flwr.supercore.inflatable.inflatable_object import get_all_nested_objects
from hypothesis import given
from hypothesis import strategies as st

import network_grid  # noqa: F401  (says which run messages belong to)
from unalike.core.method import NoState
from unalike.functional.trees import items, leaves, map_tree, size_in_bytes
from unalike.network.protocol.flower_message import MAX_RECORD, _header, unwrap, wrap
from unalike.network.protocol.frames import Frames
from unalike.network.protocol.messages import DTYPES, Message, MessageError, pack, unpack
from unalike.network.protocol.run_description import RunDescription


class Inner(NamedTuple):
    mean: torch.Tensor
    count: torch.Tensor


class Outer(NamedTuple):
    w: torch.Tensor
    inner: Inner
    nothing: NoState


def tree(seed: int = 0) -> Outer:
    draw = torch.Generator().manual_seed(seed)
    w = torch.randn(3, 5, generator=draw)
    w[0, 0], w[1, 1], w[2, 2] = torch.nan, torch.inf, -0.0
    inner = Inner(torch.randn(4, generator=draw).double(), torch.tensor(2**60 + 1))
    return Outer(w, inner, NoState())


def as_bits(values: torch.Tensor) -> bytes:
    flat = values.contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""


def assert_same(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    for (name, x), (other, y) in zip(items(a), items(b), strict=True):
        assert (name, x.dtype, x.shape) == (other, y.dtype, y.shape)
        assert as_bits(x) == as_bits(y)


def through_flower(message: Message) -> Message:
    content = wrap(message.frames())
    received = FlowerMessage(content, dst_node_id=1, message_type="train")
    return Message.of(unwrap(received))


def test_trees_come_back_bit_for_bit() -> None:
    sent = {"down": tree(), "shared": torch.arange(3.0), "empty": NoState(), "none": torch.zeros(0)}
    message = through_flower(pack("train", {"t": 3, "loss": 0.1}, sent))
    assert (message.verb, message.facts) == ("train", {"t": 3, "loss": 0.1})
    blank = {name: map_tree(torch.zeros_like, values) for name, values in sent.items()}
    back = unpack(message, blank)
    for name, values in sent.items():
        assert_same(back[name], values)


@given(
    st.lists(st.tuples(st.sampled_from(sorted(DTYPES)), st.lists(st.integers(0, 3), max_size=3)))
)
def test_every_type_and_shape(kinds: list[tuple[str, list[int]]]) -> None:
    draw = torch.Generator().manual_seed(1)
    made = [torch.randint(0, 2, shape, generator=draw).to(DTYPES[name]) for name, shape in kinds]
    likes = {f"t{i}": values for i, values in enumerate(made)}
    message = pack("train", {}, likes)
    assert len(message.body) == sum(size_in_bytes(values) for values in made)
    back = unpack(Message.of(message.frames()), likes)
    for values, again in zip(made, back.values(), strict=True):
        assert_same(again, values)


def test_what_comes_back_is_ones_own() -> None:
    message = pack("train", {}, {"w": torch.zeros(4)})
    first, second = (unpack(message, {"w": torch.zeros(0)})["w"] for _ in range(2))
    first += 1
    assert second.tolist() == [0, 0, 0, 0]


def test_the_array_is_an_ordinary_npy_file() -> None:
    body = bytes(range(256)) * (MAX_RECORD // 256 + 1)
    array = wrap(Frames("{}", body))["numbers"]["flat"]
    assert array.numpy().tobytes() == body
    assert np.load(io.BytesIO(array.data), allow_pickle=False).dtype == np.uint8
    for size in (1, 10**3, 10**9):
        ours = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            ours, {"descr": "|u1", "fortran_order": False, "shape": (size,)}
        )
        assert np.lib.format.read_magic(io.BytesIO(_header(size))) == (1, 0)
        opened = io.BytesIO(_header(size))
        np.lib.format.read_magic(opened)
        assert np.lib.format.read_array_header_1_0(opened)[0] == (size,)


def test_equal_numbers_have_equal_digests_whatever_else_is_said() -> None:
    one = pack("train", {"t": 1}, {"down": tree()})
    assert one.digest() == pack("evaluate", {"t": 2}, {"down": tree()}).digest()
    assert one.digest() != pack("train", {"t": 1}, {"down": tree(1)}).digest()
    reshaped = pack("train", {}, {"down": torch.zeros(2, 3)})
    assert reshaped.digest() != pack("train", {}, {"down": torch.zeros(3, 2)}).digest()


@pytest.mark.parametrize(
    ("message", "what"),
    [
        (Message("train", {}, {"w": ["float32[2]"]}, b"\0" * 7), "cut short"),
        (Message("train", {}, {"w": ["float32[2]"]}, b"\0" * 9), "9 bytes, not 8"),
        (Message("train", {}, {"w": ["float32[2]", "float32[]"]}, b""), "2 arrays, not 1"),
        (Message("train", {}, {"w": ["object[2]"]}, b"\0" * 8), "no type and shape"),
        (Message("train", {}, {"w": ["float32[-2]"]}, b"\0" * 8), "no type and shape"),
        (Message("train", {}, {"v": ["float32[2]"]}, b"\0" * 8), "it holds v, not w"),
    ],
)
def test_messages_that_do_not_hold_what_they_say(message: Message, what: str) -> None:
    with pytest.raises(MessageError, match=what.replace("[", r"\[")):
        unpack(message, {"w": torch.zeros(2)})


def test_heads_that_cannot_be_read() -> None:
    deep = '{"verb": "train", "shapes": {}, "facts": ' + '{"a":' * 100_000 + "1" + "}" * 100_001
    long = f'{{"verb": "{"train" * 9}", "facts": {{}}, "shapes": {{}}}}'
    for head in ("", "[]", '{"verb": "train"}', "\x80\x04pickle", deep, long):
        with pytest.raises(MessageError, match="no head"):
            Message.of(Frames(head, b""))
    assert leaves(NoState()) == []


def test_what_travels_is_what_the_numbers_weigh() -> None:
    numbers = {"down": torch.zeros(600_000), "more": torch.zeros(7, dtype=torch.float64)}
    run = RunDescription("0" * 21, {"data": "digits", "rounds": 50}, "scaffold", 3, 7, 20)
    message = pack("train", {**run.facts(), "t": 12, "last": 11}, numbers)
    sent = FlowerMessage(wrap(message.frames()), dst_node_id=1, message_type="train")
    objects = get_all_nested_objects(sent).values()
    travels = sum(len(part.deflate()) for part in objects)
    weighs = sum(size_in_bytes(values) for values in numbers.values())
    assert weighs < travels < 1.002 * weighs
    assert len(objects) < 12
