"""Pupils by school and children by community: three tables of textbooks on multilevel models.

Schools and communities are the clients. Numbers stay as they are published; categories become
indicators. The tables belong to an R package under the GPL, so unalike does not carry them.

Source  R package mlmRev, as the table collection Rdatasets has it at 1dcc2bf
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .source import TRAIN, Arrays, RemoteFile, Source, parts
from .tables import Column, feature_names, features

if TYPE_CHECKING:
    from pandas import Series

_URL = (
    "https://raw.githubusercontent.com/vincentarelbundock/Rdatasets/"
    "1dcc2bf5f955cc1224a3e1307256e1fe86b68dae/csv/mlmRev/"
)
_LICENCE = "GPL-2 or later (R package mlmRev)"

EXAM = (
    Column("standLRT"),
    Column("schavg"),
    Column("sex", ("F", "M")),
    Column("schgend", ("mixed", "boys", "girls")),
    Column("vr", ("bottom 25%", "mid 50%", "top 25%")),
    Column("intake", ("bottom 25%", "mid 50%", "top 25%")),
)
"""Without `type`, which follows from schgend."""
HSB82 = (
    Column("cses"),
    Column("meanses"),
    Column("minrty", ("No", "Yes")),
    Column("sx", ("Female", "Male")),
    Column("sector", ("Public", "Catholic")),
)
"""Without `ses`, the sum of cses and meanses."""
GUIMMUN = (
    Column("pcInd81"),
    Column("kid2p", ("N", "Y")),
    Column("mom25p", ("N", "Y")),
    Column("ord", ("01", "23", "46", "7p")),
    Column("ethn", ("L", "N", "S")),
    Column("momEd", ("N", "P", "S")),
    Column("husEd", ("N", "P", "S", "U")),
    Column("momWork", ("N", "Y")),
    Column("rural", ("N", "Y")),
)


def read_multilevel(
    file: Path, *, columns: tuple[Column, ...], target: str, client: str, task: str
) -> Arrays:
    """Rows of a table -> features [n, p]; the target as numbers float32 [n] or N 0 and Y 1 [n]."""
    import pandas

    table = pandas.read_csv(file, keep_default_na=False)
    return Arrays(
        features(table, columns),
        _classes(table[target]) if task == "classes" else table[target].to_numpy(np.float32),
        2 if task == "classes" else 1,
        client=_names(table[client], client),
        part=parts(len(table), values=(TRAIN,)),
        task=task,
    )


def _classes(answers: "Series[Any]") -> npt.NDArray[np.int64]:
    return np.asarray(answers == "Y", np.int64)


def _names(numbers: "Series[Any]", column: str) -> npt.NDArray[np.str_]:
    """Of one width, so that their order is that of the numbers."""
    digits = numbers.astype(str)
    return (f"{column}-" + digits.str.zfill(digits.str.len().max())).to_numpy(str)


def _source(
    name: str,
    title: str,
    *,
    samples: int,
    clients: int,
    citation: str,
    file: str,
    sha256: str,
    columns: tuple[Column, ...],
    target: str,
    client: str,
    task: str,
) -> Source:
    return Source(
        name=name,
        title=title,
        samples=samples,
        shape=(len(feature_names(columns)),),
        classes=2 if task == "classes" else 1,
        licence=_LICENCE,
        citation=citation,
        files=(RemoteFile(file, _URL + file, f"sha256:{sha256}", "schools"),),
        read=partial(read_multilevel, columns=columns, target=target, client=client, task=task),
        task=task,
        natural_clients=clients,
    )


MULTILEVEL = (
    _source(
        "schools",
        "Pupils of 65 schools of Inner London, their score in an exam",
        samples=4_059,
        clients=65,
        citation="Goldstein, Rasbash et al. (1993). A multilevel analysis of school examination "
        "results. Oxford Review of Education 19, 425-433.",
        file="Exam.csv",
        sha256="9c87dc2a85401f0589bdb1c1e95049bd86648f80ab00c73b388f6b7079e711ac",
        columns=EXAM,
        target="normexam",
        client="school",
        task="regression",
    ),
    _source(
        "hsb82",
        "Pupils of 160 high schools, their achievement in mathematics",
        samples=7_185,
        clients=160,
        citation="Raudenbush and Bryk (2002). Hierarchical Linear Models: Applications and Data "
        "Analysis Methods, chapter 4. Sage.",
        file="Hsb82.csv",
        sha256="d820cf853af77e3163ffb828361defb25ac005f0074703c61fd35cad5cbd6b37",
        columns=HSB82,
        target="mAch",
        client="school",
        task="regression",
    ),
    _source(
        "guimmun",
        "Children of 161 communities of Guatemala, fully immunised or not",
        samples=2_159,
        clients=161,
        citation="Rodríguez and Goldman (2001). Improved estimation procedures for multilevel "
        "models with binary response: a case-study. JRSS A 164, 339-355.",
        file="guImmun.csv",
        sha256="1b9a2f7cb7b674609430c88edd6a8cd89cd872dbdc28686c156b82061b000998",
        columns=GUIMMUN,
        target="immun",
        client="comm",
        task="classes",
    ),
)
