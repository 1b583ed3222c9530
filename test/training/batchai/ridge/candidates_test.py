"""What is chosen between candidates, from their errors on held-out folds."""

from __future__ import annotations

import numpy as np
import pytest

from src.training.batchai.ridge.candidates import PENALTIES, choose


@pytest.mark.parametrize("unit", [1.0, 1.1, 3.7, 1e-6])
def test_what_differs_in_one_fold_alone_does_not_beat_the_mean(unit: float) -> None:
    """Then one standard error is all of the gain, and the last bit must not decide."""
    chance = np.random.default_rng(0)
    for _ in range(50):
        mean = chance.uniform(1, 2, size=(5, 1, 1, 1))
        errors = np.repeat(mean, len(PENALTIES), axis=2) * unit
        errors[chance.integers(5), 0, :-1, 0] *= np.linspace(0.3, 0.9, len(PENALTIES) - 1)
        assert choose(errors).tolist() == [len(PENALTIES) - 1]


def test_what_is_better_in_every_fold_beats_the_mean() -> None:
    errors = np.ones((5, 1, len(PENALTIES), 1))
    errors[:, 0, 7, 0] = 0.5
    assert choose(errors).tolist() == [7]
