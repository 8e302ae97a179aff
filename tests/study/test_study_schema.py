"""The schema of a study file says what a study file may hold."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest

from unalike.cli.main import app
from unalike.methods import METHODS
from unalike.study.settings import make_study
from unalike.study.study_schema import study_schema

STUDY = make_study(
    {
        "methods": "fedprox,mine",
        "settings": {"fedprox": {"mu": 0.5}, "mine": {"method": "fedavg", "lr": 0.2}},
        "skew": ["rotation"],
        "robust": "median",
        "attack": "sign-flip",
        "local_steps": 20,
        "lr_schedule": "step:every=5",
    }
)


def test_every_setting_of_a_file_is_known() -> None:
    schema, held = study_schema(), STUDY.as_toml()
    assert set(held) <= set(schema["properties"])
    assert not schema["additionalProperties"]
    assert "settings" not in schema["properties"]


def test_every_hyper_parameter_is_known_with_its_bounds() -> None:
    methods = study_schema()["properties"]["methods"]["properties"]
    assert set(methods) == set(METHODS)
    for name, cls in METHODS.items():
        assert {f.name for f in fields(cls)} <= set(methods[name]["properties"])
        assert "$defs" not in methods[name], "references of a part would lead nowhere"
    assert methods["fedprox"]["properties"]["mu"]["minimum"] == 0


def test_a_checker_of_schemas_takes_what_a_study_takes() -> None:
    checker = pytest.importorskip("jsonschema")
    schema = study_schema()
    checker.validate(json.loads(json.dumps(STUDY.as_toml())), schema)
    for wrong in ({"rounds": 0}, {"ronds": 3}, {"methods": {"fedprox": {"mu": -1}}}):
        with pytest.raises(checker.ValidationError):
            checker.validate(wrong, schema)


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    app(["schema"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(study_schema()))
