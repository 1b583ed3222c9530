"""The page of a report for every reader: colours, keyboard, screen readers, phones and paper."""

from __future__ import annotations

from itertools import pairwise

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By

from src.common.settings import PROJECT_ROOT
from test.support.browser import open_page, set_screen, wait_for
from test.support.report_inputs import ReportInputs
from test.support.report_page import BEST, DRAWN, WORST, find, find_all, open_details

AXE = PROJECT_ROOT / "node_modules" / "axe-core" / "axe.min.js"
CONTRASTS = """
const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255)
  .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const colour = (text) => text.match(/[\\d.]+/g).map(Number);
const behind = (node) => {
  for (let at = node; at; at = at.parentElement) {
    const found = colour(getComputedStyle(at).backgroundColor);
    if (found.length === 3 || found[3] > 0) return found;
  }
  return [255, 255, 255];
};
const poor = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode.parentElement;
  if (!walker.currentNode.textContent.trim() || !node.checkVisibility()) continue;
  if (node.closest("svg, script, option")) continue;
  const [a, b] = [luminance(colour(getComputedStyle(node).color)), luminance(behind(node))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) poor.push(`${walker.currentNode.textContent.trim()}: ${ratio.toFixed(2)}`);
}
return poor;
"""

TOO_WIDE = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
LEVELS = """
return [...document.querySelectorAll("h1, h2, h3, h4")].filter((node) => node.checkVisibility())
  .map((node) => Number(node.tagName[1]));
"""


def test_dark_and_light(browser: Chrome, sample_report: ReportInputs) -> None:
    backgrounds = {}
    for scheme in ("light", "dark"):
        set_screen(browser, width=1280, scheme=scheme)
        open_page(browser, sample_report.page)
        backgrounds[scheme] = find(browser, "body").value_of_css_property("background-color")
    assert backgrounds["light"] != backgrounds["dark"]
    open_details(browser, BEST)
    grid = "return getComputedStyle(document.querySelector('.plot .gridlayer path')).stroke"
    dark_grid = browser.execute_script(grid)
    find(browser, "#theme").click()
    assert find(browser, "body").value_of_css_property("background-color") == backgrounds["light"]
    wait_for(browser, lambda found: found.execute_script(grid) != dark_grid, "plots in light colours")
    browser.refresh()
    assert find(browser, "body").value_of_css_property("background-color") == backgrounds["light"]


def test_the_keyboard_reaches_a_group_and_comes_back(sample_page: Chrome) -> None:
    sample_page.execute_script("document.activeElement.blur()")
    active = find(sample_page, "body")
    for _ in range(60):
        active.send_keys(Keys.TAB)
        active = sample_page.switch_to.active_element
        if active.find_elements(By.XPATH, "self::a[ancestor::td[contains(@class, 'skill')]]"):
            break
    label = str(active.get_attribute("aria-label"))
    assert label.startswith("concrete-lab, fly-ash, compressive_strength 0.")
    outline = sample_page.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    active.send_keys(Keys.ENTER)
    wait_for(sample_page, lambda found: found.execute_script(DRAWN), "the plots")
    assert sample_page.switch_to.active_element.text == "fly-ash"
    sample_page.back()
    wait_for(sample_page, lambda found: find(found, "#overview").is_displayed(), "the overview")
    assert sample_page.switch_to.active_element.get_attribute("aria-label") == label


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_enough_contrast(browser: Chrome, made_report: ReportInputs, scheme: str) -> None:
    set_screen(browser, width=1280, scheme=scheme)
    open_page(browser, made_report.page)
    assert browser.execute_script(CONTRASTS) == []
    open_details(browser, BEST)
    assert browser.execute_script(CONTRASTS) == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light")])
@pytest.mark.parametrize("name", ["made_report", "curved"])
def test_axe_finds_no_obstacle(
    browser: Chrome, request: pytest.FixtureRequest, name: str, width: int, scheme: str
) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed (npm ci)")
    report: ReportInputs = request.getfixturevalue(name)
    set_screen(browser, width=width, scheme=scheme)
    browser.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})
    try:
        open_page(browser, report.page)
        assert obstacles(browser) == []
        open_details(browser, BEST)
        for closed in find_all(browser, "#details summary"):
            closed.click()
        assert obstacles(browser) == []
        if name == "curved":
            open_page(browser, report.page, address="#/plant")
            wait_for(browser, lambda found: found.execute_script(DRAWN), "the plots")
            assert obstacles(browser) == []
    finally:
        browser.execute_cdp_cmd("Page.setBypassCSP", {"enabled": False})


def obstacles(driver: Chrome) -> list[str]:
    """What keeps people from reading the page, as axe sees it."""
    driver.execute_script(AXE.read_text(encoding="utf-8"))
    found = driver.execute_async_script(
        "const done = arguments[0]; axe.run().then((result) => done(result.violations))"
    )
    return [f"{item['id']}: {item['nodes'][0]['html']}" for item in found]


def test_a_phone_needs_no_scrolling_to_the_side(browser: Chrome, made_report: ReportInputs) -> None:
    set_screen(browser, width=390, height=844)
    open_page(browser, made_report.page)
    assert browser.execute_script("return innerWidth") == 390
    assert browser.execute_script(TOO_WIDE) == 0
    assert find(browser, "#sort").is_displayed()
    open_details(browser, WORST)
    assert browser.execute_script(TOO_WIDE) == 0


def test_headings_come_in_order_and_plots_have_descriptions(page: Chrome) -> None:
    assert page.execute_script("return document.documentElement.lang") == "en"
    for _ in range(2):
        levels = page.execute_script(LEVELS)
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
        if find(page, "#overview").is_displayed():
            open_details(page, BEST)
    plots = find_all(page, ".plot")
    assert [plot.get_attribute("role") for plot in plots] == ["img"] * 3
    assert all(len(str(plot.get_attribute("aria-label"))) > 40 for plot in plots)


def test_it_prints_in_light_colours_and_fits_the_paper(browser: Chrome, sample_report: ReportInputs) -> None:
    set_screen(browser, width=1280, scheme="dark")
    open_page(browser, sample_report.page)
    open_details(browser, BEST)
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    assert len(printed["data"]) > 10_000
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert browser.execute_script("return document.documentElement.dataset.theme") == "light"
    widths = "return [...document.querySelectorAll('.plot .main-svg:first-child')].map((svg) => svg.clientWidth)"
    assert browser.execute_script(widths) == [325, 325, 690]
    browser.execute_script("dispatchEvent(new Event('afterprint'))")
    assert browser.execute_script("return document.documentElement.dataset.theme") == "dark"
