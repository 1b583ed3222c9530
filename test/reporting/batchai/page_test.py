"""The page of a report: it needs nothing but itself, leads everywhere, and runs no text from data."""

from __future__ import annotations

from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By

from src.reporting.batchai.page import link
from test.reporting.batchai.conftest import HOSTILE, SCRIPT
from test.support.browser import console_messages, open_page, requests_sent, set_screen, wait_for
from test.support.report_inputs import ReportInputs
from test.support.report_page import BEST, DRAWN, find, find_all, open_details, rows


def shown_products(driver: Chrome) -> list[str]:
    return [row.text for row in find_all(driver, "#index tbody th") if row.is_displayed()]


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


def test_the_address_of_a_model_can_be_kept(browser: Chrome, made_report: ReportInputs) -> None:
    set_screen(browser, width=1280)
    open_page(browser, made_report.page, address=link("north", HOSTILE[4], "purity"))
    wait_for(browser, lambda found: found.execute_script(DRAWN), "the plots")
    assert find(browser, "#details h1").text == HOSTILE[4]
    assert browser.title == f"{HOSTILE[4]}, north · batchai: model report"
