"""The spaces of inputs come back from the model's file as they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from src.common.errors import IntegrityError
from src.common.tables import format_csv
from src.training.batchai.input_space import InputSpace, fit_input_space
from src.training.batchai.input_space_file import HEADER, format_spaces, read_spaces

FEATURES = ("a", 'odd, "name"', "c", "constant")


def space(seed: int) -> InputSpace:
    rows = np.random.default_rng(seed).standard_normal((40, 4))
    rows[:, 3] = 5.0
    found = fit_input_space(rows)
    assert found is not None
    return found


def written(tmp_path: Path, body: bytes) -> Path:
    path = tmp_path / "input_space.csv"
    path.write_bytes(format_csv(HEADER, []).encode() + body)
    return path


def test_spaces_come_back_to_the_last_bit(tmp_path: Path) -> None:
    spaces = {"007": space(1), "NA": space(2)}
    body = format_spaces("plant", FEATURES, spaces) + format_spaces("other, plant", FEATURES, {"007": space(3)})
    found = read_spaces(written(tmp_path, body))
    assert list(found) == [("plant", "007"), ("plant", "NA"), ("other, plant", "007")]
    rows = np.random.default_rng(9).standard_normal((20, 4))
    for product, one in spaces.items():
        again = found["plant", product]
        assert (again.rows, again.within, again.beside) == (one.rows, one.within, one.beside)
        np.testing.assert_array_equal(again.measure(rows).within, one.measure(rows).within)
        np.testing.assert_array_equal(again.measure(rows).chance, one.measure(rows).chance)
        assert again.limits() == one.limits()


def test_without_spaces_there_are_no_rows(tmp_path: Path) -> None:
    assert format_spaces("plant", FEATURES, {}) == b""
    assert read_spaces(written(tmp_path, b"")) == {}


@pytest.mark.parametrize(
    "damage",
    [
        lambda rows: [row for row in rows if b",batches," not in row],
        lambda rows: rows[:-1],
        lambda rows: [row.replace(b",spe_scale,,,", b",spe_scale,,,-") for row in rows],
        lambda rows: [row for row in rows if b",variance,1," not in row],
    ],
)
def test_what_is_incomplete_or_impossible_is_refused(tmp_path: Path, damage: object) -> None:
    rows = format_spaces("plant", FEATURES, {"007": space(1)}).splitlines(keepends=True)
    with pytest.raises(IntegrityError, match="incomplete, or holds a number"):
        read_spaces(written(tmp_path, b"".join(damage(rows))))  # type: ignore[operator]
