"""The numbers on the page of a report are those of its tables."""

from __future__ import annotations

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from test.reporting.batchai.conftest import DECISION
from test.support.browser import wait_for
from test.support.report_inputs import ReportInputs
from test.support.report_page import BEST, DRAWN, WORST, find, find_all, key_of, open_details, rows


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
        row["feature"]: [float(row[name]) if row[name] else None for name in names]
        for row in lines("coefficient.csv")
        if row["term"] in {"intercept", "line"}
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
    assert "8 measured batches, at least 3 are needed" in left_out
    assert "no batch was kept" in left_out
    assert "60" in find(page, "#rejected tbody").text
    page.execute_script("location.hash = '#/north/007'")
    wait_for(page, lambda found: found.execute_script(DRAWN), "the plots")
    assert "The first 50 of 60" in find(page, "#details").text
    page.execute_script("location.hash = '#/south/P2'")
    wait_for(page, lambda found: "There is no model" in find(found, "#details").text, "the reason")
    page.execute_script("location.hash = '#/south/unknown'")
    wait_for(page, lambda found: "no such product" in find(found, "#details").text, "the explanation")


def test_an_undefined_skill_is_shown_as_such(page: Chrome) -> None:
    page.execute_script("location.hash = '#/north/P9'")
    wait_for(page, lambda found: found.execute_script(DRAWN), "the plots")
    assert find(page, "#details .facts dd").text == "–"
