"""What the page draws of curves, pairs and categories is what their formulas say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from selenium.webdriver import Chrome

from test.support import curved_report as known
from test.support.browser import console_messages, open_page, set_screen, wait_for
from test.support.report_inputs import ReportInputs
from test.support.report_page import DRAWN, find, find_all

TOO_WIDE = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
CHARTS = "return [...document.querySelectorAll('{} .plot')].map(({{ data }}) => data.map((trace) => ({})))"


@pytest.fixture
def opened(browser: Chrome, curved: ReportInputs) -> Chrome:
    set_screen(browser, width=1280)
    open_page(browser, curved.page, address="#/plant/P")
    wait_for(browser, lambda found: found.execute_script(DRAWN), "the plots")
    return browser


def effect(name: str, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Line and curve against the mean, by scipy."""
    place = known.FEATURES.index(name)
    spline = CubicSpline(known.KNOTS[name], known.VALUES[name], bc_type="natural")
    mean = known.MEANS[place]
    return np.asarray(known.SLOPES[place] * (places - mean) + spline(places) - spline(mean))


def traces(page: Chrome, section: str, fields: str) -> Any:
    return page.execute_script(CHARTS.format(section, fields))


def test_a_curve_is_its_line_and_its_spline_with_the_band(opened: Chrome) -> None:
    titles = [node.text for node in find_all(opened, "#curves h4")]
    assert titles == ["age", "heat"]
    drawn = traces(opened, "#curves", "{ x: [...trace.x], y: [...trace.y] }")
    for name, (band, line, _) in zip(titles, drawn, strict=True):
        places = np.array(line["x"])
        assert (places[0], places[-1]) == (known.KNOTS[name][0], known.KNOTS[name][-1])
        np.testing.assert_allclose(line["y"], effect(name, places), rtol=1e-5, atol=1e-5)
        upper = np.array(band["y"][: len(places)])
        lower = np.array(band["y"][len(places) :])[::-1]
        np.testing.assert_allclose(upper - line["y"], 2 * known.ERRORS[name], rtol=1e-5)
        np.testing.assert_allclose(np.array(line["y"]) - lower, 2 * known.ERRORS[name], rtol=1e-5)


def test_below_a_curve_stands_how_often_values_were_seen(opened: Chrome) -> None:
    for _, _, bars in traces(opened, "#curves", "{ y: [...trace.y], type: trace.type }"):
        assert bars["type"] == "bar"
        assert sum(bars["y"]) == 80


def test_a_pair_shows_what_both_features_do_together(opened: Chrome) -> None:
    ((heat, dots),) = traces(opened, "#pairs", "{ x: [...trace.x], y: [...trace.y], z: trace.z }")
    x, y = np.array(heat["x"]), np.array(heat["y"])
    products = known.PAIR * np.multiply.outer(y - known.MEANS[1], x - known.MEANS[0])
    expected = effect("age", x) + effect("water", y)[:, None] + products
    np.testing.assert_allclose(heat["z"], expected, rtol=1e-5, atol=1e-5)
    assert len(dots["x"]) == 60
    assert find(opened, "#pairs figcaption").text == "The slope of age rises with water."


def test_curves_are_told_in_words_and_numbers(opened: Chrome) -> None:
    captions = [node.text for node in find_all(opened, "#curves figcaption")]
    assert captions == ["Rises, less and less.", "Rises up to 50, then falls."]
    assert "Nearly straight: water." in find(opened, "#curves").text
    label = find(opened, "#curves .plot").get_attribute("aria-label")
    assert label == "age. strength rises, less and less."
    find(opened, "#curves summary").click()
    cells = wait_for(opened, lambda found: find_all(found, "#curves tbody tr"), "the table")
    assert len(cells) == 14
    assert cells[0].text.split() == ["age", "rises,", "less", "and", "less", "1", "−12", "−13.6", "−10.4"]


def test_a_category_is_one_feature_with_its_levels(opened: Chrome) -> None:
    chart = "const { data, layout } = document.querySelector('.pair ~ section .plot'); return "
    assert sorted(opened.execute_script(chart + "layout.yaxis.ticktext")) == ["age", "supplier", "water"]
    texts = opened.execute_script(chart + "[...data[0].text]")
    assert sum(text.startswith(("supplier: B against A", "supplier: C against A")) for text in texts) == 2
    find(opened, "figure ~ details summary").click()
    cells = wait_for(opened, lambda found: find_all(found, "figure ~ details tbody th"), "the coefficients")
    names = [cell.text for cell in cells]
    assert sorted(names) == ["(intercept)", "age", "heat", "supplier: B against A", "supplier: C against A", "water"]
    assert abs(names.index("supplier: B against A") - names.index("supplier: C against A")) == 1


def test_effects_on_a_logarithm_are_factors(browser: Chrome, tmp_path: Path) -> None:
    report = known.write_curved_report(tmp_path, scale="log", size=0.05)
    set_screen(browser, width=1280)
    open_page(browser, report.page, address="#/plant/P")
    wait_for(browser, lambda found: found.execute_script(DRAWN), "the plots")
    (_, line, _), *_ = traces(browser, "#curves", "{ x: [...trace.x], y: [...trace.y], text: trace.text }")
    np.testing.assert_allclose(line["y"], np.exp(0.05 * effect("age", np.array(line["x"]))), rtol=1e-5)
    assert line["text"][0].startswith("age 1<br>× 0.")
    assert "Factor by which the target changes" in find(browser, "#curves").text
    find(browser, "figure ~ details summary").click()
    table = wait_for(browser, lambda found: find_all(found, "figure ~ details caption"), "the coefficients")[0]
    assert "of the logarithm of the target: 1 more multiplies it by exp(coefficient)" in table.text


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_it_fits_every_screen_and_makes_no_noise(
    browser: Chrome, curved: ReportInputs, width: int, scheme: str
) -> None:
    set_screen(browser, width=width, scheme=scheme)
    open_page(browser, curved.page, address="#/plant/P")
    wait_for(browser, lambda found: found.execute_script(DRAWN), "the plots")
    assert (
        browser.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
        <= 0
    )
    assert console_messages(browser) == []
