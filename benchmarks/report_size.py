"""How large the report of many groups is, and how quick: written, painted, searched, opened.

    python -m benchmarks.report_size [--groups 1000] [--batches 150] [--features 40] [--targets 3]

The groups are made up; the page is measured in Chromium on this machine, each time as the median of some runs.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from selenium.webdriver import Chrome

from src.common.console import format_table
from src.reporting.batchai import batchai_report
from test.support.browser import missing_browser, open_page, set_screen, started_browser, wait_for
from test.support.report_inputs import MadeGroup, MadeTarget, ReportInputs, write_report_inputs

RUNS = 5
SEARCH = """
const done = arguments[1];
const box = document.getElementById("search");
const start = performance.now();
box.value = arguments[0];
box.dispatchEvent(new Event("input"));
document.body.getBoundingClientRect();
requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
"""
SORT = """
const done = arguments[0];
const start = performance.now();
document.querySelector("#index thead th:last-child button").click();
document.body.getBoundingClientRect();
requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
"""
FIRST_PAINT = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
LOADED = "return performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
OPENED = "return document.querySelectorAll('.plot[data-drawn]').length >= 3"


def main() -> int:
    """Run the benchmark. Returns its exit code."""
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    for name, number in (("groups", 1000), ("batches", 150), ("features", 40), ("targets", 3)):
        parser.add_argument(f"--{name}", type=int, default=number)
    arguments = parser.parse_args()
    reason = missing_browser()
    if reason:
        print(reason, file=sys.stderr)
        return 2
    with TemporaryDirectory() as folder:
        inputs = make_inputs(
            Path(folder),
            groups=arguments.groups,
            batches=arguments.batches,
            features=arguments.features,
            targets=arguments.targets,
        )
        start = perf_counter()
        batchai_report.main(inputs.arguments)
        written = perf_counter() - start
        rows: list[tuple[str, float, str]] = [
            ("written", written, "s"),
            ("page", inputs.page.stat().st_size / 1e6, "MB"),
            ("folder", sum(file.stat().st_size for file in inputs.report.iterdir()) / 1e6, "MB"),
        ]
        with started_browser() as driver:
            rows += measure_page(driver, inputs.page)
    print(format_table(("what", "value", "unit"), rows))
    return 0


def make_inputs(root: Path, *, groups: int, batches: int, features: int, targets: int) -> ReportInputs:
    """Results of training at ten locations with the same targets."""
    made = [
        MadeGroup(
            f"plant-{place % 10}",
            f"P{place:05}",
            [MadeTarget(f"target_{number}", noise=0.1 + (place * 7 + number) % 13 / 10) for number in range(targets)],
            seed=place,
            batches=batches,
            batch_prefix=f"B{place}-",
        )
        for place in range(groups)
    ]
    made.sort(key=lambda group: group.location)
    return write_report_inputs(root, made, features=[f"feature_{number:03}" for number in range(features)])


def measure_page(driver: Chrome, page: Path) -> list[tuple[str, float, str]]:
    """Open a page of a report as readers do."""
    set_screen(driver, width=1280)
    driver.set_script_timeout(60)

    def paint() -> float:
        open_page(driver, page)
        return float(wait_for(driver, lambda found: found.execute_script(FIRST_PAINT), "the first paint"))

    def first_group() -> float:
        open_page(driver, page)
        start = perf_counter()
        driver.execute_script("document.querySelector('#index tbody .skill a').click()")
        wait_for(driver, lambda found: found.execute_script(OPENED), "the plots")
        return (perf_counter() - start) * 1000

    rows = [("first paint", _median(paint), "ms")]
    rows.append(("whole page loaded", float(driver.execute_script(LOADED)), "ms"))
    terms = iter(["P001", "plant-3", "7", "nothing of the kind", ""])
    rows.append(("search", _median(lambda: float(driver.execute_async_script(SEARCH, next(terms)))), "ms"))
    rows.append(("sort", _median(lambda: float(driver.execute_async_script(SORT))), "ms"))
    rows.append(("first group opened, with the plots", _median(first_group), "ms"))
    return rows


def _median(measured: Callable[[], float]) -> float:
    return median(measured() for _ in range(RUNS))


if __name__ == "__main__":
    sys.exit(main())
