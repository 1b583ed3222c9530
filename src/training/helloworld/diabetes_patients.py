"""The data of helloworld: 442 patients with diabetes, ten measurements each, and how the disease went on.

Shipped with scikit-learn; from B. Efron, T. Hastie, I. Johnstone, R. Tibshirani, "Least Angle Regression",
The Annals of Statistics 32 (2004), 407-499.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WITHHELD_EVERY = 10


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
