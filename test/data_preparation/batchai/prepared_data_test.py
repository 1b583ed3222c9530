from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.common.committed_folder import replace_folder
from src.common.errors import DataError, IntegrityError
from src.common.manifest import MANIFEST_NAME, Manifest
from src.common.paths import group_name
from src.data_preparation.batchai.group_tables import FeatureRows
from src.data_preparation.batchai.prepared_data import (
    KEYS,
    KIND,
    PreparedFolder,
    PreparedGroup,
    PreparedLocation,
    PreparedTarget,
    write_location,
)

FEATURES = ("temperature", 'odd, "name"')
TARGETS = (PreparedTarget("purity", "%", (95.0, None)), PreparedTarget("yield"))


def rows(ids: list[str], width: int, *, fill: float = 1.5) -> FeatureRows:
    return FeatureRows(np.array(ids, dtype=object), np.full((len(ids), width), fill))


def group(product: str, ids: list[str], pending: list[str]) -> PreparedGroup:
    measured = rows(ids, 2)
    return PreparedGroup(product, measured.batch_ids, measured.features, rows(ids, 2).features, rows(pending, 2))


def write(root: Path, *groups: PreparedGroup) -> PreparedFolder:
    with replace_folder(root, kind=KIND) as staged:
        write_location(staged, PreparedLocation("plant", FEATURES, TARGETS, groups))
    return PreparedFolder.open(root)


def assert_same(group: PreparedGroup, other: PreparedGroup) -> None:
    assert group.product_id == other.product_id
    assert group.batch_ids.tolist() == other.batch_ids.tolist()
    np.testing.assert_array_equal(group.features, other.features)
    np.testing.assert_array_equal(group.targets, other.targets)
    assert group.pending.batch_ids.tolist() == other.pending.batch_ids.tolist()
    np.testing.assert_array_equal(group.pending.features, other.pending.features)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    groups = (group("007", ["1", "2"], ["3"]), group("NA", ["null", "1.0", "1.0"], []))
    folder = write(tmp_path, *groups)
    location = folder.read("plant")
    assert (location.feature_names, location.targets) == (FEATURES, TARGETS)
    for before, after in zip(groups, location.groups, strict=True):
        assert_same(before, after)
    assert not (tmp_path / group_name("plant", "NA") / "pending.csv").exists()


def test_keys_are_read_beside_their_batches_and_a_missing_row_is_named(tmp_path: Path) -> None:
    keyed = replace(
        group("007", ["1", "2"], ["3"]),
        keys=np.array(["lot, 'ä'", 'lot "b"'], dtype=object),
        times=np.array([1714554000.0, 1714557600.123]),
    )
    folder = write(tmp_path, keyed)
    (read,) = folder.read("plant").groups
    assert read.kept_together.tolist() == ["lot, 'ä'", 'lot "b"']
    assert read.times is not None
    assert read.times.tolist() == [1714554000.0, 1714557600.123]
    assert read.take(np.array([1])).kept_together.tolist() == ['lot "b"']
    assert group("7", ["1"], []).times is None
    assert group("7", ["1"], []).kept_together.tolist() == ["1"]
    (tmp_path / group_name("plant", "007") / KEYS).write_text("batch_id,key\n1,a\n")
    with pytest.raises(DataError, match=r"keys\.csv has other batches than data\.csv"):
        folder.read("plant")


def test_some_products_are_read_alone_and_ids_are_text(tmp_path: Path) -> None:
    folder = write(tmp_path, group("007", ["1"], []), group("7", ["2"], []))
    assert [part.product_id for part in folder.read("plant", product_ids=["007"]).groups] == ["007"]
    with pytest.raises(DataError, match="unknown product_id '07', did you mean '007'"):
        folder.read("plant", product_ids=["07"])
    with pytest.raises(DataError, match="unknown location 'plan', did you mean 'plant'"):
        folder.read("plan")


_ids = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=12)
_numbers = st.floats(allow_infinity=False, allow_nan=True, width=64)


