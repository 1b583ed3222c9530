"""The page shows what monitoring found: signals, control charts with their limits, coverage with its band."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest
from selenium.webdriver import Chrome

from src.monitoring.batchai import batchai_monitoring
from src.reporting.batchai import batchai_report
from src.training.batchai import batchai_training
from test.support.browser import console_messages, open_page, set_screen, wait_for
from test.support.report_page import DRAWN, find, find_all, rows
from test.support.watched_plant import NEW, PRODUCTS, Plant

TRACES = """
return [...document.querySelectorAll("#monitoring .plot")].map(({ data }) => data.at(-1))
  .map(({ x, y }) => ({ x: [...x], y: [...y] }));
"""


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """Twelve products; the level of one has shifted since training, and a sensor of another one has moved."""
    with pytest.MonkeyPatch.context() as patch:
        plant = Plant(tmp_path_factory.mktemp("watched"), patch)
        plant.make(60)
        plant.prepare()
        assert batchai_training.main([]) == 0
        plant.make(NEW, shifted=4, shift=1.0, offset=7)
        plant.prepare()
        assert batchai_monitoring.main([]) == 0
        assert batchai_report.main([]) == 0
        yield plant


def open_model(browser: Chrome, plant: Plant, product: str, *, width: int = 1280) -> None:
    set_screen(browser, width=width)
    open_page(browser, plant.root / "outputs" / "report.html", address=f"#/plant/{product}")
    wait_for(browser, lambda found: found.execute_script(DRAWN), "the plots")


def charted(plant: Plant, product: str) -> list[dict[str, str]]:
    wanted = {"product_id": product, "known_to": "new"}
    return [row for row in plant.table("charts.csv") if row.items() >= wanted.items()]


def test_the_overview_can_be_sorted_by_signal(browser: Chrome, plant: Plant) -> None:
    set_screen(browser, width=1280)
    open_page(browser, plant.root / "outputs" / "report.html")
    header = next(node for node in find_all(browser, "#index thead button") if node.text == "Signal")
    header.click()
    links = [row.find_elements("css selector", ".signal a") for row in find_all(browser, "#index tbody tr")]
    assert len(links) == PRODUCTS
    shown = [link[0].text if link else "" for link in links]
    assert {shown[0], shown[1]} == {"signal: since training", "signal: shifted feature"}
    assert shown == sorted(shown, key=lambda text: not text)  # products without anything come last
    assert "Monitoring found" in find(browser, "#overview .notice").text


def test_a_shift_is_told_and_drawn_with_its_limits(browser: Chrome, plant: Plant) -> None:
    open_model(browser, plant, "P04")
    assert "Signal: since training" in find(browser, "#monitoring .signals li").text
    titles = [node.text for node in find_all(browser, "#monitoring h4")]
    assert titles[:5] == ["Single batches", "EWMA", "CUSUM", "Spread", "Coverage"]
    drawn = browser.execute_script(TRACES)
    lines = charted(plant, "P04")
    for name, trace in zip(("single", "ewma", "cusum", "growth"), drawn, strict=False):
        np.testing.assert_allclose(trace["y"], [float(row[name]) for row in lines], rtol=1e-4, atol=1e-9)
    limit = float(lines[0]["cusum_limit"])
    beyond = sum(abs(float(row["cusum"])) > limit for row in lines)
    assert beyond > 0
    captions = [node.text for node in find_all(browser, "#monitoring figcaption")]
    assert captions[2].endswith(f"{beyond} of {NEW} batches beyond the limit.")
    shapes = browser.execute_script("return document.querySelectorAll('#monitoring .plot')[2].layout.shapes")
    limits = sorted(shape["y0"] for shape in shapes if shape.get("xref") == "paper")
    assert limits == pytest.approx([-limit, limit], rel=1e-4)


def test_coverage_has_its_exact_band(browser: Chrome, plant: Plant) -> None:
    """Against scipy's interval of Clopper and Pearson."""
    open_model(browser, plant, "P00")
    share: Any = browser.execute_script(TRACES)[4]["y"]
    held = [float(row["held"]) for row in charted(plant, "P00")]
    np.testing.assert_allclose(share, np.cumsum(held) / np.arange(1, NEW + 1), atol=1e-3)
    wanted = {"product_id": "P00", "known_to": "new"}
    lines = [row for row in rows(plant.root / "outputs/report/control_charts.csv") if row.items() >= wanted.items()]
    for number in (1, 7, NEW):
        expected = binomtest(int(sum(held[:number])), number).proportion_ci(0.95)
        found = [float(lines[number - 1][f"coverage_{end}"]) for end in ("lower", "upper")]
        assert found == pytest.approx([expected.low, expected.high], abs=1e-3)


def test_a_moved_sensor_is_told_on_the_page_of_its_product(browser: Chrome, plant: Plant) -> None:
    open_model(browser, plant, "P07")
    texts = [node.text for node in find_all(browser, "#monitoring .signals li")]
    assert any("shifted feature, c" in text for text in texts)


@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits_the_screen_without_an_error(browser: Chrome, plant: Plant, width: int) -> None:
    open_model(browser, plant, "P04", width=width)
    wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert browser.execute_script(wide) <= 0
    assert console_messages(browser) == []
