"""The page of the ledger is what is stored, and the results' pages say the same."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest

from pages import ROOT
from unalike.ledger import TABLES, cell_verdicts, measured, page, read_runs
from unalike.ledger.stored_runs import read_all

STORED = ROOT / "docs" / "ledger"
PAGE = ROOT / "docs" / "ledger.md"
RESULTS = (ROOT / "docs" / "results.md").read_text("utf-8")
TEST_IMAGES = {"BreastMNIST": 156, "RetinaMNIST": 400, "PneumoniaMNIST": 624}


def test_the_page_is_what_is_stored() -> None:
    assert PAGE.read_text("utf-8") == page(TABLES, STORED), (
        "run unalike reproduce --out docs/ledger --page docs/ledger.md"
    )


def test_what_is_stored_are_runs_of_the_entries_as_they_stand() -> None:
    assert {path.stem for path in STORED.iterdir()} <= set(TABLES)
    for name, table in TABLES.items():
        assert len(read_runs(table, STORED)) == len(read_all(name, STORED)), name


def test_every_entry_stands_on_the_page_with_its_verdicts(tmp_path: Path) -> None:
    text = PAGE.read_text("utf-8")
    for name, table in TABLES.items():
        section = text.split(f"{{#{name}}}")[1].split("\n## ")[0]
        runs = read_runs(table, STORED)
        assert ("Not run yet" in section) is not bool(runs)
        assert all(sentence in section for sentence in (table.source, *table.differs))
        if runs:
            assert section.count("reproduced = ") == len(table.cells) + len(table.claims)
    assert page(TABLES, tmp_path).count("**Not run yet.**") == len(TABLES)


def test_nothing_of_a_machine_but_its_kind_is_stored() -> None:
    for path in STORED.iterdir():
        text = path.read_text("utf-8")
        assert "/" not in re.sub(r"\d\d/\d\d", "", text), path.name
        for line in text.splitlines():
            assert set(json.loads(line)["machine"]) == {
                *("processor", "cores", "unalike", "python", "torch", "numpy")
            }


def marked_rows() -> list[tuple[str, float, float, bool]]:
    """Section, ours after the last round, published, and the mark of each number that is marked
    without the ledger."""
    rows = []
    for section in TEST_IMAGES:
        part = RESULTS.split(f"### {section}\n")[1].split("\n#")[0]
        for line in part.splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            mark = re.search(r"^([\d.]+), (\[?)reproduced = (true|false)", cells[-1])
            if mark is not None and not mark[2]:
                last, published = float(cells[1].split()[0]), float(mark[1])
                rows.append((section, last, published, mark[3] == "true"))
            elif mark is None and len(cells) == 5 and re.match(r"[\d.]+$", cells[1].split(" ")[0]):
                assert cells[-1] == "", f"without a mark: {line}"
    return rows


@pytest.mark.parametrize("row", marked_rows(), ids=str)
def test_marks_of_published_numbers(row: tuple[str, float, float, bool]) -> None:
    section, last, published, reproduced = row
    error = math.sqrt(published * (100 - published) / TEST_IMAGES[section])
    assert (abs(last - published) <= round(error, 1)) is reproduced


def test_marks_agree_with_the_ledger() -> None:
    table = TABLES["fusedspacefed"]
    verdicts = cell_verdicts(table, measured(table, read_runs(table, STORED)))
    linked = re.findall(r"\[reproduced = (\w+)\]\(ledger\.md#fusedspacefed\)", RESULTS)
    assert linked == [str(verdict.reproduced).lower() for verdict in verdicts]
    anchors = set(re.findall(r"ledger\.md#([\w-]+)", RESULTS))
    assert anchors <= set(TABLES)