@settings(max_examples=60)
@given(st.lists(st.tuples(_ids, _numbers, _numbers), min_size=1, max_size=8), st.data())
def test_any_ids_and_numbers_make_an_exact_round_trip(
    table: list[tuple[str, float, float]], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(table)))
    ids = np.array([row[0] for row in table], dtype=object)
    values = np.array([row[1:] for row in table])
    first = PreparedGroup("a", ids[:cut], values[:cut], values[:cut], FeatureRows(ids[cut:], values[cut:]))
    second = PreparedGroup("b", ids[cut:], values[cut:], values[cut:], FeatureRows(ids[:cut], values[:cut]))
    with TemporaryDirectory() as root:
        read = write(Path(root), first, second).read("plant")
    for before, after in zip((first, second), read.groups, strict=True):
        assert_same(before, after)


def test_the_files_are_ordinary_csv(tmp_path: Path) -> None:
    write(tmp_path, group("P", ["with, comma", 'with "quotes"'], []))
    with (tmp_path / group_name("plant", "P") / "data.csv").open(encoding="utf-8", newline="") as stream:
        table = list(csv.reader(stream))
    assert table == [
        ["batch_id", "temperature", 'odd, "name"'],
        ["with, comma", "1.5", "1.5"],
        ['with "quotes"', "1.5", "1.5"],
    ]


def test_other_readers_see_the_same_groups(tmp_path: Path) -> None:
    from pyarrow import dataset

    write(tmp_path, group("../../x", ["1"], []), group("CON", ["2"], []), group("a.b", ["3"], []))
    partitioning = dataset.partitioning(flavor="hive")
    files = [str(path) for path in sorted(tmp_path.rglob("data.csv"))]
    table = dataset.dataset(files, format="csv", partitioning=partitioning, partition_base_dir=str(tmp_path)).to_table()
    found = set(zip(table["location"].to_pylist(), table["product_id"].to_pylist(), strict=True))
    assert found == {("plant", "../../x"), ("plant", "CON"), ("plant", "a.b")}
    assert all(tmp_path in Path(file).resolve().parents for file in files)


def test_other_batches_in_target_csv_are_named(tmp_path: Path) -> None:
    folder = write(tmp_path, group("P", ["B1", "B2"], []))
    path = tmp_path / group_name("plant", "P") / "target.csv"
    path.write_bytes(path.read_bytes().replace(b"B2", b"B3"))
    with pytest.raises(DataError, match=r"other batches than data\.csv") as caught:
        folder.read("plant")
    assert "only in data.csv: B2; only in target.csv: B3" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.replace(b"1.5", b"2.5", 1), "missing or was changed"),
        (lambda content: content[:-9], "missing or was changed|other batches|can't be parsed"),
        (lambda content: content.replace(b"1.5", b"x.5", 1), "can't be parsed"),
        (lambda _: b"", "missing or was changed"),
        (lambda content: content + b"\n", "empty lines|missing or was changed"),
    ],
)
def test_a_changed_file_is_refused(tmp_path: Path, change: Callable[[bytes], bytes], message: str) -> None:
    folder = write(tmp_path, group("P", ["B1", "B2"], []))
    path = tmp_path / group_name("plant", "P") / "data.csv"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DataError, match=message):
        folder.read("plant")


def test_a_folder_without_a_valid_manifest_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no prepared data here"):
        PreparedFolder.open(tmp_path)
    write(tmp_path, group("P", ["B1"], []))
    manifest = tmp_path / MANIFEST_NAME
    written = Manifest.from_json(manifest.read_bytes())
    manifest.write_text(replace(written, kind="batchai model").to_json(), encoding="utf-8")
    with pytest.raises(IntegrityError, match="for something else"):
        PreparedFolder.open(tmp_path)
    manifest.write_text("{")
    with pytest.raises(IntegrityError, match="can't be read"):
        PreparedFolder.open(tmp_path)
