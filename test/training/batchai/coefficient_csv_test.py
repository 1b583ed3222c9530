"""Lines, curves and pairs come back from ``coefficient.csv`` as they were written, product by product."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.known_plants import as_location
from src.common.committed_folder import replace_folder
from src.common.tables import format_csv
from src.training.batchai.coefficient_csv import COEFFICIENT_HEADER, coefficient_rows, read_terms
from src.training.batchai.location_fit import GroupFit, TargetFit, TrainingOptions, fit_location
from src.training.batchai.model_files import KIND, load_model
from src.training.batchai.terms import Curve, Pair
from test.support.models import changed_model, write_model

CURVE = Curve(1, np.array([-1.0, 0.25, 2.0]), np.array([0.1, -0.3, 1 / 3]), np.array([0.5, 0.25, 1.0]))
PAIR = Pair(0, 2, -0.7, 0.2)


def fits(*, bent: bool) -> list[GroupFit]:
    """Two products; the first has a curve and a pair."""
    chance = np.random.default_rng(0)
    made = {}
    for name in "PQ":
        features = chance.normal(size=(30, 3))
        made[name] = (features, features[:, :1] + 0.1 * chance.normal(size=(30, 1)))
    prepared = as_location(made)
    groups = fit_location(prepared, TrainingOptions(folds=3))
    fit = groups[0].targets["y"]
    assert isinstance(fit, TargetFit)
    if bent:
        groups[0] = replace(groups[0], targets={"y": replace(fit, curves=(CURVE,), pairs=(PAIR,))})
    return groups


PREPARED = as_location({name: (np.zeros((1, 3)), np.zeros((1, 1))) for name in "PQ"})


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    groups = fits(bent=True)
    path = tmp_path / "coefficient.csv"
    path.write_bytes(format_csv(COEFFICIENT_HEADER, []).encode() + coefficient_rows(PREPARED, groups))
    found = read_terms(path)
    first, second = found["plant", "P", "y"], found["plant", "Q", "y"]
    fit = groups[0].targets["y"]
    assert isinstance(fit, TargetFit)
    assert list(first.lines.values()) == [fit.intercept, *fit.coefficients.tolist()]
    np.testing.assert_array_equal(first.curves["x1"], [CURVE.knots, CURVE.values, CURVE.errors])
    assert first.pairs == {("x0", "x2"): (-0.7, 0.2)}
    assert (second.curves, second.pairs) == ({}, {})


def test_the_rows_of_a_product_do_not_depend_on_others() -> None:
    groups = fits(bent=True)
    assert coefficient_rows(PREPARED, groups) == b"".join(coefficient_rows(PREPARED, [group]) for group in groups)


def test_rows_of_lines_are_the_same_beside_curves() -> None:
    plain, bent = (coefficient_rows(PREPARED, fits(bent=bent)).splitlines() for bent in (False, True))
    assert [row for row in bent if b",curve," not in row and b",pair," not in row] == plain
    cells = [row.decode().split(",") for row in bent if b",curve," in row]
    assert [cell[3:6] for cell in cells] == [["x1", "0.1", "0.5"], ["x1", "-0.3", "0.25"], ["x1", repr(1 / 3), "1"]]
    expected = [0.1 - 1.96 * 0.5, -0.3 - 1.96 * 0.25, 1 / 3 - 1.96]
    assert [float(cell[7]) for cell in cells] == pytest.approx(expected, abs=1e-4)


def test_a_model_with_curves_predicts_the_same_after_loading(tmp_path: Path) -> None:
    bump = Curve(0, np.array([5.0, 10.0, 20.0]), np.array([0.0, 4.0, 1 / 3]), np.array([0.1, 0.2, 0.3]))
    model = changed_model(curves=(bump,), pairs=(Pair(0, 1, 0.1, 0.05),))
    with replace_folder(tmp_path, kind=KIND) as staged:
        write_model(staged, model)
    before, after = (one.locations["plant"].groups["007"].targets["purity"] for one in (model, load_model(tmp_path)))
    rows = np.random.default_rng(0).uniform([0, -1], [25, 4], (50, 2))
    np.testing.assert_array_equal(before.predict(rows), after.predict(rows))
    np.testing.assert_array_equal(after.curves[0].errors, bump.errors)
    assert after.pairs == (Pair(0, 1, 0.1, 0.05),)
