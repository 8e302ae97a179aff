"""Single figures, and figures as files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from comparisons import comparison
from programs import CHROMIUM
from unalike.errors import InputError
from unalike.report import image_files
from unalike.report.figures import KINDS, figure_of, panels_by_kind
from unalike.report.image_files import COLUMN, for_paper, write_figures

SCORES = {"local": [0.8, 0.81], "fedavg": [0.6, 0.62], "mefl": [0.9, 0.905]}
MADE = comparison(SCORES)


@pytest.mark.slow
def test_every_figure_of_the_report_can_be_had_by_itself() -> None:
    panels = panels_by_kind(MADE)
    assert set(panels) <= set(KINDS)
    assert {"curves", "spread", "gains", "holdings", "cost"} <= set(panels)
    for kind, panel in panels.items():
        for view in panel.views:
            figure = figure_of(MADE, kind, view.label)
            assert len(figure.data) == len(view.figure.data)
            assert figure.layout.paper_bgcolor == "white"
            assert view.figure.layout.showlegend is False, "the page's own figure stays as it was"
    named = {trace.name for trace in figure_of(MADE, "curves").data if trace.showlegend}
    assert named == {"Local", "FedAvg", "MEFL"}


def test_figures_that_do_not_exist_are_said() -> None:
    with pytest.raises(InputError, match="Unknown figure 'curve': did you mean 'curves'"):
        figure_of(MADE, "curve")
    with pytest.raises(InputError, match="Unknown view of the figure 'curves', 'Globl'"):
        figure_of(MADE, "curves", "Globl")
    with pytest.raises(InputError, match="has 2 views, counted from 0"):
        figure_of(MADE, "cost", 7)


def test_a_figure_for_paper_has_a_columns_width() -> None:
    drawn = for_paper(panels_by_kind(MADE)["curves"].views[0].figure)
    assert drawn.layout.width == round(COLUMN / 25.4 * 96)
    assert drawn.layout.xaxis.tickfont.size == pytest.approx(8 * 96 / 72)


def test_what_is_missing_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="cannot be written as 'gif': take pdf"):
        write_figures(MADE, tmp_path / "out", ["gif"])
    monkeypatch.setattr(image_files.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'unalike\[figures\]'"):
        write_figures(MADE, tmp_path / "out", ["pdf"])
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")
def test_files_are_drawn_at_their_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("kaleido")
    monkeypatch.setenv("BROWSER_PATH", str(CHROMIUM))
    paths = write_figures(MADE, tmp_path, ["svg", "pdf"])
    assert {path.suffix for path in paths} == {".svg", ".pdf"}
    assert all(path.stat().st_size > 1000 for path in paths)
    svg = (tmp_path / "gains.svg") if (tmp_path / "gains.svg").exists() else paths[0]
    assert re.search(rf'width="{round(COLUMN / 25.4 * 96)}"', svg.read_text())
    assert paths[1].read_bytes().startswith(b"%PDF")
