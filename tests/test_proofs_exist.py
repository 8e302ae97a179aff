"""No method without its proof, and no proof that could not fail."""

import pytest

from conformance import FAMILIES, PAGE, ROOT, contract, proofs, render
from mutate import Bug, bugs, caught, names
from unalike.methods import METHODS

every_method = pytest.mark.parametrize("name", METHODS)
PLANTED = [bug for name in names() for bug in bugs(name)]
every_bug = pytest.mark.parametrize("bug", PLANTED, ids=[f"{b.name}: {b.what}" for b in PLANTED])


@every_method
def test_has_proofs(name: str) -> None:
    found = proofs(name)
    assert found, (
        f"The method {name!r} has no proof: write tests/methods/test_{name}.py with tests marked "
        '@pytest.mark.proof("fixed point", "...")'
    )
    assert {proof.family for proof in found} <= set(FAMILIES)
    assert "fixed point" in {proof.family for proof in found}, (
        f"The method {name!r} has no closed form: mark one of its tests as a fixed point."
    )
    for proof in found:
        assert proof.statement.strip(), proof
        assert "\n" not in proof.statement, proof


@every_method
def test_has_planted_bugs(name: str) -> None:
    assert name in names(), f"Write tests/mutations/{name}.toml with at least three planted bugs."
    planted = bugs(name)
    assert len(planted) >= 3
    assert len({(bug.old, bug.new) for bug in planted}) == len(planted)


@every_bug
def test_the_bug_can_be_planted(bug: Bug) -> None:
    source = (ROOT / bug.file).read_text()
    planted = bug.planted(source)
    assert planted != source
    compile(planted, bug.file, "exec")
    for file in bug.suite:
        assert (ROOT / file).exists(), file


@pytest.mark.slow
@every_bug
def test_the_bug_is_caught(bug: Bug) -> None:
    assert caught(bug), f"{bug.name}: nobody noticed: {bug.what}"


def test_the_page_names_every_method_and_every_proof() -> None:
    page = render()
    assert len(contract()) > 15
    for name in METHODS:
        assert f"## {name}\n" in page
        for proof in proofs(name):
            assert f"[{proof.test}](../{proof.file})" in page
    assert PAGE.read_text() == page, "Run: python tests/conformance.py"
