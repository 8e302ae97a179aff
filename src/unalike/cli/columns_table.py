"""The columns of an own table, as they were understood, printed before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from .console import out

if TYPE_CHECKING:
    from unalike.data.federation import Federation


def show_columns(federation: Federation) -> None:
    """Print them; nothing where the samples come from no table."""
    from unalike.data.preprocessing.table_preprocessing import TablePreprocessing

    fitted = federation.preprocessing
    if not isinstance(fitted, TablePreprocessing):
        return
    rows = fitted.columns()
    out.print(columns_table([list(row) for row in rows], rows[0]._fields))


def columns_table(rows: Sequence[Sequence[str]], headings: Sequence[str]) -> Table:
    """Rows of cells below their headings, as a terminal shows them."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
