"""The adjusted Rand index: exact cases, and the reference of scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from unalike.measures.group_agreement import adjusted_rand

labels = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(pairs=labels)
def test_as_scikit_learn_has_it(pairs):
    one, other = np.array(pairs).T
    assert adjusted_rand(one, other) == pytest.approx(adjusted_rand_score(one, other), abs=1e-12)
    assert adjusted_rand(one, other) == adjusted_rand(other, one)


def test_names_do_not_matter():
    assert adjusted_rand(np.array([0, 0, 1, 1]), np.array([7, 7, 3, 3])) == 1
    assert adjusted_rand(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])) == pytest.approx(-0.5)
    assert adjusted_rand(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 0])) == 0
