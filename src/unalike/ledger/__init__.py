"""The ledger: published tables, run again with their own protocol.

`tables/` has one file for each: settings, source, published numbers with their spread, what
differs. Runs are stored line by line (`stored_runs`), and compared by rules (`verdict`).
"""

from .page import page
from .reproduction import minutes_left, missing_runs, reproduce, require_data
from .stored_runs import measured, read_runs
from .table import Cell, Claim, Measured, PublishedTable, Run
from .tables import TABLES
from .verdict import cell_verdicts, claim_verdicts, summary

__all__ = [
    "TABLES",
    "Cell",
    "Claim",
    "Measured",
    "PublishedTable",
    "Run",
    "cell_verdicts",
    "claim_verdicts",
    "measured",
    "minutes_left",
    "missing_runs",
    "page",
    "read_runs",
    "reproduce",
    "require_data",
    "summary",
]
