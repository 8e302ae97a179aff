"""The JSON schema of a study file, by which editors complete and check it."""

from __future__ import annotations

from typing import Any

from unalike.data.skews.registry import KINDS
from unalike.data.sources import SOURCES
from unalike.data.splits import SPLITS
from unalike.methods import METHODS
from unalike.models import MODELS
from unalike.tasks import AUTO, TASKS

from .method_settings import settings_model
from .settings import Study

SPECIFIED = ("privacy", "robust", "attack")
"""Settings that may also be written as a text with settings of its own."""


def study_schema() -> dict[str, Any]:
    """As the file has it: `run` names the methods, `methods` holds their settings."""
    schema = Study.model_json_schema()
    properties = schema["properties"]
    properties["run"] = properties.pop("methods") | {
        "items": _suggested([*METHODS, "all"]),
        "default": ["all"],
    }
    settings = properties.pop("settings")
    properties["methods"] = {
        "description": settings["description"],
        "type": "object",
        "properties": {name: _of_method(name) for name in METHODS},
        "additionalProperties": {"type": "object", "required": ["method"]},
    }
    for name, known in (
        ("data", SOURCES),
        ("split", SPLITS),
        ("model", [*MODELS, AUTO]),
        ("task", [*TASKS, AUTO]),
    ):
        properties[name] |= _suggested(list(known))
    kinds = {"type": "object", "required": ["kind"], "properties": {"kind": {"enum": [*KINDS]}}}
    properties["skew"]["items"] = {"anyOf": [*_suggested([*KINDS, *SPLITS])["anyOf"], kinds]}
    properties["lr_schedule"]["default"] = "constant"
    for name in SPECIFIED:
        properties[name]["anyOf"].append({"type": "string"})
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _suggested(names: list[str]) -> dict[str, Any]:
    """Any text, but an editor offers these."""
    return {"anyOf": [{"enum": names}, {"type": "string"}]}


def _of_method(name: str) -> dict[str, Any]:
    found = settings_model(METHODS[name]).model_json_schema()
    found["properties"]["method"] = {"description": "whose settings these are", "enum": [name]}
    return found
