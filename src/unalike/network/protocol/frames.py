"""What a message looks like on its way: a line of text and a run of bytes."""

from typing import NamedTuple


class Frames(NamedTuple):
    """The head says what the body holds, see `messages`."""

    head: str
    body: bytes | memoryview
