"""MedMNIST: medical images of 28 x 28 pixels, twelve sets in one format (version 3.0.2)."""

from functools import partial
from pathlib import Path

import numpy as np

from .source import TEST, TRAIN, VALIDATION, Arrays, RemoteFile, Source, parts, pixels


def read_medmnist(file: Path, *, classes: int, task: str) -> Arrays:
    """An npz of train, val and test -> images [n, 1 or 3, 28, 28]."""
    with np.load(file, allow_pickle=False) as npz:
        images = np.concatenate([npz[f"{name}_images"] for name in ("train", "val", "test")])
        labels = [npz[f"{name}_labels"] for name in ("train", "val", "test")]
    planes = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    y = np.concatenate(labels)
    y = y[:, 0].astype(np.int64) if task == "classes" else y.astype(np.float32)
    part = parts(*map(len, labels), values=(TRAIN, VALIDATION, TEST))
    return Arrays(
        pixels(np.ascontiguousarray(planes)), y, classes, client=None, part=part, task=task
    )


def _source(
    name: str,
    title: str,
    samples: int,
    channels: int,
    classes: int,
    md5: str,
    task: str = "classes",
    licence: str = "CC BY 4.0",
) -> Source:
    url = f"https://zenodo.org/records/10519652/files/{name}.npz?download=1"
    return Source(
        name=name,
        title=title,
        samples=samples,
        shape=(channels, 28, 28),
        classes=classes,
        licence=licence,
        citation="Yang et al. (2023). MedMNIST v2 - A large-scale lightweight benchmark for 2D "
        "and 3D biomedical image classification. Scientific Data 10:41.",
        files=(RemoteFile(f"{name}.npz", url, f"md5:{md5}", "medmnist"),),
        read=partial(read_medmnist, classes=classes, task=task),
        task=task,
    )


MEDMNIST = (
    _source("breastmnist", "Breast ultrasound", 780, 1, 2, "750601b1f35ba3300ea97c75c52ff8f6"),
    _source(
        "pneumoniamnist",
        "Chest X-rays of children, pneumonia or not",
        5_856,
        1,
        2,
        "28209eda62fecd6e6a2d98b1501bb15f",
    ),
    _source(
        "retinamnist",
        "Retina, five grades of diabetic retinopathy",
        1_600,
        3,
        5,
        "bd4c0672f1bba3e3a89f0e4e876791e4",
    ),
    _source("bloodmnist", "Blood cells", 17_092, 3, 8, "7053d0359d879ad8a5505303e11de1dc"),
    _source(
        "dermamnist",
        "Pigmented skin lesions",
        10_015,
        3,
        7,
        "0744692d530f8e62ec473284d019b0c7",
        licence="CC BY-NC 4.0",
    ),
    _source(
        "pathmnist",
        "Tissue of colorectal cancer",
        107_180,
        3,
        9,
        "a8b06965200029087d5bd730944a56c1",
    ),
    _source(
        "octmnist",
        "Optical coherence tomography of the retina",
        109_309,
        1,
        4,
        "c68d92d5b585d8d81f7112f81e2d0842",
    ),
    _source(
        "chestmnist",
        "Chest X-rays, any of 14 findings",
        112_120,
        1,
        14,
        "02c8a6516a18b556561a56cbdd36c4a8",
        task="labels",
    ),
    _source(
        "organamnist",
        "Organs in computed tomography, axial",
        58_830,
        1,
        11,
        "68e3f8846a6bd62f0c9bf841c0d9eacc",
    ),
    _source(
        "organcmnist",
        "Organs in computed tomography, coronal",
        23_583,
        1,
        11,
        "b9ceb9546e10131b32923c5bbeaea2b1",
    ),
    _source(
        "organsmnist",
        "Organs in computed tomography, sagittal",
        25_211,
        1,
        11,
        "9ab87b696fb54e2a387ebe992d6ed5f1",
    ),
    _source(
        "tissuemnist",
        "Cells of the kidney cortex",
        236_386,
        1,
        8,
        "ebe78ee8b05294063de985d821c1c34b",
    ),
)
