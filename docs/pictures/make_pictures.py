"""Take the pictures of the report for the documentation: ``python docs/pictures/make_pictures.py``."""

from __future__ import annotations

import base64
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from selenium.webdriver import Chrome

from src.common.files import atomic_write
from src.common.settings import PROJECT_ROOT
from test.support.browser import missing_browser, open_page, set_screen, started_browser, wait_for

FOLDER = Path(__file__).parent
SCREENS = {"desktop": (1280, 1180), "phone": (390, 844)}
MOST_BYTES = 350_000
MARGIN = 24


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    parser = ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--page", type=Path, default=PROJECT_ROOT / "outputs" / "report.html", help="the report")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to write")
    parser.add_argument("--model", default="#/concrete-lab/slag", help="the address of a model inside the page")
    arguments = parser.parse_args(argv)
    reason = missing_browser()
    if reason:
        print(reason, file=sys.stderr)
        return 2
    with started_browser() as driver:
        for name, (width, height) in SCREENS.items():
            for scheme in ("light", "dark"):
                set_screen(driver, width=width, height=height, scheme=scheme)
                open_page(driver, arguments.page)
                _take(driver, arguments.folder / f"report-overview-{name}-{scheme}.png", until="section:has(#index)")
                driver.execute_script("location.hash = arguments[0]", arguments.model)
                wait_for(driver, _is_drawn, "the plots")
                _take(driver, arguments.folder / f"report-model-{name}-{scheme}.png", until="#curves")
    return 0


def _is_drawn(driver: Chrome) -> bool:
    return bool(
        driver.execute_script(
            "const plots = [...document.querySelectorAll('.plot')];"
            "return plots.length > 0 && plots.every(plot => plot.dataset.drawn && plot.querySelector('.main-svg'))"
        )
    )


def _take(driver: Chrome, path: Path, *, until: str) -> None:
    """Take a picture of the page from its top to the end of an element; to that of the model where there is none."""
    end = (
        "const last = document.querySelector(arguments[0]) ?? document.querySelector('#details');"
        "return [innerWidth, last.getBoundingClientRect().bottom]"
    )
    driver.execute_script("document.activeElement.blur(); scrollTo(0, 0)")
    width, bottom = driver.execute_script(end, until)
    clip = {"x": 0, "y": 0, "width": width, "height": bottom + MARGIN, "scale": 1}
    options = {"format": "png", "captureBeyondViewport": True, "clip": clip}
    picture = base64.b64decode(driver.execute_cdp_cmd("Page.captureScreenshot", options)["data"])
    atomic_write(path, picture)
    size = "" if len(picture) <= MOST_BYTES else f", more than {MOST_BYTES // 1000} kB"
    print(f"  {path.name}: {len(picture) // 1000} kB{size}")


if __name__ == "__main__":
    sys.exit(main())
