from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from src.common.settings import PROJECT_ROOT
from src.reporting.batchai.page import link
from test.reporting.batchai.conftest import DECISION, HOSTILE, SCRIPT
from test.support.browser import console_messages, open_page, requests_sent, set_screen, wait_for
from test.support.report_inputs import ReportInputs

AXE = PROJECT_ROOT / "node_modules" / "axe-core" / "axe.min.js"
BEST = "#best a"
WORST = "#worst a"
DRAWN = """
const plots = [...document.querySelectorAll("#details .plot")];
return plots.length > 0 && plots.every((plot) => plot.dataset.drawn && plot.querySelector(".main-svg"));
"""
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


def shown_products(driver: Chrome) -> list[str]:
    return [row.text for row in find_all(driver, "#index tbody th") if row.is_displayed()]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def key_of(row: dict[str, str]) -> str:
    return f"{row['location']} · {row['product_id']} · {row['target']}"


def test_it_opens_from_the_disk_alone(browser: Chrome, sample_report: ReportInputs) -> None:
    set_screen(browser, width=1280)
    open_page(browser, sample_report.page)
    requests_sent(browser)
    console_messages(browser)
    browser.refresh()
    open_details(browser, BEST)
    asked = [url for url in requests_sent(browser) if not url.startswith(("data:", "blob:"))]
    assert asked == [sample_report.page.resolve().as_uri()]
    assert console_messages(browser) == []


def test_its_policy_forbids_the_network_and_other_scripts(page: Chrome) -> None:
    done = page.execute_async_script(
        """
        const done = arguments[0];
        const made = document.createElement("script");
        made.textContent = "document.title = 'run'";
        document.head.append(made);
        fetch("http://127.0.0.1:9/").then(() => done("sent"), () => done("refused"));
        """
    )
    assert done == "refused"
    messages = " ".join(console_messages(page))
    assert "script-src" in messages
    assert "connect-src" in messages


def test_every_cell_of_the_heat_map_opens_its_group(page: Chrome) -> None:
    places = [link.get_attribute("href") for link in find_all(page, "#index .skill a")]
    assert len(places) == 10
    labels = [str(link.get_attribute("aria-label")) for link in find_all(page, "#index .skill a")]
    for place, label in enumerate(labels):
        find_all(page, "#index .skill a")[place].click()
        wait_for(page, lambda found: found.find_elements(By.CSS_SELECTOR, "#details h2"), "the details")
        kicker, title = find(page, "#details .kicker").text, find(page, "#details h1").text
        target = find(page, "#details h2").text
        assert label.startswith(f"{kicker}, {title}, {target} ")
        find(page, ".back a").click()
        wait_for(page, lambda found: find(found, "#overview").is_displayed(), "the overview")


def test_hostile_ids_are_shown_as_they_are(page: Chrome) -> None:
    assert set(HOSTILE) <= set(shown_products(page))
    open_details(page, "#index tbody tr:first-child .skill a")
    assert find(page, "#details h1").text == HOSTILE[0] == SCRIPT
    batch = find(page, "#worst-batches tbody th").text
    assert batch.startswith('<a href="javascript:document.title=1">B&amp;0')
    assert find_all(page, "#details img, #details a[href^='javascript'], .plot a") == []
    ticks = page.execute_script("return [...document.querySelectorAll('.ytick text')].map((node) => node.textContent)")
    assert {"temperature", "a&lt;b"} <= set(ticks)


def test_search_finds_products_and_locations(page: Chrome) -> None:
    box = find(page, "#search")
    box.send_keys("SOUTH p1")
    assert shown_products(page) == ["P10"]
    assert find(page, "#found").text == "1 of 9 products"
    box.send_keys(Keys.CONTROL, "a")
    box.send_keys("日本")
    assert shown_products(page) == [HOSTILE[3]]
    box.send_keys(Keys.CONTROL, "a")
    box.send_keys("no such product")
    assert shown_products(page) == []
    box.send_keys(Keys.CONTROL, "a", Keys.BACKSPACE)
    assert len(shown_products(page)) == 9


