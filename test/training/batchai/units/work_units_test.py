"""A location that is trained in parts gives the bytes that it gives as a whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.common import memory
from src.common.errors import DataError, IntegrityError
from src.common.paths import group_name
from src.data_preparation.batchai.prepared_data import PreparedFolder
from src.training.batchai.location_fit import TrainingOptions
from src.training.batchai.units import work_units
from src.training.batchai.units.backends import train_here
from src.training.batchai.units.work_units import WorkUnit, plan_units, sum_unit, train_unit
from test.support.training_runs import prepare, train

OPTIONS = TrainingOptions()
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two locations: one with a product that is too small, ids that need quotes, gaps and a target of one product
    alone; one in which nothing can be trained."""
    folder = tmp_path_factory.mktemp("odd")
    description = (
        "tables: [{file: b.csv}]\nbatch_id: b\nproduct_id: p\nfeatures: [x, z]\ntargets: {y: {}, 'w, 2': {}}\n"
    )
    chance = np.random.default_rng(0)
    for location, products in {
        "odd": {"A": 40, '"B", 1': 30, "C": 8, "D": 25, "E": 33},
        "poor": {"P": 8, "Q": 9},
    }.items():
        lines = ["b;p;x;z;y;w, 2"]
        for product, rows in products.items():
            for row in range(rows):
                x, z, noise = chance.normal(size=3)
                gap = "" if product == "D" and row % 5 == 0 else f"{z:.6f}"
                second = f"{noise:.6f}" if product == "E" else ""
                batch = f"{product},{row}".replace('"', "")
                lines.append(
                    f'"{batch}";"{product.replace(chr(34), chr(34) * 2)}";{x:.6f};{gap};{x - z + noise:.6f};{second}'
                )
        (folder / "source" / location).mkdir(parents=True)
        (folder / "source" / location / "b.csv").write_text("\n".join(lines) + "\n")
        (folder / "source" / location / "location.yml").write_text(
            description.replace("b.csv}", 'b.csv, delimiter: ";"}')
        )
    return prepare(folder / "source", folder)


@pytest.mark.parametrize("backend", ["local", "dask"])
@pytest.mark.parametrize("unit_bytes", [1, 70_000])
def test_parts_give_the_same_bytes(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unit_bytes: int, backend: str
) -> None:
    if backend == "dask":
        pytest.importorskip("distributed", reason="Dask is not installed: pip install -r requirements/dask.txt")
    monkeypatch.setenv("TRAIN_TERMS", "linear")  # in parts, curves are each product's own: docs/training.md
    whole = train(sample, tmp_path / "whole")
    monkeypatch.setattr(work_units, "UNIT_BYTES", unit_bytes)
    monkeypatch.setenv("TRAIN_BACKEND", backend)
    monkeypatch.setenv("TRAIN_THREADS", "2")
    assert train(sample, tmp_path / "parts") == whole


@pytest.mark.parametrize("threads", ["1", "3"])
def test_odd_locations_in_parts_give_the_same_bytes(
    odd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: str
) -> None:
    monkeypatch.setenv("TRAIN_TERMS", "linear")
    whole = train(odd, tmp_path / "whole")
    assert b'"""B"", 1"' in whole["results/coefficient.csv"]
    assert b",location (too few batches)," in whole["results/rmse.csv"]
    assert b'"8 measured batches, at least 20 are needed for a model of its own, and' in whole["results/rmse.csv"]
    monkeypatch.setattr(work_units, "UNIT_BYTES", 1)
    monkeypatch.setenv("TRAIN_THREADS", threads)
    assert train(odd, tmp_path / "parts") == whole


