"""The tutorials that are notebooks, run from the first cell to the last.

    python tests/notebooks.py [NAME ...]

runs them in an empty folder and stores what they put out, so that the site shows it.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "docs" / "tutorials").glob("*.ipynb"))
SECONDS = 3600
"""For a cell; only one that hangs takes longer."""


def executed(path: Path, folder: Path) -> Any:
    """The notebook with the outputs of a run in this folder.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    programs = Path(sys.executable).parent
    environment = os.environ | {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
        "PLOTLY_RENDERER": "plotly_mimetype",  # the figure alone, without the script that draws it
        "PYTHONWARNINGS": "ignore:IProgress not found",  # of tqdm, which has no widgets here
        "COLUMNS": "100",
    }
    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
    )
    client.execute(env=environment)
    return notebook


def store(path: Path) -> None:
    """Run a notebook and keep its outputs in it."""
    import nbformat

    with tempfile.TemporaryDirectory() as folder:
        notebook = executed(path, Path(folder))
    path.write_text(nbformat.writes(notebook) + "\n", "utf-8")


if __name__ == "__main__":
    for notebook in NOTEBOOKS:
        if not sys.argv[1:] or notebook.stem in sys.argv[1:]:
            store(notebook)
            print(notebook.relative_to(ROOT))
