"""Fed-Heart-Disease: which patients of four hospitals have a narrowed coronary artery?

Prepared as FLamby does: the columns slope, ca and thal go, then every patient with a missing
value; the label is any grade above 0; cp and restecg are one-hot without their first level. FLamby
scales each hospital by its own training patients. Here the mean and deviation are those of all
training patients, so that hospitals that differ stay different; x itself is unscaled.

Switzerland (all 46 patients) and Long Beach (33) wrote 0 where cholesterol was not measured; as in
FLamby it stays 0.

Source  Ogier du Terrail et al., NeurIPS 2022 (FLamby, arXiv:2210.04620), its public code edacf54;
        the four processed files of UCI's Heart Disease, embedded here with their licence
"""

import gzip
import io
from importlib.resources import files

import numpy as np

from .scaling import standard_scaling
from .source import TRAIN, Arrays, Source, parts
from .tables import Column, feature_names, features

HOSPITALS = ("cleveland", "hungarian", "switzerland", "va")
COLUMNS = (
    *("age", "sex", "cp", "trestbps", "chol", "fbs", "restecg", "thalach", "exang", "oldpeak"),
    *("slope", "ca", "thal", "num"),
)
"""Of the files, in their order; num is the grade of the disease, 0 to 4."""
DROPPED = ["slope", "ca", "thal"]
USED = (
    Column("age"),
    Column("sex"),
    Column("trestbps"),
    Column("chol"),
    Column("fbs"),
    Column("thalach"),
    Column("exang"),
    Column("oldpeak"),
    Column("cp", (1, 2, 3, 4)),
    Column("restecg", (0, 1, 2)),
)
FEATURES = feature_names(USED)
"""The columns of x."""


def processed(hospital: str) -> bytes:
    """A hospital's file as UCI publishes it: 14 columns, "?" where a value is missing."""
    folder = files(__package__) / "embedded" / "fed-heart"
    return gzip.decompress((folder / f"processed.{hospital}.data.gz").read_bytes())


def read_fed_heart() -> Arrays:
    """Patients [740, 13] with FEATURES as they were measured, healthy (0) or not (1)."""
    import pandas

    tables = [
        pandas.read_csv(io.BytesIO(processed(hospital)), names=COLUMNS, na_values="?")
        .drop(columns=DROPPED)
        .dropna()
        for hospital in HOSPITALS
    ]
    table = pandas.concat(tables, ignore_index=True)
    return Arrays(
        features(table, USED),
        np.asarray(table["num"] > 0, np.int64),
        2,
        client=np.repeat(HOSPITALS, list(map(len, tables))),
        part=parts(len(table), values=(TRAIN,)),
        fit=standard_scaling(range(len(FEATURES))),
    )


FED_HEART = Source(
    name="fed-heart",
    title="Patients of four hospitals, heart disease or not",
    samples=740,
    shape=(len(FEATURES),),
    classes=2,
    licence="CC BY 4.0",
    citation="Janosi, Steinbrunn, Pfisterer and Detrano (1988). Heart Disease. UCI Machine "
    "Learning Repository. doi:10.24432/C52P4X. As a federation: Ogier du Terrail et al. (2022). "
    "FLamby: Datasets and Benchmarks for Cross-Silo Federated Learning in Realistic Healthcare "
    "Settings. NeurIPS. arXiv:2210.04620",
    files=(),
    read=read_fed_heart,
    natural_clients=4,
)