def test_one_product_of_a_parted_location_borrows_from_all(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAIN_TERMS", "linear")
    chosen = ("--location", "concrete-lab", "--product_id", "slag")
    whole = train(sample, tmp_path / "whole", *chosen)
    monkeypatch.setattr(work_units, "UNIT_BYTES", 1)
    assert train(sample, tmp_path / "parts", *chosen) == whole


def test_units_hold_every_product_once_and_are_as_large_as_they_may_be(sample: Path) -> None:
    folder = PreparedFolder.open(sample)
    for limit in (1, 60_000, 10**9):
        units = plan_units(folder, folder.locations, OPTIONS, unit_bytes=limit)
        for location in folder.locations:
            same = [unit for unit in units if unit.location == location]
            assert [unit.number for unit in same] == list(range(1, same[0].of + 1))
            assert tuple(product for unit in same for product in unit.products) == folder.products(location)
    assert [unit.is_whole for unit in plan_units(folder, folder.locations, OPTIONS)] == [True, True, True]
    slag = plan_units(folder, ["concrete-lab"], OPTIONS, product_id="slag", unit_bytes=1)
    assert [unit.is_fitted for unit in slag] == [False, False, True, False]


@pytest.mark.parametrize("unit_bytes", [1, 10**9])
def test_what_does_not_fit_in_memory_is_refused_before_anything_is_trained(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unit_bytes: int
) -> None:
    """One byte less than the largest unit needs, so that all others would fit; one byte more is enough."""
    monkeypatch.setattr(work_units, "UNIT_BYTES", unit_bytes)
    folder = PreparedFolder.open(sample)
    units = plan_units(folder, folder.locations, OPTIONS)
    files = [
        sum(
            facts.bytes
            for name, facts in folder.manifest.files.items()
            for product in unit.products
            if name.startswith(group_name(unit.location, product) + "/")
        )
        for unit in units
    ]
    need = work_units.MEMORY_PER_BYTE * max(files)
    monkeypatch.setattr(memory, "available_bytes", lambda: need - 1)
    trained = train_here(folder, units, threads=1, done=lambda _: pytest.fail("something was trained"))
    with pytest.raises(DataError, match=r"needs more memory than there is") as refused:
        next(trained)
    assert len(str(refused.value).splitlines()) <= 8
    monkeypatch.setattr(memory, "available_bytes", lambda: need)
    assert next(train_here(folder, units[:1], threads=1, done=lambda _: None)).location == units[0].location


def test_other_data_than_was_planned_with_is_refused(sample: Path) -> None:
    folder = PreparedFolder.open(sample)
    (planned,) = plan_units(folder, ["pharma-plant"], OPTIONS)
    unit = replace(planned, data_version="of-yesterday")
    with pytest.raises(DataError, match="another than what the work was planned with"):
        sum_unit(folder, unit, threads=1)
    with pytest.raises(DataError, match="of-yesterday"):
        train_unit(folder, unit, threads=1)


@given(
    st.builds(
        WorkUnit,
        location=st.text(min_size=1),
        number=st.integers(1, 99),
        of=st.integers(1, 99),
        chunks=st.lists(st.lists(TEXT).map(tuple)).map(tuple),
        shared=st.lists(st.tuples(TEXT, st.integers(0, 19))).map(tuple),
        cuts=st.lists(st.floats(allow_nan=False, allow_infinity=False)).map(tuple),
        sharing=st.floats(1, 100),
        product_id=st.none() | TEXT,
        folds=st.integers(2, 20),
        min_batches=st.integers(10, 99),
        data_version=TEXT,
        plan=TEXT,
    ).filter(lambda unit: unit.location.encode("utf-8", "ignore").decode() == unit.location)
)
def test_a_unit_comes_back_from_its_text(unit: WorkUnit) -> None:
    assert WorkUnit.from_json(unit.to_json(), where="here") == unit


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"chunks": 3}', '{"chunks": [], "shared": [], "location": "x"}'])
def test_what_is_no_unit_is_one_clear_error(text: str) -> None:
    with pytest.raises(IntegrityError, match="no unit of work"):
        WorkUnit.from_json(text, where="here")