def test_sorting_by_numbers_puts_undefined_ones_last(page: Chrome, made_report: ReportInputs) -> None:
    skills = {
        row["product_id"]: float(row["skill"])
        for row in rows(made_report.report / "skill.csv")
        if row["target"] == "purity" and row["skill"]
    }
    ranked = sorted(skills, key=lambda product: -skills[product])
    heading = find(page, "#index thead th:nth-child(4)")
    for direction, expected in (("descending", ranked), ("ascending", ranked[::-1])):
        heading.find_element(By.TAG_NAME, "button").click()
        assert heading.get_attribute("aria-sort") == direction
        assert shown_products(page)[:7] == expected
        assert set(shown_products(page)[7:]) == {"P9", "P2"}


def test_sorting_by_text_reads_numbers_as_people_do(page: Chrome) -> None:
    find(page, "#index thead th:nth-child(2) button").click()
    assert [name for name in shown_products(page) if name.startswith("P")] == ["P2", "P9", "P10"]
    find(page, "#index thead th:nth-child(2) button").click()
    assert [name for name in shown_products(page) if name.startswith("P")] == ["P10", "P9", "P2"]


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


def test_the_best_and_the_worst_are_called_so(sample_page: Chrome, sample_report: ReportInputs) -> None:
    skills = rows(sample_report.report / "skill.csv")
    ranked = sorted(skills, key=lambda row: float(row["skill"]))
    assert find(sample_page, WORST).text == key_of(ranked[0])
    assert find(sample_page, BEST).text == key_of(ranked[-1])
    shown = find(sample_page, "#worst data")
    assert shown.get_attribute("value") == ranked[0]["skill"]
    assert shown.text == f"{float(ranked[0]['skill']):.2f}"


def test_every_number_of_the_heat_map_is_that_of_the_csv(sample_page: Chrome, sample_report: ReportInputs) -> None:
    expected = {
        f"{row['location']}, {row['product_id']}, {row['target']}": row["skill"]
        for row in rows(sample_report.report / "skill.csv")
    }
    shown = {}
    for cell in find_all(sample_page, "#index td.skill:not(.empty)"):
        label, _, said = str(cell.find_element(By.TAG_NAME, "a").get_attribute("aria-label")).rpartition(" ")
        shown[label] = cell.get_attribute("data-value")
        assert said == cell.text == f"{float(expected[label]):.2f}"
    assert shown == expected


def test_the_numbers_of_a_model_are_those_of_the_csvs(sample_page: Chrome, sample_report: ReportInputs) -> None:
    open_details(sample_page, WORST)
    chosen = {"location": "pharma-plant", "product_id": "API-1", "target": "yield"}

    def lines(name: str) -> list[dict[str, str]]:
        return [row for row in rows(sample_report.report / name) if row.items() >= chosen.items()]

    (skill,) = lines("skill.csv")
    facts = [float(str(node.get_attribute("value"))) for node in find_all(sample_page, "#details .facts data")]
    names = ("skill", "rmse", "rmse_mean", "rmse_forward", "batches", "rank", "alpha")
    assert facts == [float(skill[name]) for name in names]
    shown = [
        [row.find_element(By.TAG_NAME, "th").text]
        + [str(node.get_attribute("value")) for node in row.find_elements(By.TAG_NAME, "data")]
        for row in find_all(sample_page, "#worst-batches tbody tr")
    ]
    worst = [
        [row[name] for name in ("batch_id", "order", "measured", "predicted", "residual")]
        for row in lines("worst_batches.csv")
    ]
    assert shown == worst
    find(sample_page, "figure ~ details summary").click()
    table = wait_for(sample_page, lambda found: find_all(found, "figure ~ details tbody tr"), "the coefficients")
    coefficients = {
        row.find_element(By.TAG_NAME, "th").text: [
            float(value) if (value := str(node.get_attribute("value"))) else None
            for node in row.find_elements(By.TAG_NAME, "data")
        ]
        for row in table
    }
    names = ("coefficient", "error", "lower", "upper", "standardised", "standardised_lower", "standardised_upper")
    assert coefficients == {
        row["feature"]: [float(row[name]) if row[name] else None for name in names] for row in lines("coefficient.csv")
    }


