"""Looking at the page of a report in a browser."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from test.support.browser import open_page, set_screen, wait_for
from test.support.report_inputs import ReportInputs

BEST = "#best a"
WORST = "#worst a"
DRAWN = """
const plots = [...document.querySelectorAll("#details .plot")];
return plots.length > 0 && plots.every((plot) => plot.dataset.drawn && plot.querySelector(".main-svg"));
"""


@pytest.fixture
def page(browser: Chrome, made_report: ReportInputs) -> Iterator[Chrome]:
    """The report with hostile ids, newly opened on a desktop."""
    set_screen(browser, width=1280)
    open_page(browser, made_report.page)
    yield browser
    assert browser.title.endswith("batchai: model report"), "a text from data ran as code"


@pytest.fixture
def sample_page(browser: Chrome, sample_report: ReportInputs) -> Chrome:
    """The report of the sample data, newly opened on a desktop."""
    set_screen(browser, width=1280)
    open_page(browser, sample_report.page)
    return browser


def find(driver: Chrome, selector: str) -> WebElement:
    return driver.find_element(By.CSS_SELECTOR, selector)


def find_all(driver: Chrome, selector: str) -> list[WebElement]:
    return driver.find_elements(By.CSS_SELECTOR, selector)


def open_details(driver: Chrome, selector: str) -> None:
    """Follow a link to a model, and wait for its plots."""
    find(driver, selector).click()
    wait_for(driver, lambda found: found.execute_script(DRAWN), "the plots")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def key_of(row: dict[str, str]) -> str:
    return f"{row['location']} · {row['product_id']} · {row['target']}"
