"""Models with a number that can't be predicted with, committed with valid manifests: none is loaded."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from src.common.committed_folder import replace_folder
from src.common.errors import IntegrityError
from src.training.batchai.intervals import Radius
from src.training.batchai.model_files import KIND, load_model
from src.training.batchai.terms import Curve, Pair
from test.faults.promises import NO_BAD_NUMBER
from test.support.models import changed_model, small_model, write_model

KNOTS = np.array([5.0, 10.0, 20.0])
BAD: dict[str, Any] = {
    "NaN coefficient": {"coefficients": np.array([0.5, math.nan])},
    "infinite coefficient": {"coefficients": np.array([0.5, math.inf])},
    "coefficients that overflow": {"coefficients": np.array([1e308, 1e308])},
    "NaN intercept": {"intercept": math.nan},
    "infinite intercept": {"intercept": -math.inf},
    "NaN minimum": {"minimum": np.array([math.nan, 0.0])},
    "infinite maximum": {"maximum": np.array([20.0, math.inf])},
    "a range wider than a number": {"minimum": np.full(2, -1e308), "maximum": np.full(2, 1e308)},
    "a range upside down": {"minimum": np.array([20.0, 0.0]), "maximum": np.array([5.0, 3.0])},
    "NaN fill": {"fill": np.array([math.nan, 1.5])},
    "NaN lowest": {"lowest": math.nan},
    "infinite highest": {"highest": math.inf},
    "the target's range upside down": {"lowest": 100.0, "highest": 80.0},
    "NaN residual": {"residuals": np.array([-1.5, math.nan, 0.1, 0.6, 1.4])},
    "a negative radius": {"radius": Radius(-1.0, 1.0)},
    "half a radius": {"radius": Radius(1.0, math.inf)},
    "a curve that is not finite": {"curves": (Curve(0, KNOTS, np.array([0.0, math.nan, 0.0]), np.zeros(3)),)},
    "knots out of order": {"curves": (Curve(0, KNOTS[::-1], np.ones(3), np.zeros(3)),)},
    "a curve of one knot": {"curves": (Curve(0, KNOTS[:1], np.ones(1), np.zeros(1)),)},
    "a pair that is not finite": {"pairs": (Pair(0, 1, math.inf, 0.0),)},
    "a coverage above 1": {"forward_coverage": 1.5},
}


@pytest.mark.fault(NO_BAD_NUMBER)
@pytest.mark.parametrize("changes", BAD.values(), ids=BAD)
def test_a_number_that_nothing_can_be_predicted_with_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with replace_folder(tmp_path, kind=KIND) as staged:
        write_model(staged, changed_model(**changes))
    with pytest.raises(IntegrityError, match=r"(?s)the model holds numbers .* plant/007, purity: "):
        load_model(tmp_path)


@pytest.mark.fault(NO_BAD_NUMBER)
@pytest.mark.parametrize(
    ("name", "before", "after", "problem"),
    [
        *(
            ("coefficient.csv", "pressure,-2.0,", f"pressure,{cell},", "coefficients is not finite")
            for cell in ("", "nan", "inf", "1e999", "five")
        ),
        ("model.json", '"pressure"', '"pressure", "speed"', "2 values of coefficients for 3 features"),
        (
            "coefficient.csv",
            "plant,007,purity,pressure",
            "plant,007,purity,speed,1,,,,,pair,pressure,\nplant,007,purity,pressure",
            "a curve or pair of an unknown feature",
        ),
        ("residuals.csv", "plant,007,purity,0.5,0.1\n", "", "residuals not finite or incomplete"),
    ],
)
def test_a_file_that_somebody_wrote_is_refused(
    tmp_path: Path, name: str, before: str, after: str, problem: str
) -> None:
    with replace_folder(tmp_path, kind=KIND) as staged:
        write_model(staged, small_model())
        text = (staged.root / name).read_text(encoding="utf-8")
        assert before in text
        staged.write(name, text.replace(before, after, 1))
    with pytest.raises(IntegrityError, match=f"plant/007, purity: {problem}"):
        load_model(tmp_path)


def test_extreme_and_finite_is_no_fault(tmp_path: Path) -> None:
    with replace_folder(tmp_path, kind=KIND) as staged:
        write_model(staged, changed_model(intercept=-0.0, coefficients=np.array([1e-320, 1e100])))
    assert load_model(tmp_path).locations["plant"].groups["007"].targets["purity"].coefficients[1] == 1e100
