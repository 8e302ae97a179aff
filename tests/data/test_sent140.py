"""Texts become numbers by what the training clients' training texts alone teach."""

import csv
import gzip
import json

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from unalike.data import Arrays, federate
from unalike.data.sources.sent140 import read_sent140, read_sent140_sample
from unalike.data.sources.text import fit_text
from unalike.errors import InputError

WORDS = np.array(["sun", "rain", "snow", "wind", "fog", "hail", "storm", "cloud", "frost", "dew"])


def texts(count, seed=0):
    rng = np.random.default_rng(seed)
    return np.array([" ".join(rng.choice(WORDS, 8)) for _ in range(count)])


def tweets(count=200, people=20):
    client = np.arange(count) % people
    return Arrays(texts(count), np.arange(count) % 2, 2, client, np.zeros(count, np.int8))


def test_only_training_samples_of_training_clients_are_learned_from():
    """The fit sees them all and nothing else; its transform then meets every part."""
    seen = []

    def fit(samples):
        seen.append(np.concatenate(samples))
        return lambda x: np.stack([x, np.full_like(x, len(seen[0]))], 1).astype(np.float32)

    arrays = tweets()._replace(x=np.arange(200), fit=fit)
    f = federate(arrays, split="natural", new_clients=0.3, seed=4)
    training = np.concatenate([f.train.rows(i) for i in np.flatnonzero(~f.newcomers)])
    (learned,) = seen
    assert f.newcomers.sum() == 6
    np.testing.assert_array_equal(np.sort(learned), np.sort(f.x[training, 0].numpy()))
    for x in (f.x, f.x_test):
        assert x.dtype == torch.float32
        assert (x[:, 1] == len(learned)).all()


def test_other_texts_change_nothing_for_the_training_texts():
    arrays = tweets()._replace(fit=fit_text)
    f = federate(arrays, split="natural", new_clients=0.3, seed=4)
    numbered = arrays._replace(x=np.arange(200, dtype=np.float32), fit=None)
    which = federate(numbered, split="natural", new_clients=0.3, seed=4)
    training = np.concatenate([f.train.rows(i) for i in np.flatnonzero(~f.newcomers)])
    learned = which.x[training].numpy().astype(int)
    strange = np.full(200, "an utterly different tweet, said by all the others", arrays.x.dtype)
    strange = strange.astype("<U99")
    strange[learned] = arrays.x[learned]
    other = federate(arrays._replace(x=strange), split="natural", new_clients=0.3, seed=4)
    assert torch.equal(f.x[training], other.x[training])
    assert not torch.equal(f.x_test, other.x_test)


def test_directions_keep_all_inner_products_where_they_span_everything():
    """With fewer texts than directions nothing is lost: X X' is TF-IDF's own, of norm one."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    few = texts(30)
    x = fit_text([few])(few).astype(np.float64)
    terms = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    table = terms.fit_transform(few).toarray()
    np.testing.assert_allclose(x @ x.T, table @ table.T, atol=1e-5)
    assert x.shape == (30, 512)
    assert not x[:, 30:].any()


def test_unknown_words_are_nothing():
    assert not fit_text([texts(30)])(np.array(["quite unheard of", ""])).any()


def test_threads_do_not_change_a_bit():
    many = np.array([f"{text} {i % 90} {i % 70}x" for i, text in enumerate(texts(2000))])
    results = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            results.append(fit_text([many])(many))
    np.testing.assert_array_equal(*results)


def test_texts_that_share_no_words():
    with pytest.raises(InputError, match="The 2 training texts share no words"):
        fit_text([np.array(["sun sun", "rain"])])


def test_leaf_json(tmp_path):
    def tweet(text):
        return ["1", "Mon", "NO_QUERY", "somebody", text, "training"]

    data = {
        "users": ["ann", "bob"],
        "num_samples": [2, 1],
        "user_data": {
            "ann": {"x": [tweet("good &amp; fair"), tweet("bad")], "y": [1, 0]},
            "bob": {"x": [tweet("caf\u00e9")], "y": [1]},
        },
    }
    path = tmp_path / "it.json.gz"
    path.write_bytes(gzip.compress(json.dumps(data).encode()))
    read = read_sent140(path)
    assert read.x.tolist() == ["good & fair", "bad", "caf\u00e9"]
    assert read.y.tolist() == [1, 0, 1]
    assert read.client.tolist() == ["ann", "ann", "bob"]
    assert read.part.tolist() == [0, 0, 0]
    assert read.fit is fit_text


def test_rows_of_the_original_file(tmp_path):
    path = tmp_path / "it.csv.gz"
    rows = [
        ["0", "1", "Mon", "NO_QUERY", "ann", 'she said "no", &lt;3'],
        ["4", "2", "Mon", "NO_QUERY", "bob", "caf\u00e9"],
    ]
    with gzip.open(path, "wt", encoding="latin-1", newline="") as stream:
        csv.writer(stream, quoting=csv.QUOTE_ALL).writerows(rows)
    read = read_sent140_sample(path)
    assert read.x.tolist() == ['she said "no", <3', "caf\u00e9"]
    assert read.y.tolist() == [0, 1]
    assert read.client is None
