"""Chromium without a window, for the tests of pages: the one of this machine, nothing is downloaded."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

WAIT_SECONDS = 60
Found = TypeVar("Found")


def missing_browser() -> str:
    """Why there is no browser to test with; empty where there is one."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    missing = [
        name for name, path in (("Chromium", browser), ("chromedriver", shutil.which("chromedriver"))) if not path
    ]
    return f"no {' and no '.join(missing)} on PATH (.ci/run installs them)" if missing else ""


@contextmanager
def started_browser() -> Iterator[webdriver.Chrome]:
    """Start Chromium, with a log of its requests and of its console; end it with the block."""
    options = Options()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    quiet = ("--disable-background-networking", "--disable-component-update", "--no-first-run", "--disable-sync")
    for argument in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", *quiet):
        options.add_argument(argument)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium refuses its sandbox to root
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="session")
def browser() -> Iterator[webdriver.Chrome]:
    """Chromium for the tests of a run; they are skipped where there is none."""
    reason = missing_browser()
    if reason:
        pytest.skip(reason)
    with started_browser() as driver:
        yield driver


def set_screen(driver: webdriver.Chrome, *, width: int, height: int = 900, scheme: str = "light") -> None:
    """Give the page a screen, and a reader who prefers light or dark colours."""
    phone = width < 600
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def open_page(driver: webdriver.Chrome, page: Path, *, address: str = "") -> None:
    """Open a file, as from a folder; the page remembers nothing of an earlier one."""
    driver.get("about:blank")
    driver.get(page.resolve().as_uri() + address)
    driver.execute_script("localStorage.clear()")
    driver.get("about:blank")
    driver.get(page.resolve().as_uri() + address)


def wait_for(driver: webdriver.Chrome, condition: Callable[[webdriver.Chrome], Found], what: str) -> Found:
    """Wait until a condition holds, at most `WAIT_SECONDS`; returns what it found."""
    waiting = WebDriverWait(driver, WAIT_SECONDS, 0.05, ignored_exceptions=[StaleElementReferenceException])
    return waiting.until(condition, f"waited for {what}")


def requests_sent(driver: webdriver.Chrome) -> list[str]:
    """The addresses that were asked for since this was last called."""
    messages = (json.loads(entry["message"])["message"] for entry in _log(driver, "performance"))
    return [item["params"]["request"]["url"] for item in messages if item["method"] == "Network.requestWillBeSent"]


def console_messages(driver: webdriver.Chrome) -> list[str]:
    """What stands in the console since this was last called."""
    return [str(entry["message"]) for entry in _log(driver, "browser")]


def _log(driver: webdriver.Chrome, kind: str) -> list[dict[str, Any]]:
    return list(driver.get_log(kind))  # type: ignore[no-untyped-call]
