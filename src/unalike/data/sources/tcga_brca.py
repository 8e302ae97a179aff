"""TCGA-BRCA: how long do patients with breast cancer live, in the hospitals of six regions?

The region of a patient is that of the hospital whose code stands in the barcode, as in FLamby, and
so are the 39 features and the official test set, a fifth of each region. Age is standardised by
training patients; the other features are 0 or 1. Twelve patients have a time of 0 days.

Source  Ogier du Terrail et al., NeurIPS 2022 (FLamby, arXiv:2210.04620), its public code edacf54,
        after Andreux et al. (2020, arXiv:2006.08997)
"""

from pathlib import Path

import numpy as np

from .scaling import standard_scaling
from .source import TEST, TRAIN, Arrays, RemoteFile, Source

_URL = (
    "https://raw.githubusercontent.com/owkin/FLamby/edacf54d5211520583b0133d55ac39b6fda8324b/"
    "flamby/datasets/fed_tcga_brca/"
)
_FEATURES = 39
_HOSPITAL = slice(5, 7)  # of the barcode TCGA-E2-A9RU


def read_tcga_brca(patients: Path, split: Path, centers: Path) -> Arrays:
    """Features [1088, 39] and y [1088, 2]: days, and 1 where death was seen, 0 where not."""
    import pandas

    table = pandas.read_csv(patients).merge(pandas.read_csv(split), on="pid")
    regions = pandas.read_csv(centers, keep_default_na=False).set_index("TSS Code")["Region"]
    return Arrays(
        table.iloc[:, 1 : 1 + _FEATURES].to_numpy(np.float32),
        table[["T", "E"]].to_numpy(np.float32),
        1,
        client=table["pid"].str[_HOSPITAL].map(regions).to_numpy(str),
        part=np.where(table["fold"] == "test", TEST, TRAIN).astype(np.int8),
        fit=standard_scaling([0]),
        task="survival",
    )


def _file(name: str, sha256: str, folder: str = "") -> RemoteFile:
    return RemoteFile(name, f"{_URL}{folder}{name}", f"sha256:{sha256}", "fed-tcga-brca")


TCGA_BRCA = Source(
    name="tcga-brca",
    title="Patients with breast cancer in six regions, days to death",
    samples=1_088,
    shape=(_FEATURES,),
    classes=1,
    licence="open access, NIH Genomic Data Commons; as prepared by FLamby, MIT",
    citation="Ogier du Terrail et al. (2022). FLamby: Datasets and Benchmarks for Cross-Silo "
    "Federated Learning in Realistic Healthcare Settings. NeurIPS. arXiv:2210.04620. Data: The "
    "Cancer Genome Atlas Research Network, https://www.cancer.gov/tcga",
    files=(
        _file("brca.csv", "07cb53423f7d579d33cfdbf2cba57b2aee75318b85866c68ce39a75b1f1ba020"),
        _file(
            "train_test_split.csv",
            "1249c6543a4060ff0fdaf8510fc37017755836db6c9fc5e6af96057c36510990",
            "dataset_creation_scripts/",
        ),
        _file("centers.csv", "d610df2dae0203ea229c9579747ed3eb8d28e137c5378f55acc6fe6b4632bb1d"),
    ),
    read=read_tcga_brca,
    task="survival",
    natural_clients=6,
)
