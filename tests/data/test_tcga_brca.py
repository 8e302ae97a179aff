"""TCGA-BRCA: regions from barcodes, times and events, the published split."""

import numpy as np
import pandas as pd
import pytest

from real_data import DATA, real
from unalike.data import federate
from unalike.data.sources.source import TEST
from unalike.data.sources.tcga_brca import read_tcga_brca

REGIONS = ("Northeast", "South", "West", "Midwest", "Europe", "Canada")
"""In the order of FLamby's numbers 0 to 5."""


def test_a_patients_region_is_that_of_the_code_in_the_barcode(tmp_path):
    """Patients without a place in the split are left out; the state NA is a state."""
    for name, text in {
        "brca.csv": "pid,"
        + ",".join(f"f{j}" for j in range(39))
        + ",E,T\n"
        + "".join(
            f"TCGA-{code}-{i},{50 + i}," + ",".join(["0"] * 38) + f",{i % 2}.0,{100 * i}.0\n"
            for i, code in enumerate(["BH", "AA", "BH"])
        ),
        "split.csv": "pid,fold,fold2\nTCGA-AA-1,test,test_1\nTCGA-BH-0,train,train_0\n",
        "centers.csv": "TSS Code,Source Site,Country,State,Region\nBH,P,USA,PA,Northeast\n"
        "AA,Q,Germany,NA,Europe\n",
    }.items():
        (tmp_path / name).write_text(text)
    arrays = read_tcga_brca(*(tmp_path / f"{name}.csv" for name in ("brca", "split", "centers")))
    assert arrays.client.tolist() == ["Northeast", "Europe"]
    assert arrays.x[:, 0].tolist() == [50, 51]
    assert arrays.y.tolist() == [[0, 0], [100, 1]]
    assert arrays.part.tolist() == [0, 2]


def test_the_regions_and_the_split_are_the_published_ones():
    """FLamby's table: 248/63, 156/40, 164/42, 129/33, 129/33 and 40/11 patients."""
    arrays = real("tcga-brca")
    test = arrays.part == TEST
    counts = [
        (np.sum((arrays.client == r) & ~test), np.sum((arrays.client == r) & test)) for r in REGIONS
    ]
    assert counts == [(248, 63), (156, 40), (164, 42), (129, 33), (129, 33), (40, 11)]
    split = pd.read_csv(f"{DATA}/fed-tcga-brca/train_test_split.csv")
    number = split.groupby(split["fold2"].str[-1]).size()
    assert number.tolist() == [sum(pair) for pair in counts]


def test_times_and_events():
    """Every region has events; twelve times are 0, none is negative or missing."""
    arrays = real("tcga-brca")
    time, event = arrays.y.T
    assert arrays.y.dtype == np.float32
    assert np.isfinite(arrays.y).all()
    assert time.min() == 0
    assert np.count_nonzero(time == 0) == 12
    assert set(event.tolist()) == {0, 1}
    assert [int(event[arrays.client == r].sum()) for r in REGIONS] == [59, 39, 22, 19, 9, 3]


def test_age_alone_is_scaled():
    arrays = real("tcga-brca")
    train = arrays.part != TEST
    scaled = arrays.fit([arrays.x[train]])(arrays.x)
    np.testing.assert_array_equal(scaled[:, 1:], arrays.x[:, 1:])
    assert np.isin(arrays.x[:, 1:], (0, 1)).all()
    assert abs(scaled[train, 0].mean()) < 1e-5
    assert scaled[train, 0].std() == pytest.approx(1, abs=1e-5)


def test_a_study_of_times_is_one_of_survival():
    assert federate(real("tcga-brca"), split="natural").task.name == "survival"
