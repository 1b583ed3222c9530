"""The profile of a location's data, against numpy on data that is known, and as the page shows it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from selenium.webdriver import Chrome

from src.data_preparation.batchai.group_tables import FeatureRows
from src.data_preparation.batchai.prepared_data import PreparedGroup, PreparedLocation, PreparedTarget
from src.reporting.batchai.profile import PARTS, profile
from test.support.browser import console_messages, open_page, set_screen, wait_for
from test.support.report_inputs import ReportInputs
from test.support.report_page import DRAWN, find, find_all, rows

NAMES = ("a", "b", "copy of a", "constant", "gone")
COUNTS = {"batches": 43, "kept": 40, "pending": 2, "rejected": 1}


def location(*tables: NDArray[np.float64]) -> PreparedLocation:
    groups = []
    for number, table in enumerate(tables):
        ids = np.array([f"{number}-{row}" for row in range(len(table))], dtype=object)
        pending = FeatureRows(ids[:0], table[:0])
        groups.append(PreparedGroup(f"P{number}", ids, table, np.ones((len(table), 1)), pending))
    return PreparedLocation("plant", NAMES, (PreparedTarget("y"),), tuple(groups))


def made(seed: int, level: float) -> NDArray[np.float64]:
    """Forty rows: a rises with time, b does not, one column copies a, one is constant, one was never measured."""
    chance = np.random.default_rng(seed)
    a = level + np.arange(40.0)
    table = np.column_stack([a, chance.normal(size=40) + 5 * level, -2 * a, np.full(40, 3.0), np.full(40, np.nan)])
    table[:4, 1] = np.nan
    return table


def test_gaps_and_ranges_are_counted() -> None:
    found = profile(location(made(0, 0.0), made(1, 100.0)), COUNTS)
    assert (found.products, found.rows, found.counts["kept"]) == (2, 80, 40)
    by_name = {one.feature: one for one in found.features}
    assert (by_name["a"].missing, by_name["a"].minimum, by_name["a"].maximum) == (0, 0, 139)
    assert by_name["b"].missing == 0.1
    assert (by_name["gone"].missing, by_name["gone"].minimum, by_name["gone"].median) == (1, None, None)


def test_correlations_are_those_within_products() -> None:
    """The levels of two products differ in a and b alike; within them nothing connects the two."""
    tables = [made(0, 0.0), made(1, 100.0)]
    found = profile(location(*tables), COUNTS)
    assert set(found.correlated) == {"a", "b", "copy of a"}
    at = {name: place for place, name in enumerate(found.correlated)}
    assert found.correlations[at["a"]][at["copy of a"]] == -1
    assert abs(at["a"] - at["copy of a"]) == 1  # what moves together stands together
    whole = np.corrcoef(np.concatenate(tables)[:, :2][~np.isnan(np.concatenate(tables)[:, 1])].T)[0, 1]
    assert whole > 0.9
    assert abs(found.correlations[at["a"]][at["b"]] or 0) < 0.3


def test_correlations_of_one_product_are_those_of_numpy() -> None:
    table = np.random.default_rng(2).normal(size=(50, 5)) @ np.random.default_rng(3).normal(size=(5, 5))
    found = profile(location(table), COUNTS)
    order = [NAMES.index(name) for name in found.correlated]
    shown = np.array(found.correlations, dtype=np.float64)
    np.testing.assert_allclose(shown, np.corrcoef(table[:, order].T), atol=6e-4)


def test_correlations_with_gaps_are_those_of_the_rows_that_have_both() -> None:
    """As pandas computes them, pair by pair."""
    chance = np.random.default_rng(4)
    table = chance.normal(size=(200, 5)) @ chance.normal(size=(5, 5))
    table[chance.random(table.shape) < 0.4] = np.nan
    table[:, 2] = table[:, 1]
    table[::2, 1] = table[1::2, 2] = np.nan  # never measured together
    found = profile(location(table), COUNTS)
    order = [NAMES.index(name) for name in found.correlated]
    expected = pd.DataFrame(table[:, order]).corr(min_periods=2).to_numpy()
    np.testing.assert_allclose(np.array(found.correlations, dtype=np.float64), expected, atol=6e-4)
    assert np.isnan(expected).sum() == 2


def test_drift_with_gaps_is_in_standard_deviations_of_what_was_measured() -> None:
    table = np.tile(np.arange(40.0)[:, np.newaxis], 5)
    table[::2, 1] = np.nan
    measured = table[1::2, 1]
    expected = (measured.reshape(PARTS, 2).mean(axis=1) - measured.mean()) / measured.std()
    drift = profile(location(table), COUNTS).features[1].drift
    np.testing.assert_allclose([float(value or 0) for value in drift], expected, atol=6e-4)


def test_drift_is_the_mean_of_each_part_of_time() -> None:
    """Forty steps in ten parts: the means of four steps each, about their mean, in their standard deviation."""
    found = profile(location(made(0, 0.0)), COUNTS)
    steps = np.arange(40.0)
    expected = (steps.reshape(PARTS, 4).mean(axis=1) - steps.mean()) / steps.std()
    np.testing.assert_allclose([float(value or 0) for value in found.features[0].drift], expected, atol=6e-4)
    assert found.features[4].drift == (None,) * PARTS


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_of_a_location_shows_it(browser: Chrome, sample_report: ReportInputs, width: int) -> None:
    set_screen(browser, width=width)
    open_page(browser, sample_report.page)
    links = [node.text for node in find_all(browser, "#data tbody a")]
    assert links == ["concrete-lab", "food-lab", "pharma-plant"]
    find(browser, "#data tbody a").click()
    wait_for(browser, lambda found: found.execute_script(DRAWN), "the plots")
    assert find(browser, "#details h1").text == "concrete-lab"
    lines = {
        frozenset((row["feature"], row["with_feature"])): float(row["correlation"])
        for row in rows(sample_report.report / "correlations.csv")
        if row["location"] == "concrete-lab"
    }
    read = "const { data, layout } = document.querySelector('.plot'); return [data[0].z, data[0].text]"
    drawn, _ = browser.execute_script(read)
    assert len(drawn) == 12
    shown = sorted(value for place, row in enumerate(drawn) for value in row[:place])
    assert shown == sorted(lines.values())
    wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert browser.execute_script(wide) <= 0
    assert console_messages(browser) == []
