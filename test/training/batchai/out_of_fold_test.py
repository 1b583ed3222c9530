from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.common.tables import format_csv
from src.data_preparation.batchai.group_tables import FeatureRows
from src.data_preparation.batchai.prepared_data import PreparedGroup, PreparedLocation, PreparedTarget
from src.training.batchai.location_fit import GroupFit, TargetFit, TrainingOptions, fit_location
from src.training.batchai.out_of_fold import HEADER, NAME, format_parts, read_out_of_fold

TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1).map(str.strip).filter(bool)


def _location(location: str, product_id: str, *, batch: str = "B", rows: int = 40) -> PreparedLocation:
    chance = np.random.default_rng(5)
    features = chance.normal(size=(rows, 3))
    values = np.column_stack([features @ [1.0, 2.0, 0.0] + chance.normal(size=rows), chance.normal(size=rows)])
    values[::4, 1] = np.nan
    ids = np.array([f"{batch}{row // 2}" for row in range(rows)], dtype=object)
    nothing = FeatureRows(np.empty(0, dtype=object), np.empty((0, 3)))
    group = PreparedGroup(product_id, ids, features, values, nothing)
    return PreparedLocation(location, ("a", "b", "c"), (PreparedTarget("y"), PreparedTarget("z, 2")), (group,))


def _written(folder: Path, *parts: PreparedLocation) -> list[tuple[PreparedLocation, list[GroupFit]]]:
    fitted = [(part, fit_location(part, TrainingOptions(folds=3, min_batches=10))) for part in parts]
    with ThreadPoolExecutor() as executor:
        rows = [row for part, fits in fitted for row in format_parts(part, fits, executor)]
    (folder / NAME).write_bytes(b"".join([format_csv(HEADER, []).encode(), *rows]))
    return fitted


def test_what_is_read_is_what_was_predicted_and_its_error_that_of_rmse_csv(tmp_path: Path) -> None:
    fitted = _written(tmp_path, _location("north", "007"), _location("south", "007"))
    read = read_out_of_fold(tmp_path)
    assert list(read) == [(place, "007", target) for place in ("north", "south") for target in ("y", "z, 2")]
    for prepared, fits in fitted:
        for name, fit in fits[0].targets.items():
            assert isinstance(fit, TargetFit)
            found = read[prepared.location, "007", name]
            assert found.batch_ids.tolist() == prepared.groups[0].batch_ids[fit.problem.rows].tolist()
            np.testing.assert_array_equal(found.measured, fit.problem.values[:, fit.place])
            np.testing.assert_array_equal(found.predicted, fit.fit.out_of_fold.predicted[:, fit.place])
            assert np.sqrt(np.mean((found.measured - found.predicted) ** 2)) == pytest.approx(fit.rmse, rel=1e-14)
            assert np.sqrt(np.mean((found.measured - found.mean) ** 2)) == pytest.approx(fit.rmse_mean, rel=1e-14)


@settings(max_examples=15, deadline=None)
@given(location=TEXT, product_id=TEXT, batch=TEXT)
def test_any_id_comes_back(
    tmp_path_factory: pytest.TempPathFactory, location: str, product_id: str, batch: str
) -> None:
    folder = tmp_path_factory.mktemp("model")
    (fitted,) = _written(folder, _location(location, product_id, batch=batch))
    read = read_out_of_fold(folder)
    assert list(read) == [(location, product_id, target) for target in ("y", "z, 2")]
    assert read[location, product_id, "y"].batch_ids.tolist() == fitted[0].groups[0].batch_ids.tolist()


def test_nothing_trained_leaves_a_header_alone(tmp_path: Path) -> None:
    _written(tmp_path, _location("north", "007", rows=8))
    assert (tmp_path / NAME).read_text() == "location,product_id,target,batch_id,measured,predicted,mean,fold\n"
    assert read_out_of_fold(tmp_path) == {}