def test_the_plots_show_the_numbers_of_the_csv(sample_page: Chrome, sample_report: ReportInputs) -> None:
    open_details(sample_page, BEST)
    chosen = {"location": "food-lab", "product_id": "minced", "target": "fat"}
    lines = [row for row in rows(sample_report.report / "out_of_fold.csv") if row.items() >= chosen.items()]
    drawn = sample_page.execute_script(
        "return [...document.querySelectorAll('.plot')].slice(0, 2).map(({ data }) => [[...data[0].x], [...data[0].y]])"
    )
    columns = [("measured", "predicted"), ("order", "residual")]
    assert drawn == [[[float(row[name]) for row in lines] for name in pair] for pair in columns]


def test_the_decision_is_shown_with_its_reason(page: Chrome) -> None:
    text = find(page, ".decision").text
    assert text == f"Not better: {DECISION['reason']}"
    section = find(page, "#gate")
    values = [node.get_attribute("value") for node in section.find_elements(By.CSS_SELECTOR, ".facts data")]
    assert values == ["0.4123457", "0.4375", "-0.02515432", "0", "40"]
    changes = [row.text for row in section.find_elements(By.CSS_SELECTOR, "tbody td:last-child")]
    assert changes == ["−0.100", "–"]
    open_details(page, "#gate tbody a")
    assert "Compared on: newer batches (12 batches)." in find(page, "#details").text


def test_what_was_left_out_and_rejected_is_told(page: Chrome) -> None:
    left_out = find(page, "#left-out").text
    assert "8 measured batches, at least 20 are needed" in left_out
    assert "no batch was kept" in left_out
    assert "60" in find(page, "#rejected tbody").text
    page.execute_script("location.hash = '#/north/007'")
    wait_for(page, lambda found: found.execute_script(DRAWN), "the plots")
    assert "The first 50 of 60" in find(page, "#details").text
    page.execute_script("location.hash = '#/south/P2'")
    wait_for(page, lambda found: "There is no model" in find(found, "#details").text, "the reason")
    page.execute_script("location.hash = '#/south/unknown'")
    wait_for(page, lambda found: "no such product" in find(found, "#details").text, "the explanation")


def test_the_address_of_a_model_can_be_kept(browser: Chrome, made_report: ReportInputs) -> None:
    set_screen(browser, width=1280)
    open_page(browser, made_report.page, address=link("north", HOSTILE[4], "purity"))
    wait_for(browser, lambda found: found.execute_script(DRAWN), "the plots")
    assert find(browser, "#details h1").text == HOSTILE[4]
    assert browser.title == f"{HOSTILE[4]}, north · batchai: model report"


def test_an_undefined_skill_is_shown_as_such(page: Chrome) -> None:
    page.execute_script("location.hash = '#/north/P9'")
    wait_for(page, lambda found: found.execute_script(DRAWN), "the plots")
    assert find(page, "#details .facts dd").text == "–"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_enough_contrast(browser: Chrome, made_report: ReportInputs, scheme: str) -> None:
    set_screen(browser, width=1280, scheme=scheme)
    open_page(browser, made_report.page)
    assert browser.execute_script(CONTRASTS) == []
    open_details(browser, BEST)
    assert browser.execute_script(CONTRASTS) == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_axe_finds_no_obstacle(browser: Chrome, made_report: ReportInputs, width: int, scheme: str) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed (npm ci)")
    set_screen(browser, width=width, scheme=scheme)
    browser.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})
    try:
        open_page(browser, made_report.page)
        assert obstacles(browser) == []
        open_details(browser, BEST)
        for closed in find_all(browser, "#details summary"):
            closed.click()
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
