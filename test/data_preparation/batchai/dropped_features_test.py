from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.data_preparation.batchai import dropped_features as module
from src.data_preparation.batchai.dropped_features import dropped_features


def repeats_one_by_one(features: dict[str, np.ndarray[Any, Any]], measured: np.ndarray[Any, Any]) -> dict[str, int]:
    """numpy's own correlation of every pair, as slow as it is."""
    found: dict[str, int] = {}
    for name, values in features.items():
        for target in range(measured.shape[1]):
            both = ~np.isnan(values) & ~np.isnan(measured[:, target])
            x, y = values[both], measured[both, target]
            if len(x) >= 10 and np.ptp(x) and np.ptp(y) and abs(np.corrcoef(x, y)[0, 1]) > 1 - 1e-12:
                found.setdefault(name, target)
    return found


@given(
    st.integers(0, 2**32 - 1), st.integers(10, 30), st.sampled_from([0.0, 0.3]), st.sampled_from([1e-40, 1, 1e9, 1e45])
)
def test_all_copies_among_many_are_found_and_nothing_else(seed: int, rows: int, gaps: float, scale: float) -> None:
    chance = np.random.default_rng(seed)
    measured = chance.normal(size=(rows, 3)) * scale + 100 * scale * chance.integers(0, 2)
    measured[chance.random(measured.shape) < gaps] = np.nan
    features = {f"x{number}": chance.normal(size=rows) for number in range(6)}
    features["copy"] = measured[:, 1] * -3 + 5 * scale
    features["noisy"] = measured[:, 2] + chance.normal(size=rows) * scale * 1e-4
    features["outlier"] = np.where(np.arange(rows) == 3, 1e12 * scale, measured[:, 0])
    features["copy"][chance.random(rows) < gaps] = np.nan
    found = dropped_features(features, measured, ["0", "1", "2"], max_missing=1)
    expected = {name: f"repeats the target {target}" for name, target in repeats_one_by_one(features, measured).items()}
    assert {name: reason for name, reason in found.items() if "repeats" in reason} == expected


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(1)
    measured = chance.normal(size=(20, 4))
    features = {f"x{number}": measured[:, number % 4] * number + 1 for number in range(9)}
    whole = dropped_features(features, measured, list("abcd"), max_missing=0.5)
    monkeypatch.setattr(module, "BLOCK_CELLS", 1)
    assert dropped_features(features, measured, list("abcd"), max_missing=0.5) == whole
    assert list(whole) == list(features)
