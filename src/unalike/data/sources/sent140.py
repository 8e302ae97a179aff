"""Sentiment140: is a tweet glad or sad? By its 2,875 busiest users, or a sample of all."""

import csv
import gzip
import html
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from .source import TRAIN, Arrays, RemoteFile, Source, parts
from .text import DIRECTIONS, fit_text

_TEXT, _CSV_TEXT = 4, 5  # where a tweet's columns hold its text: in LEAF, in the original file
_GO = "Go, Bhayani and Huang (2009). Twitter Sentiment Classification using Distant Supervision. "


def read_sent140(file: Path) -> Arrays:
    """LEAF's JSON of users with their tweets -> texts [n], 0 sad and 1 glad, the users."""
    with gzip.open(file, "rt", encoding="utf-8") as stream:
        users = json.load(stream)["user_data"]
    y = [label for own in users.values() for label in own["y"]]
    client = [user for user, own in users.items() for _ in own["y"]]
    tweets = (tweet[_TEXT] for own in users.values() for tweet in own["x"])
    return _arrays(tweets, y)._replace(client=np.array(client))


def read_sent140_sample(file: Path) -> Arrays:
    """The rows of the original file, with almost as many users -> texts [n], 0 sad and 1 glad."""
    with gzip.open(file, "rt", encoding="latin-1", newline="") as stream:
        rows = list(csv.reader(stream))
    return _arrays((row[_CSV_TEXT] for row in rows), [int(row[0] == "4") for row in rows])


def _arrays(tweets: Iterable[str], y: list[int]) -> Arrays:
    x = np.array([html.unescape(tweet) for tweet in tweets])
    part = parts(len(y), values=(TRAIN,))
    return Arrays(x, np.array(y, np.int64), 2, client=None, part=part, fit=fit_text)


def _file(name: str, sha256: str) -> RemoteFile:
    return RemoteFile(name, None, f"sha256:{sha256}", "sent140")


SENT140 = Source(
    name="sent140",
    title="Tweets by 2,875 users, glad or sad (3 to 55 of each user's)",
    samples=16_025,
    shape=(DIRECTIONS,),
    classes=2,
    licence="none stated",
    citation=_GO + "Stanford. By user: Caldas et al. (2018). LEAF: A Benchmark for Federated "
    "Settings. arXiv:1812.01097",
    files=(
        _file(
            "all_data_niid_0_keep_30_test_9.json.gz",
            "89633b983dab2600b1a118992c3e6cfbbfb4bd85446c52c4244e247af75fa551",
        ),
    ),
    read=read_sent140,
    natural_clients=2_875,
)

SENT140_SAMPLE = Source(
    name="sent140-sample",
    title="20,000 tweets, glad or sad, almost each by another user",
    samples=20_000,
    shape=(DIRECTIONS,),
    classes=2,
    licence="none stated",
    citation=_GO + "Stanford.",
    files=(
        _file(
            "training.1600000.processed.noemoticon.sample20k.csv.gz",
            "0dff35d976c804a9d3bc9092a27cbafaf3fd4c6b56dee74c0e5dec572202a99e",
        ),
    ),
    read=read_sent140_sample,
)
