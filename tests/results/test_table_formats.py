"""The table as text, Markdown, LaTeX and HTML, and what its caption says."""

from __future__ import annotations

import re

import numpy as np
import pytest

from comparisons import comparison
from unalike.data.federation import Federation
from unalike.results.facts import caption
from unalike.results.table_formats import (
    SHORT,
    as_html,
    as_latex,
    as_markdown,
    as_text,
    formatted,
    latex_text,
)

SCORES = {
    "local": [0.80, 0.81, 0.79],
    "fedavg": [0.60, 0.62, 0.59],
    "mefl": [0.90, 0.905, 0.902],
    "fedprox": [0.899, 0.906, 0.9],
}


def test_bold_are_the_best_and_those_that_the_seeds_do_not_tell_apart() -> None:
    table = formatted(comparison(SCORES))
    column = next(k for k, name in enumerate(table.headings) if name.startswith("Personalised"))
    bold = {title: cells[column - 1].bold for title, cells in table.rows}
    assert bold == {"MEFL": True, "FedProx": True, "Local": False, "FedAvg": False}


def test_one_seed_makes_nothing_bold_and_says_so() -> None:
    table = formatted(comparison({name: values[:1] for name, values in SCORES.items()}))
    assert not any(cell.bold or cell.interval for _, cells in table.rows for cell in cells)
    assert "one seed, so there is no interval and nothing is bold" in table.caption


def test_the_caption_says_seeds_choice_of_round_and_tuning() -> None:
    made = comparison(SCORES, rounds=6, methods={"mefl": {"alpha": 0.5}})
    said = caption(made)
    assert "mean over 3 seeds" in said
    assert "at the round chosen by validation" in said
    assert "untuned: defaults, but by hand mefl: alpha = 0.5." in said
    assert "at the last round" in caption(made, "last")
    assert "untuned: each method's defaults" in caption(comparison(SCORES, methods={}))


def test_the_short_table_has_about_eight_columns_and_the_full_one_all() -> None:
    made = comparison(SCORES)
    short, full = formatted(made), formatted(made, full=True)
    assert len(short.headings) <= 1 + len(SHORT) == 8
    assert set(short.headings) < set(full.headings)


def test_latex_is_whole() -> None:
    text = as_latex(formatted(comparison(SCORES)))
    body = text[text.index(r"\midrule") : text.index(r"\bottomrule")]
    ampersands = {
        len(re.findall(r"(?<!\\)&", line)) for line in body.splitlines() if line.endswith(r"\\")
    }
    assert ampersands == {len(formatted(comparison(SCORES)).headings) - 1}
    assert text.count("{") == text.count("}")
    assert r"\textbf{90.2} {\scriptsize [89.6, 90.8]}" in text
    for line in text.splitlines()[1:]:
        assert not re.search(r"(?<!\\)[%#_]", line), line


def test_what_latex_and_html_take_for_their_own_is_kept_as_it_is() -> None:
    assert latex_text(r"a_b & 5 % $x$ \y {z} ~^#") == (
        r"a\_b \& 5 \% \$x\$ \textbackslash{}y \{z\} \textasciitilde{}\textasciicircum{}\#"
    )
    made = comparison(SCORES)
    made.titles["mefl"] = "<b>|x|"
    table = formatted(made)
    assert "&lt;b&gt;|x|" in as_html(table, "a < b")
    assert "<p><b>a &lt; b</b></p>" in as_html(table, "a < b")
    assert r"<b>\|x\|" in as_markdown(table)


def test_markdown_and_text_have_a_line_for_each_method() -> None:
    table = formatted(comparison(SCORES, diverged={("fedavg", 0): 3}))
    lines = as_markdown(table).splitlines()
    assert [line.count("|") for line in lines[:6]] == [len(table.headings) + 1] * 6
    assert "† FedAvg diverged" in as_text(table)
    assert len(as_text(table).splitlines()) == 1 + 4 + 1


@pytest.mark.parametrize("clients", [4, 30])
def test_a_federation_in_a_notebook_says_who_holds_what(clients: int) -> None:
    x, y = np.ones((clients * 10, 2)), np.tile(np.arange(2), clients * 5)
    held = Federation.from_arrays(x, y, client=[f"<c{i // 10}>" for i in range(clients * 10)])
    table = held.table()
    assert table[["training", "validation", "test"]].to_numpy().sum() == clients * 10
    assert (table[["0", "1"]].sum(axis=1) == 10).all()
    shown = held._repr_html_()
    assert "&lt;c0&gt;" in shown
    assert ("10 more clients" in shown) == (clients == 30)
    assert repr(held).startswith(f"<Federation of {clients} clients: ")
    assert len(repr(held)) < 120, "samples are not printed"
