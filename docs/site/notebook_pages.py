"""Notebooks as pages: their text, their code, and the outputs that are stored in them."""

from __future__ import annotations

import base64
import json
import posixpath
import re
from collections.abc import Iterator
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from plotly.offline import get_plotlyjs

PLOTLY = "assets/plotly.min.js"
FIGURE = "application/vnd.plotly.v1+json"
COLOURS = re.compile(r"\x1b\[[\d;]*m")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each notebook, and the one script that draws figures."""
    notebooks = [file for file in files if file.src_uri.endswith(".ipynb")]
    if notebooks:
        files.append(File.generated(config, PLOTLY, content=get_plotlyjs()))
    for file in notebooks:
        uri = file.src_uri.removesuffix(".ipynb") + ".md"
        script = posixpath.relpath(PLOTLY, posixpath.dirname(uri))
        script = f"../{script}" if config.use_directory_urls else script
        files.append(
            File.generated(config, uri, content=page(file.content_string, file.name, script))
        )
    return files


def page(text: str, name: str, script: str) -> str:
    """A notebook's text as Markdown, drawn by the script of Plotly at that place."""
    cells = json.loads(text)["cells"]
    first, *others = [_cell(cell, f"{number}") for number, cell in enumerate(cells)]
    notice = f'<a href="{name}.ipynb" download>This page as a notebook</a>'
    head = f'<script src="{script}"></script>' if FIGURE in text else ""
    return "\n\n".join([first, notice, head, *others]) + "\n"


def _cell(cell: dict[str, Any], number: str) -> str:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return source
    outputs = [_output(output, f"{number}-{k}") for k, output in enumerate(cell["outputs"])]
    return "\n\n".join([f"```python\n{source}\n```", *filter(None, outputs)])


def _output(output: dict[str, Any], number: str) -> str:
    if output["output_type"] == "stream":
        return _text("".join(output["text"]))
    if output["output_type"] == "error":
        raise ValueError(f"a notebook failed: {output['ename']}: {output['evalue']}")
    data = {kind: _joined(value) for kind, value in output["data"].items()}
    if FIGURE in data:
        return "\n".join(_figure(data[FIGURE], number))
    if "text/html" in data:
        return f'<div class="output">\n{_one_block(data["text/html"])}\n</div>'
    if "image/png" in data:
        png = base64.b64encode(base64.b64decode(data["image/png"])).decode()
        return f"![](data:image/png;base64,{png})"
    return _text(data.get("text/plain", ""))


def _figure(figure: dict[str, Any], number: str) -> Iterator[str]:
    """A figure that fits the width of the page, whatever that is."""
    layout = {key: value for key, value in figure["layout"].items() if key != "width"}
    drawn = json.dumps([figure["data"], layout, {"responsive": True, "displaylogo": False}])
    drawn = drawn.replace("</", "<\\/")
    yield f'<div class="figure" id="figure-{number}"></div>'
    yield f'<script>Plotly.newPlot("figure-{number}", ...{drawn})</script>'


def _text(text: str) -> str:
    """What was printed."""
    plain = COLOURS.sub("", text).rstrip("\n")
    return f"``````{{ .text .output }}\n{plain}\n``````" if plain else ""


def _one_block(html: str) -> str:
    """HTML without empty lines, which would end it in Markdown."""
    return "\n".join(line.strip() for line in html.splitlines() if line.strip())


def _joined(value: Any) -> Any:
    return "".join(value) if isinstance(value, list) else value
