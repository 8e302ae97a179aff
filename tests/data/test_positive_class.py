"""Which of two classes counts as yes: said by the study, kept by its models."""

import numpy as np
import pytest

from unalike import compare
from unalike.data.federation import Federation
from unalike.data.positive_class import with_positive
from unalike.errors import InputError


def clinics() -> Federation:
    """Three clients of unequal size, one of which has one class alone."""
    rng = np.random.default_rng(4)
    client = np.repeat(list("abc"), [30, 12, 20])
    x = rng.normal(size=(len(client), 2))
    ill = (x[:, 0] + 0.3 * rng.normal(size=len(x)) > 0) & (client != "c")
    return Federation.from_arrays(x, np.where(ill, "disease", "normal"), client)


def names(held: Federation, y) -> list[str]:
    return [held.task.class_names[code] for code in y.tolist()]


def test_the_other_class_is_yes_and_nobody_changes_class():
    held = clinics()
    turned = with_positive(held, "disease")
    assert held.task.class_names == ("disease", "normal")
    assert turned.task.class_names == ("normal", "disease")
    assert names(turned, turned.y) == names(held, held.y)
    assert names(turned, turned.y_test) == names(held, held.y_test)
    assert with_positive(turned, "disease") is turned
    with pytest.raises(InputError, match="did you mean 'disease'"):
        with_positive(held, "diseases")


def test_a_study_says_which_class_is_yes_and_its_models_keep_it(tmp_path):
    held, common = clinics(), {"methods": ["fedavg"], "model": "logistic", "rounds": 2, "seeds": 1}
    turned = compare(held, **common, positive="disease", out=tmp_path / "turned")
    usual = compare(held, **common, out=tmp_path / "usual")
    assert any("yes = 'disease', no = 'normal'" in remark for remark in turned.remarks)
    assert any("--positive disease" in remark for remark in usual.remarks)
    models = [found.model("fedavg", when="last") for found in (turned, usual)]
    assert models[0].description.class_names == ("normal", "disease")
    assert models[1].description.class_names == ("disease", "normal")
