from __future__ import annotations

import struct
from pathlib import Path

import pytest

from docs.pictures import make_pictures
from src.reporting.batchai import batchai_report
from test.support.browser import missing_browser
from test.support.report_inputs import MadeGroup, MadeTarget, write_report_inputs

PNG = b"\x89PNG\r\n\x1a\n"


def width(picture: bytes) -> int:
    """The width in pixels, which stands in a picture's header."""
    return int(struct.unpack(">I", picture[16:20])[0])


def test_every_screen_and_scheme_gets_its_pictures(tmp_path: Path) -> None:
    if reason := missing_browser():
        pytest.skip(reason)
    inputs = write_report_inputs(tmp_path, [MadeGroup("plant", "P1", [MadeTarget("purity")])])
    assert batchai_report.main(inputs.arguments) == 0
    folder = tmp_path / "pictures"
    given = ["--page", str(inputs.page), "--folder", str(folder), "--model", "#/plant/P1"]
    assert make_pictures.main(given) == 0
    pictures = {path.stem: path.read_bytes() for path in folder.iterdir()}
    assert set(pictures) == {
        f"report-{what}-{screen}-{scheme}"
        for what in ("overview", "model")
        for screen in ("desktop", "phone")
        for scheme in ("light", "dark")
    }
    for name, picture in pictures.items():
        assert picture.startswith(PNG)
        assert width(picture) == (1280 if "desktop" in name else 390)
        assert len(picture) < make_pictures.MOST_BYTES
    assert len(set(pictures.values())) == 8
