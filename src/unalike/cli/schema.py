"""The command `unalike schema`."""

from __future__ import annotations

import json

from . import options


def schema(plugin: options.Plugins = None) -> None:
    """Print the JSON schema of a study file, by which editors complete and check it."""
    from unalike.study.study_schema import study_schema

    print(json.dumps(study_schema(), indent=2, ensure_ascii=False))
