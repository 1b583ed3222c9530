"""Curves and pairs of a model that is known: in words, and which of them are worth drawing."""

from __future__ import annotations

import numpy as np
import pytest

from src.reporting.batchai.feature_data import Range
from src.reporting.batchai.findings import Findings
from src.reporting.batchai.sources import Coefficient, read_sources
from src.reporting.batchai.terms_shown import curves_of
from test.support import curved_report as known
from test.support.report_inputs import ReportInputs
from test.support.report_page import rows


@pytest.fixture(scope="module")
def findings(curved: ReportInputs) -> Findings:
    root = curved.root
    sources = read_sources(prepared=root / "prepared", model=root / "model", evaluation=None)
    return Findings(sources)


def test_curves_have_words_and_the_nearly_straight_ones_come_last(findings: Findings) -> None:
    assert [(curve.feature, curve.drawn, curve.words) for curve in findings.curves(findings.trained[0])] == [
        ("age", True, "rises, less and less"),
        ("heat", True, "rises up to 50, then falls"),
        ("water", False, "nearly straight"),
    ]


def test_a_pair_says_what_it_does(findings: Findings) -> None:
    (pair,) = findings.pairs(known.KEY)
    assert (pair.features, pair.words, pair.drawn) == (("age", "water"), "the slope of age rises with water", True)
    assert pair.span == pytest.approx(known.PAIR * 89 * 60)


def test_the_values_of_training_are_counted(findings: Findings, curved: ReportInputs) -> None:
    found = findings.sources.values["plant", "P"]
    assert set(found) == {"age", "heat", "water"}
    assert sum(found["age"].counts) == 80
    assert len(found["age"].points) == 60
    lines = rows(curved.root / "prepared" / "location=plant" / "product_id=P" / "data.csv")
    ages = [float(line["age"]) for line in lines]
    counts, edges = np.histogram(ages, bins=len(found["age"].counts))
    assert found["age"].counts == tuple(counts.tolist())
    assert (found["age"].low, found["age"].high) == (edges[0], edges[-1])


def test_the_tables_say_which_models_have_curves(curved: ReportInputs) -> None:
    facts = {line["fact"]: line["value"] for line in rows(curved.report / "summary.csv")}
    assert (facts["models with curves"], facts["models with pairs of features"]) == ("1", "1")
    lines = rows(curved.report / "coefficient.csv")
    assert [line["term"] for line in lines] == ["intercept", *["line"] * 5, *["curve"] * 14, "pair"]
    assert [float(line["at"]) for line in lines if line["term"] == "curve"][:5] == known.KNOTS["age"].tolist()
    assert (lines[-1]["feature"], lines[-1]["with_feature"]) == ("age", "water")


def test_a_curve_that_may_be_straight_is_drawn_where_it_is_large() -> None:
    """Half a unit beside the line, with a band of one: to be seen where the target varies by 1, not where by 10."""
    numbers = [(0.0, 0.25), (1.0, -0.25), (2.0, 0.25)]
    lines = [Coefficient("t", value, 0.5, None, value - 1, value + 1, "curve", "", knot) for knot, value in numbers]
    shown = {spread: curves_of(lines, {"t": Range(0.0, 2.0, 1.0)}, spread=spread)[0] for spread in (1.0, 10.0)}
    assert (shown[10.0].drawn, shown[10.0].words) == (False, "nearly straight")
    assert (shown[1.0].drawn, shown[1.0].words) == (
        True,
        "falls up to 1, then rises, or is straight: the band holds both",
    )
