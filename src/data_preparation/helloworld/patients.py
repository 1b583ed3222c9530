"""The data of helloworld: 442 patients with diabetes, ten measurements each, and how the disease went on.

Shipped with scikit-learn; from B. Efron, T. Hastie, I. Johnstone, R. Tibshirani, "Least Angle Regression",
The Annals of Statistics 32 (2004), 407-499.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from src.common.committed_folder import reading, replace_folder
from src.common.tables import format_csv, read_text_table, to_numbers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WITHHELD_EVERY = 10
KIND, KNOWN, NEW = "helloworld data", "patients.csv", "new_patients.csv"
MADE_BY = "python src/data_preparation/helloworld/helloworld_datapreparation.py"
TARGET = "progression"


@dataclass(frozen=True)
class Patients:
    """What was measured of some patients.

    Attributes:
        features: Name of each feature.
        values: ``(patients, features)``, in the units of the study.
        progression: ``(patients,)``: the progression of the disease one year later, without a unit.
    """

    features: tuple[str, ...]
    values: NDArray[np.float64]
    progression: NDArray[np.float64]


def load_patients() -> tuple[Patients, Patients]:
    """Load the patients to train on, and every tenth one, which training never sees."""
    import numpy as np
    from sklearn.datasets import load_diabetes

    data = load_diabetes(scaled=False)
    withheld = np.arange(len(data.target)) % WITHHELD_EVERY == 0
    known, unseen = (
        Patients(tuple(data.feature_names), data.data[rows], data.target[rows]) for rows in (~withheld, withheld)
    )
    return known, unseen


def write_patients(folder: Path, known: Patients, unseen: Patients) -> None:
    """Write both groups of patients, whole or not at all."""
    with replace_folder(folder, kind=KIND) as staged:
        for name, patients in ((KNOWN, known), (NEW, unseen)):
            rows = zip(patients.values.tolist(), patients.progression.tolist(), strict=True)
            staged.write(name, format_csv((*patients.features, TARGET), [(*row, measured) for row, measured in rows]))


def read_patients(folder: Path) -> tuple[Patients, Patients, str]:
    """Read what `write_patients` wrote, and the version of the data.

    Raises:
        DataError: There is no such folder.
        IntegrityError: It is not what was written.
    """
    with reading(folder, kind=KIND, made_by=MADE_BY) as prepared:
        return _read(folder / KNOWN), _read(folder / NEW), prepared.manifest.version


def _read(path: Path) -> Patients:
    import numpy as np

    table = read_text_table(path)
    *features, target = table.columns
    numbers = [to_numbers(table.column(name))[0] for name in (*features, target)]
    return Patients(tuple(features), np.column_stack(numbers[:-1]), numbers[-1])
