"""Leaks and mistakes are named; what is merely strong, or merely noise, is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from src.common.errors import DataError
from src.common.settings import PROJECT_ROOT
from src.data_preparation.batchai.batchai_datapreparation import main
from src.data_preparation.batchai.data_warnings import ACCEPTED, HIGH, LOW, DataWarning, data_warnings
from src.data_preparation.batchai.export_files import read_export
from src.data_preparation.batchai.group_tables import FeatureRows
from src.data_preparation.batchai.location_description import find_description, read_description
from src.data_preparation.batchai.preparation import prepare
from src.data_preparation.batchai.prepared_data import PreparedGroup, PreparedLocation, PreparedTarget

ROWS = 60
CHANCE = np.random.default_rng(5)
NOISE: NDArray[np.float64] = CHANCE.normal(size=(2 * ROWS, 4))


def location(features: NDArray[np.float64], target: NDArray[np.float64], pending: int = 0) -> PreparedLocation:
    """Two products with half of the rows each."""
    names = tuple(f"x{number}" for number in range(features.shape[1]))
    halves = np.array_split(np.arange(len(features)), 2)
    groups = tuple(
        PreparedGroup(
            product,
            np.array([f"B{row}" for row in rows], dtype=object),
            features[rows],
            target[rows].reshape(-1, 1),
            FeatureRows(np.array([f"W{row}" for row in range(pending)], dtype=object), np.ones((pending, len(names)))),
        )
        for product, rows in zip(("a", "b"), halves, strict=True)
    )
    return PreparedLocation("plant", names, (PreparedTarget("purity"),), groups)


def kinds(found: list[DataWarning]) -> list[tuple[str, tuple[str, ...]]]:
    return [(warning.severity, warning.features) for warning in found]


def test_noise_and_an_honest_cause_are_no_leak() -> None:
    cause = NOISE[:, 0] * 2 + NOISE[:, 3]  # explains 80 %
    assert data_warnings(location(NOISE[:, :3], cause)) == []


@pytest.mark.parametrize("shift", [0.0, 1000.0])
def test_a_rounded_noisy_copy_of_a_target_is_named(shift: float) -> None:
    target = NOISE[:, 3] + shift
    copy = np.round(target * 3 + 7 + 0.2 * NOISE[:, 1], 1)
    (warning,) = data_warnings(location(np.column_stack([NOISE[:, 0], copy]), target))
    assert (warning.severity, warning.features) == (HIGH, ("x1",))
    assert "x1 alone explains 99" in warning.message


def test_products_that_differ_in_everything_are_no_leak() -> None:
    level = np.repeat([0.0, 1000.0], ROWS)
    assert data_warnings(location(NOISE[:, :2] + level[:, None], NOISE[:, 3] + level)) == []


def test_a_feature_that_comes_with_the_result_is_named() -> None:
    found = location(NOISE[:, :2], NOISE[:, 3], pending=3)
    for group in found.groups:
        group.pending.features[:, 1] = np.nan
    (warning,) = data_warnings(found)
    assert (warning.severity, warning.features) == (HIGH, ("x1",))
    assert "empty in all 6 pending rows" in warning.message


def test_copied_rows_are_named_unless_they_are_held_out_together() -> None:
    features, target = NOISE[:, :2].copy(), NOISE[:, 3].copy()
    features[7], target[7] = features[3], target[3]
    found = location(features, target)
    (warning,) = data_warnings(found)
    assert "1 rows of product a are exact copies: B3 and B7" in warning.message
    keys = np.array(["k" if row in {3, 7} else f"{row}" for row in range(ROWS)], dtype=object)
    assert data_warnings(replace(found, groups=(replace(found.groups[0], keys=keys), found.groups[1]))) == []


def test_fractions_that_sum_to_a_constant_are_named_and_can_be_accepted() -> None:
    fractions = np.exp(NOISE[:, :3])
    fractions *= 100 / fractions.sum(axis=1, keepdims=True)
    features = np.column_stack([fractions, NOISE[:, 3] * 1e6, fractions[:, 0] * 2 + fractions[:, 1] * 5])
    found = location(features, CHANCE.normal(size=2 * ROWS))
    (warning,) = data_warnings(found)
    assert (warning.severity, warning.features) == (LOW, ("x0", "x1", "x2"))
    assert "always sum to 100" in warning.message
    assert kinds(data_warnings(found, accepted=["x?"])) == [(ACCEPTED, ("x0", "x1", "x2"))]
    assert kinds(data_warnings(found, accepted=["x0"])) == [(LOW, ("x0", "x1", "x2"))]


def test_warnings_are_shown_and_written_and_strict_makes_them_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant = tmp_path / "source" / "plant"
    plant.mkdir(parents=True)
    rows = [f"B{n},P,{x:.3f},{y * 2 + x / 10:.2f},{y:.3f}" for n, (x, y) in enumerate(NOISE[:, :2].tolist())]
    (plant / "b.csv").write_text("\n".join(["batch,product,x,second,purity", *rows]))
    text = "tables: [{file: b.csv}]\nbatch_id: batch\nproduct_id: product\nfeatures: [x, second]\ntargets: {purity: }\n"
    (plant / "location.yml").write_text(text)
    folders = ["--inputs_folder", str(tmp_path / "inputs"), "--prepared_folder", str(tmp_path / "prepared")]
    arguments = ["--input_url", str(tmp_path / "source"), *folders]
    assert main(arguments) == 0
    assert "warning: location plant, high: second alone explains" in capsys.readouterr().err
    assert 'plant,high,second,"second alone explains' in (tmp_path / "prepared" / "warnings.csv").read_text()
    (plant / "location.yml").write_text(text + "strict: true\n")
    with pytest.raises(DataError, match="second alone explains") as caught:
        main(arguments)
    assert "accept_warnings" in str(caught.value)
    (plant / "location.yml").write_text(text + "strict: true\naccept_warnings: [second]\n")
    assert main(arguments) == 0
    assert "warning" not in capsys.readouterr().err
    assert "plant,accepted,second" in (tmp_path / "prepared" / "warnings.csv").read_text()


@pytest.fixture(scope="module")
def real() -> dict[str, PreparedLocation]:
    """Measurements of three real plants (sample_data/README.md says whose)."""
    found = {}
    for folder in sorted((PROJECT_ROOT / "sample_data" / "batchai").iterdir()):
        description = read_description(find_description(folder), location=folder.name)
        found[folder.name] = prepare(read_export(folder, description)).prepared
    return found


def test_real_plants_give_no_false_alarm(real: dict[str, PreparedLocation]) -> None:
    """Of 414 pairs of a feature and a target none is a leak; samples that were measured twice are what they are."""
    assert sum(len(part.feature_names) * len(part.targets) for part in real.values()) == 414
    found = {name: [warning.message for warning in data_warnings(part)] for name, part in real.items()}
    assert found["concrete-lab"] == found["pharma-plant"] == []
    (copies,) = found["food-lab"]
    assert copies.startswith("20 rows of product minced are exact copies")


@pytest.mark.parametrize("noise", [0.02, 0.05, 0.1])
def test_a_rounded_noisy_copy_is_named_at_each_real_plant(real: dict[str, PreparedLocation], noise: float) -> None:
    """The noise is a share of the target's deviation within its product; 0.1 leaves 99 % explained."""
    chance = np.random.default_rng(8)
    for part in real.values():
        for place, target in enumerate(part.targets):
            groups = []
            for group in part.groups:
                values = group.targets[:, place]
                spread = float(np.nanstd(values))
                copy = values + noise * spread * chance.normal(size=len(values))
                step = 10.0 ** np.floor(np.log10(spread)) / 10
                copy = np.round(copy / step) * step
                waiting = np.column_stack([group.pending.features, np.zeros(len(group.pending.batch_ids))])
                pending = replace(group.pending, features=waiting)
                groups.append(replace(group, features=np.column_stack([group.features, copy]), pending=pending))
            leaky = replace(part, feature_names=(*part.feature_names, "second"), groups=tuple(groups))
            named = [warning for warning in data_warnings(leaky) if warning.features == ("second",)]
            assert any(target.name in warning.message for warning in named), (part.location, target.name)
