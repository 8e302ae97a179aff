"""What all pages share: how templates are read, and figures as data in the page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from .canvas import Panel


def templates(*packages: str) -> Environment:
    """The templates of these packages, and those of this one."""
    return Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in (*packages, "unalike.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def figures_json(panels: Sequence[Panel]) -> Markup:
    """The figures as JSON that cannot end its script element."""
    parts = []
    for panel in panels:
        views = ",".join(view.figure.to_json(validate=False) for view in panel.views)
        parts.append(f"{json.dumps(panel.key)}:[{views}]")
    return _in_script("{" + ",".join(parts) + "}")


def script_json(value: Any) -> Markup:
    """A value as JSON that cannot end its script element."""
    return _in_script(json.dumps(value))


def _in_script(text: str) -> Markup:
    return Markup(text.replace("<", "\\u003c"))
