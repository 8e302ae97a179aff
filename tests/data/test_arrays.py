"""A user's own data: what is accepted, and one clear sentence for what is not."""

import numpy as np
import pandas as pd
import pytest
import torch

from unalike.data import Federation
from unalike.data.sources import load
from unalike.errors import InputError
from unalike.tasks.classes import Classes

N = 60
X = np.random.default_rng(0).normal(size=(N, 4))
Y = np.arange(N) % 3
IDS = np.repeat(["a", "b", "c"], 20)


@pytest.mark.parametrize(
    ("x", "y", "client"),
    [
        (X, Y, IDS),
        (X.tolist(), Y.tolist(), IDS.tolist()),
        (torch.tensor(X), torch.tensor(Y), IDS),
        (torch.tensor(X).bfloat16(), torch.tensor(Y).float(), pd.Categorical(IDS)),
        (pd.DataFrame(X), pd.Series(Y), pd.Series(IDS)),
        (pd.DataFrame(X), pd.Series(Y).astype("Int64"), pd.Series(IDS).astype("category")),
        (X.astype(object), Y[:, None], IDS.astype(object)),
    ],
)
def test_arrays_tensors_lists_and_frames(x, y, client):
    f = Federation.from_arrays(x, y, client=client)
    assert f.names == ("a", "b", "c")
    assert f.classes == 3
    assert f.task == Classes(("0", "1", "2"))
    assert f.x.shape == (48, 4)
    assert f.x.dtype == torch.float32
    assert f.y.dtype == torch.int64
    assert f.label_counts.sum() == N


def test_client_numbers_sort_as_numbers():
    f = Federation.from_arrays(X, Y, client=np.repeat([10, 9, 100], 20))
    assert f.names == ("9", "10", "100")


def test_dealing_own_data_by_a_split():
    f = Federation.from_arrays(X, Y, split="dirichlet", clients=5, alpha=1.0, new_clients=0.2)
    assert f.clients == 5
    assert f.newcomers.sum() == 1


def test_shapes_stay():
    assert Federation.from_arrays(np.zeros((N, 3, 8, 8)), Y, client=IDS).x.shape[1:] == (3, 8, 8)
    assert Federation.from_arrays(np.zeros(N), Y, client=IDS).x.shape[1:] == (1,)


def test_many_labels_a_sample():
    f = Federation.from_arrays(X, np.eye(4)[Y, :3] + np.eye(4)[(Y + 1) % 4, :3], client=IDS)
    assert f.task.name == "labels"
    assert f.classes == 3
    assert f.y.shape == (48, 3)


def test_classes_without_a_sample_where_they_are_meant():
    assert Federation.from_arrays(X, Y, client=IDS, classes=7).label_counts.shape == (3, 7)


def test_the_users_arrays_are_left_alone():
    x = X.astype(np.float32)
    f = Federation.from_arrays(x, Y, client=IDS)
    f.x.zero_()
    np.testing.assert_array_equal(x, X.astype(np.float32))


def with_value(array, value):
    array = array.astype(type(value)) if not isinstance(value, str) else array.astype(object)
    array[7] = value
    return array


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"y": Y[:-1]}, "x has 60 samples and y 59 labels"),
        ({"x": with_value(X, np.nan)}, "NaN or infinite values in 1 of 60 samples, first in samp"),
        ({"x": with_value(X, np.inf)}, "first in sample 7"),
        ({"x": X * 1e300}, "NaN or infinite"),
        ({"x": np.full((N, 2), "red")}, "x holds entries that are no numbers"),
        ({"x": X.astype(complex)}, "x holds entries that are no numbers"),
        ({"x": [[1.0], [1.0, 2.0]]}, "x is not an array"),
        ({"x": 3.0}, "not a single value"),
        ({"x": np.zeros((0, 3)), "y": [], "client": []}, "There are no samples"),
        ({"y": Y, "classes": 2}, "Labels must be from 0 to 1, but y holds 2"),
        ({"y": Y + 0.5, "classes": 3}, r"y holds 0.5, which is no class"),
        ({"y": with_value(Y, np.nan)}, "y has no value for 1 of 60 samples, first for sample 7"),
        ({"y": np.array(["cat", "dog", "eel"])[Y], "classes": 3}, "y holds text such as 'cat'"),
        ({"y": np.arange(N)}, "say --task classes, --task counts or --task regression"),
        ({"y": np.full((N, 2), 0.5), "task": "labels"}, "y holds 0.5, but labels are 0 or 1"),
        ({"y": np.eye(3)[Y], "classes": 4}, "y has 3 labels a sample, but classes=4"),
        ({"y": np.zeros((N, 2, 2))}, r"the shape \[60, 2, 2\], which no rule can read"),
        ({"client": IDS[:-1]}, r"60 names, but its shape is \(59,\)"),
        ({"client": [*IDS[:-1], None]}, "for sample 59"),
        ({"client": with_value(np.arange(N) // 20, np.nan)}, "client names nobody for sample 7"),
        ({"client": np.repeat("a", N)}, "at least 2 clients, not 1"),
        ({"client": with_value(IDS, "x")}, "Client 'x' is too small: it holds 1 of the 3"),
        ({"client": None}, "Say whose each sample is"),
    ],
)
def test_bad_data_is_one_clear_sentence(change, sentence):
    given = {"x": X, "y": Y, "client": IDS} | change
    with pytest.raises(InputError, match=sentence) as caught:
        Federation.from_arrays(**given)
    assert "\n" not in str(caught.value)


def test_a_small_client_is_kept_where_asked():
    f = Federation.from_arrays(X, Y, client=with_value(IDS, "x"), min_size=1)
    assert f.train.sizes.tolist() == [13, 14, 14, 1]
    assert f.test.sizes.tolist() == [4, 4, 4, 0]


def test_nobodys_samples_are_said() -> None:
    with pytest.raises(InputError, match="have no natural clients"):
        _ = load("digits").natural_client
    assert len(load("fed-heart").natural_client) == 740
