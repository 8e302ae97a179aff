"""The report as text: complete, safe, self-contained; its figures hold what was measured."""

import dataclasses
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from comparisons import comparison
from unalike.errors import InputError
from unalike.report.canvas import MOST_POINTS, thin
from unalike.report.colours import dark_colours, method_styles
from unalike.report.comparison_page import render_report, write_report
from unalike.report.figures import panels
from unalike.report.label_heatmap import client_order, group_neighbours, shorten
from unalike.results.table import as_frame

METHODS = {
    "local": [0.80, 0.81, 0.79],
    "fedavg": [0.60, 0.62, 0.59],
    "mefl": [0.90, 0.905, 0.902],
}
BEATEN = ("won", "lost")
VOID = {"meta", "line", "br", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """Elements in order, each with its attributes and text; complains about bad nesting."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.ids = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        element = [tag, dict(attributes), ""]
        self.elements.append(element)
        if "id" in element[1]:
            self.ids.append(element[1]["id"])
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for element in self.open:
            element[2] += data

    def all(self, tag):
        return [(attributes, text) for name, attributes, text in self.elements if name == tag]

    def json(self, key):
        return next(json.loads(t) for a, t in self.all("script") if a.get("id") == key)


@pytest.fixture(scope="module")
def made():
    return comparison(METHODS, remarks=["FedProx with mu = 0 is FedAvg."])


@pytest.fixture(scope="module")
def page(made):
    return Page(render_report(made))


def drawn(made):
    methods = as_frame(made).index.tolist()
    return {panel.key: panel for panel in panels(made, methods, method_styles(methods))}


def test_ids_are_unique_and_references_are_met(page):
    assert len(page.ids) == len(set(page.ids))
    for _, attributes, _ in page.elements:
        if "aria-labelledby" in attributes:
            assert attributes["aria-labelledby"] in page.ids


def test_nothing_is_loaded_from_elsewhere(page):
    for tag, attributes, _ in page.elements:
        assert tag not in ("link", "img", "iframe")
        assert "src" not in attributes
        assert "href" not in attributes
    policy = next(a["content"] for a, _ in page.all("meta") if "http-equiv" in a)
    assert policy.startswith("default-src 'none'")
    css = " ".join(text for _, text in page.all("style"))
    assert "url(" not in css
    assert "@import" not in css


def test_the_verdict_comes_first_and_remarks_are_said(page):
    text = next(text for _, text in page.all("body"))
    assert page.all("h1")[0][1] == "Untuned: MEFL helps most (decided)."
    assert (
        text.index("MEFL helps most (decided).")
        < text.index("The numbers")
        < text.index("The pictures")
    )
    assert "FedProx with mu = 0 is FedAvg." in text
    assert "alpha = 0.1" in text
    assert "unalike compare study.toml" in text


def test_who_beats_whom_is_a_table(page):
    cells = [(a.get("class"), text) for a, text in page.all("td") if a.get("class") in BEATEN]
    assert sum(kind == "won" for kind, _ in cells) == 3  # of three pairs
    assert sum(kind == "lost" for kind, _ in cells) == 3
    assert ("won", "+10.2 p = 0.0024") in cells  # MEFL against Local
    single = Page(render_report(comparison({name: [v[0]] for name, v in METHODS.items()})))
    assert "Who beats whom" not in next(text for _, text in single.all("body"))


def test_every_figure_has_words_for_those_who_cannot_see_it(page):
    plots = [a for a, _ in page.all("div") if a.get("class") == "plot"]
    assert len(plots) == 6
    assert all(len(a["aria-label"]) > 20 for a in plots)
    assert len([text for _, text in page.all("figcaption") if len(text) > 40]) == 6


def test_what_was_not_measured_leaves_no_hole(made):
    kept = made.frame["metric"].str.startswith("personalised_accuracy")
    bare = dataclasses.replace(
        made,
        frame=made.frame[kept],
        curves=made.curves.iloc[:0],
        label_counts=made.label_counts[:, :0],
        environment={},
        settings={},
    )
    page = Page(render_report(bare))
    assert list(page.json("figures")) == ["distribution"]
    assert "Traffic" not in [text.strip() for _, text in page.all("th")]


def test_names_cannot_break_out_of_the_page():
    evil = '</script><img src=x onerror="alert(1)">'
    made = comparison(
        {"local": [0.7], "fedavg": [0.6], evil: [0.8]},
        names=[f"{evil}{k}" for k in range(10)],
        remarks=[evil],
    )
    page = Page(render_report(made))
    assert not page.all("img")
    assert evil in page.all("h1")[0][1]
    names = page.json("figures")["holdings"][0]["data"][0]["customdata"]
    assert names[0].startswith("&lt;/script&gt;")


def test_one_method_has_one_colour_in_all_figures(made):
    colours = {}
    for panel in drawn(made).values():
        for view in panel.views:
            for trace in view.figure.data:
                if trace.meta and trace.line.width:
                    colours.setdefault(trace.meta, set()).add(trace.line.color)
    assert {method: len(found) for method, found in colours.items()} == dict.fromkeys(METHODS, 1)
    assert len(set.union(*colours.values())) == len(METHODS)


def test_every_colour_of_a_figure_has_a_dark_one(page):
    known = dark_colours()
    used = set()

    def walk(value):
        if isinstance(value, str):
            used.update(re.findall(r"^(?:#[0-9a-f]{6}|rgba\(\d.*\))$", value))
        for part in value.values() if isinstance(value, dict) else []:
            walk(part)
        for part in value if isinstance(value, list) else []:
            walk(part)

    for views in page.json("figures").values():
        for view in views:
            view["layout"].pop("template")
            walk(view)
    assert len(used) > 5
    assert used - set(known) <= {"rgba(0,0,0,0)"}


def test_thirty_two_methods_look_different():
    found = method_styles(["local", "centralised", *(f"method_{k}" for k in range(30))])
    assert len({(look.colour, look.dash) for look in found.values()}) == 32
    assert len({(look.dark, look.dash) for look in found.values()}) == 32


def test_curves_are_means_with_bands_from_lowest_to_highest_seed(made):
    figure = drawn(made)["learning"].views[0].figure
    band, line = (trace for trace in figure.data if trace.meta == "mefl")
    curves = made.curves
    rows = curves[(curves["method"] == "mefl") & (curves["metric"] == "personalised_accuracy_mean")]
    by_round = rows.groupby("round")["value"]
    assert line.y == pytest.approx(by_round.mean().to_numpy())
    assert band.y[: len(line.y)] == pytest.approx(by_round.max().to_numpy())
    assert band.y[len(line.y) :][::-1] == pytest.approx(by_round.min().to_numpy())


def test_gains_are_sorted_and_leave_local_out(made):
    figure = drawn(made)["gain"].views[0].figure
    assert {trace.meta for trace in figure.data} == {"fedavg", "mefl"}
    frame = made.frame
    rows = frame[(frame["method"] == "mefl") & (frame["metric"] == "gain_over_local_best")]
    line = next(trace for trace in figure.data if trace.meta == "mefl")
    assert line.y == pytest.approx(100 * np.sort(rows["value"].to_numpy()))


def test_one_seed_has_no_band():
    panel = drawn(comparison({"local": [0.8], "fedavg": [0.6]}))["learning"]
    assert len(panel.views[0].figure.data) == 2
    assert "One seed, so no band" in panel.note


def test_local_has_no_drift_and_sends_nothing(made):
    panels = drawn(made)
    assert "local" not in {trace.meta for trace in panels["drift"].views[0].figure.data}
    lines = [t for t in panels["price"].views[0].figure.data if t.meta == "local"]
    assert not np.any(lines[-1].x)


def test_ten_thousand_clients_are_grouped_and_that_is_said():
    made = comparison({"local": [0.7], "fedavg": [0.6]}, clients=10_000, new=2_000)
    panels = drawn(made)
    heat = panels["holdings"].views[1].figure.data[1]
    assert heat.z.shape == (5, 200)
    assert heat.z.sum() * 50 == pytest.approx(made.label_counts.sum())
    assert "10,000 clients are drawn as 200 groups" in panels["holdings"].note
    assert len(panels["distribution"].views[0].figure.data[0].x) == MOST_POINTS
    assert f"{MOST_POINTS} quantiles" in panels["distribution"].note
    assert len(render_report(made)) < 8_000_000


def test_new_clients_stand_apart_on_the_right():
    counts = np.array([[3.0, 1.0], [1.0, 3.0], [2.0, 2.0]])
    newcomers = np.array([True, False, False])
    assert client_order(counts, newcomers).tolist() == [1, 2, 0]


def test_groups_never_mix_training_and_new_clients():
    late = np.arange(1001) >= 700
    counts, names, marked = group_neighbours(
        np.ones((1001, 3)), [str(k) for k in range(1001)], late
    )
    assert len(names) <= 201
    assert np.diff(marked.astype(int)).tolist().count(1) == 1
    assert names[0] == "6 clients, 0 to 5"
    assert sum(int(name.split()[0]) for name in names) == 1001
    assert np.allclose(counts, 1)


def test_names_lose_what_they_share_on_the_axis():
    assert shorten(["client-00", "client-01", "client-10"]) == ["00", "01", "10"]
    assert shorten(["north", "nowhere"]) == ["north", "nowhere"]
    assert shorten(["ward 1-a", "ward 1-b"]) == ["a", "b"]


def test_thinning_keeps_the_extremes_and_the_middle():
    values = np.random.default_rng(0).normal(size=5_001)
    kept = thin(values)
    assert len(kept) == MOST_POINTS
    assert (kept[0], kept[-1]) == (values.min(), values.max())
    assert np.median(kept) == pytest.approx(np.median(values), abs=0.01)
    assert thin(np.array([2.0, np.nan, 1.0])).tolist() == [1.0, 2.0]


@pytest.mark.slow
def test_many_methods_are_all_in_the_table_and_few_in_the_figures():
    made = comparison(
        {"local": [0.2], "fedavg": [0.1], **{f"method_{k}": [0.5 + k / 200] for k in range(58)}}
    )
    page = Page(render_report(made))
    chips = [a for a, _ in page.all("button") if "data-chip" in a]
    shown = [a["data-chip"] for a in chips if a["aria-pressed"] == "true"]
    assert len(chips) == 60
    assert len(shown) == 14
    assert {"local", "fedavg", "method_57"} <= set(shown)
    assert "The first 14 of 60 methods are shown" in next(t for _, t in page.all("body"))


def test_writing_leaves_one_whole_file(made, tmp_path):
    path = write_report(made, tmp_path / "deep" / "report.html")
    assert path.read_text("utf-8").endswith("</html>\n") or path.read_text("utf-8").endswith(
        "</html>"
    )
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]
    assert path.stat().st_mode & 0o400


def test_a_place_that_cannot_be_written_is_one_sentence(made, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written: "):
        write_report(made, tmp_path / "file" / "report.html")
    (tmp_path / "report.html").mkdir()
    with pytest.raises(InputError, match="cannot be written: "):
        write_report(made, tmp_path / "report.html")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "report.html"]
