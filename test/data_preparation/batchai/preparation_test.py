from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from src.common.errors import DataError, SettingsError
from src.common.tables import TextTable
from src.data_preparation.batchai.export_files import read_export
from src.data_preparation.batchai.expressions import parse_expression
from src.data_preparation.batchai.joined_export import join_tables
from src.data_preparation.batchai.location_description import (
    ONE_PRODUCT,
    LocationDescription,
    read_description,
)
from src.data_preparation.batchai.order_description import OrderDescription
from src.data_preparation.batchai.preparation import Preparation, prepare
from src.data_preparation.batchai.prepared_data import PreparedGroup
from src.data_preparation.batchai.table_description import TableDescription
from src.data_preparation.batchai.target_description import Target

SMALL = Path(__file__).parents[2] / "resources" / "small" / "plant"

LABORATORY = TableDescription("laboratory.csv")
DESCRIPTION = LocationDescription(
    location="plant",
    tables=(LABORATORY,),
    batch_id="batch",
    product_id="product",
    targets=(Target("purity", "purity", "%", plausible=(50, 100)),),
    features=("x*",),
)


def table(file: str, text: str) -> TextTable:
    header, *body = [line.split() for line in text.strip().splitlines()]
    columns = {
        name: np.array(["" if row[place] == "-" else row[place] for row in body], dtype=object)
        for place, name in enumerate(header)
    }
    return TextTable(Path(file), columns, list(range(2, len(body) + 2)))


def run(text: str, description: LocationDescription = DESCRIPTION, *more: TextTable) -> Preparation:
    return prepare(join_tables([table("laboratory.csv", text), *more], description))


def only(preparation: Preparation) -> PreparedGroup:
    (group,) = preparation.prepared.groups
    return group


def test_rows_are_split_by_product_and_by_whether_they_were_measured() -> None:
    result = run(
        """
        batch product x1 x2 purity
        1     b       1  5  90
        2     a       2  6  91
        3     a       3  7  -
        4     b       4  -  92
        """
    )
    first, second = result.prepared.groups
    assert (first.product_id, first.batch_ids.tolist(), first.pending.batch_ids.tolist()) == ("a", ["2"], ["3"])
    assert (second.product_id, second.batch_ids.tolist(), second.pending.batch_ids.tolist()) == ("b", ["1", "4"], [])
    np.testing.assert_array_equal(second.features, [[1, 5], [4, np.nan]])
    np.testing.assert_array_equal(second.targets, [[90], [92]])


def test_the_oldest_batch_comes_first_in_the_months_of_another_language() -> None:
    months = ("jan", "feb", "mar", "apr", "maj", "jun", "jul", "avg", "sep", "okt", "nov", "dec")
    ordered = replace(DESCRIPTION, order_by=OrderDescription("start", "%b.%y", months))
    result = run(
        """
        batch product start  x1 purity
        1     a       avg.20 1  90
        2     a       maj.19 2  91
        3     a       okt.19 3  92
        4     a       maj.19 4  93
        """,
        ordered,
    )
    assert only(result).batch_ids.tolist() == ["2", "4", "3", "1"]


def test_mixed_offsets_are_ordered_as_points_in_time() -> None:
    ordered = replace(DESCRIPTION, order_by=OrderDescription("start", "%Y-%m-%dT%H:%M%z"))
    lines = ["2024-05-01T12:00+02:00", "2024-05-01T11:00+00:00", "2024-05-01T10:30Z", "2024-05-01T08:00-04:00"]
    body = "\n".join(f"{row} a {time} {row} {90 + row}" for row, time in enumerate(lines, start=1))
    assert only(run(f"batch product start x1 purity\n{body}", ordered)).batch_ids.tolist() == ["1", "3", "2", "4"]


def test_an_hour_that_daylight_saving_repeats_or_skips_is_named() -> None:
    ordered = replace(DESCRIPTION, order_by=OrderDescription("start", "%Y-%m-%dT%H:%M", zone="Europe/Berlin"))
    lines = ["2024-10-27T01:30", "2024-10-27T02:30", "2024-03-31T02:30"]
    body = "\n".join(f"{row} a {time} {row} {90 + row}" for row, time in enumerate(lines, start=1))
    with pytest.raises(DataError) as caught:
        run(f"batch product start x1 purity\n{body}", ordered)
    assert "row 3: '2024-10-27T02:30' happened twice" in str(caught.value)
    assert "row 4: '2024-03-31T02:30' does not exist" in str(caught.value)


def test_a_number_orders_numerically() -> None:
    ordered = replace(DESCRIPTION, order_by=OrderDescription("n", "number"))
    result = run("batch product n x1 purity\n 1 a 10 1 90\n 2 a 9 2 91", ordered)
    assert only(result).batch_ids.tolist() == ["2", "1"]
    np.testing.assert_array_equal(only(result).times, [9, 10])


def test_with_an_order_the_order_of_the_file_does_not_matter() -> None:
    ordered = replace(DESCRIPTION, order_by=OrderDescription("n", "number"), repeated_rows=True)
    lines = ["b10 a 1 7 90", "b2 a 1 8 91", "b2 a 1 6 92", "c a 0 5 93"]
    header = "batch product n x1 purity"
    forward, backward = (only(run("\n".join([header, *part]), ordered)) for part in (lines, lines[::-1]))
    assert forward.batch_ids.tolist() == ["c", "b2", "b2", "b10"]
    np.testing.assert_array_equal(forward.features, backward.features)
    np.testing.assert_array_equal(forward.targets, backward.targets)


def test_an_implausible_measurement_is_left_out_and_is_not_pending() -> None:
    result = run("batch product x1 purity\n 1 a 1 90\n 2 a 2 0\n 3 a 3 -")
    assert only(result).batch_ids.tolist() == ["1"]
    assert only(result).pending.batch_ids.tolist() == ["3"]
    (rejection,) = result.rejections
    assert (rejection.batch_id, rejection.row, rejection.column, rejection.value) == ("2", 3, "purity", "0")
    assert rejection.reason == "outside the plausible range of purity, 50 to 100 %"


def test_an_implausible_target_leaves_the_other_targets_of_its_row() -> None:
    two = replace(DESCRIPTION, targets=(*DESCRIPTION.targets, Target("mass", "mass")))
    result = run("batch product x1 purity mass\n 1 a 1 0 7\n 2 a 2 90 8", two)
    np.testing.assert_array_equal(only(result).targets, [[np.nan, 7], [90, 8]])


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        (["5"] * 12, "never varies"),
        (["1", "2", *["-"] * 10], "83% missing"),
        ([str(60 + row) for row in range(12)], "repeats the target purity"),
        ([str(1000 - 3 * (60 + row)) for row in range(12)], "repeats the target purity"),
    ],
)
def test_features_that_say_nothing_or_the_result_are_dropped_and_named(column: list[str], reason: str) -> None:
    lines = [f"{row} a {row * 7 % 5} {column[row]} {60 + row}" for row in range(12)]
    result = run("\n".join(["batch product x1 x2 purity", *lines]))
    assert result.dropped == {"x2": reason}
    assert result.prepared.feature_names == ("x1",)


def test_a_feature_that_is_constant_in_one_product_only_stays() -> None:
    result = run("batch product x1 x2 purity\n 1 a 1 0 90\n 2 a 2 0 91\n 3 b 3 1 92\n 4 b 4 2 93")
    assert result.prepared.feature_names == ("x1", "x2")


def test_tables_join_on_their_keys_and_rows_without_a_partner_are_named() -> None:
    joined = replace(
        DESCRIPTION,
        tables=(LABORATORY, TableDescription("process.csv", join_on={"batch": "id"})),
        features=("x1", "speed"),
    )
    process = table("process.csv", "id speed\n 3 30\n 1 10\n 9 90")
    result = run("batch product x1 purity\n 1 a 1 90\n 2 a 2 91\n 3 a 3 92", joined, process)
    np.testing.assert_array_equal(only(result).features, [[1, 10], [3, 30]])
    reasons = {(r.file, r.row, r.batch_id, r.reason) for r in result.rejections}
    assert reasons == {
        ("process.csv", 4, "9", "no row in laboratory.csv"),
        ("laboratory.csv", 3, "2", "no row in process.csv"),
    }
    assert result.batches_in == {"a": 3}


def test_an_optional_table_leaves_gaps() -> None:
    joined = replace(
        DESCRIPTION,
        tables=(LABORATORY, TableDescription("process.csv", join_on={"batch": "batch"}, required=False)),
        features=("x1", "speed"),
        max_missing=0.9,
    )
    result = run(
        "batch product x1 purity\n 1 a 1 90\n 2 a 2 91\n 3 a 4 92",
        joined,
        table("process.csv", "batch speed\n 1 5\n 3 6"),
    )
    np.testing.assert_array_equal(only(result).features, [[1, 5], [2, np.nan], [4, 6]])
    assert result.rejections == ()


def test_rows_of_one_key_are_kept_together_and_a_batch_without_one_stands_alone() -> None:
    keyed = replace(DESCRIPTION, cross_validate_by=("lot", "year"), features=("*",))
    header = "batch product lot year x1 x2 purity"
    result = run(
        f"{header}\n 1 a L 19 1 4 90\n 2 b L 19 2 5 91\n 3 a - - 3 6 92\n 4 a L 20 4 4 93\n 5 a L 20 4 4 -", keyed
    )
    first, second = result.prepared.groups
    assert first.kept_together.tolist() == ["L/19", "batch 3", "L/20"]
    assert second.kept_together.tolist() == ["L/19"]
    assert result.prepared.feature_names == ("x1", "x2")
    with pytest.raises(SettingsError, match="'lott' of cross_validate_by is missing, did you mean 'lot'"):
        run(f"{header}\n 1 a L 19 1 4 90", replace(keyed, cross_validate_by=("lott",), features=("x1",)))
    with pytest.raises(DataError, match="a batch has two keys") as caught:
        run(f"{header}\n 1 a L 19 1 4 90\n 1 a L 20 2 5 91", replace(keyed, repeated_rows=True))
    assert "1 (rows 2 and 3: L/19 and L/20)" in str(caught.value)


def test_an_id_may_be_made_of_several_columns() -> None:
    made = replace(DESCRIPTION, batch_id="year/n", id_parts={"year/n": ("year", "n")}, features=("*",))
    side = table("side.csv", "y no speed\n 19 1 5\n 20 1 6\n 21 7 8")
    joined = replace(made, tables=(LABORATORY, TableDescription("side.csv", join_on={"year": "y", "n": "no"})))
    result = run("year n product x1 purity\n 19 1 a 1 90\n 20 1 a 2 91\n - 2 a 3 92", joined, side)
    assert only(result).batch_ids.tolist() == ["19-1", "20-1"]
    assert result.prepared.feature_names == ("x1", "speed")
    assert [(r.file, r.row, r.batch_id, r.reason) for r in result.rejections] == [
        ("side.csv", 4, "21-7", "no row in laboratory.csv"),
        ("laboratory.csv", 4, "", "no row in side.csv"),
    ]
    result = run("year n product x1 purity\n 19 1 a 1 90\n 20 1 a 2 91\n - 2 a 3 92", made)
    assert [(r.row, r.reason) for r in result.rejections] == [(4, "no year/n")]


def test_an_export_of_one_product_needs_no_column_for_it() -> None:
    one = replace(DESCRIPTION, product_id=ONE_PRODUCT, product="tablets")
    result = run("batch x1 purity\n 1 1 90\n 2 2 91", one)
    assert (only(result).product_id, only(result).batch_ids.tolist()) == ("tablets", ["1", "2"])
    assert result.batches_in == {"tablets": 2}


def test_a_batch_may_hold_several_products_and_is_held_out_as_a_whole() -> None:
    text = "batch product x1 purity\n 1 a 1 90\n 1 b 2 91\n 2 a 3 92\n 2 b 4 -\n 3 b 5 93"
    with pytest.raises(DataError, match="2 batches belong to two products") as caught:
        run(text)
    assert "shared_batches: true" in str(caught.value)
    first, second = run(text, replace(DESCRIPTION, shared_batches=True)).prepared.groups
    assert (first.kept_together.tolist(), second.kept_together.tolist()) == (["1", "2"], ["1", "3"])
    assert second.pending.batch_ids.tolist() == ["2"]
    with pytest.raises(DataError, match="duplicate batch ids: 1 of 3 batches"):
        run(f"{text}\n 3 b 6 94", replace(DESCRIPTION, shared_batches=True))


def test_ids_are_ordered_by_the_numbers_in_them_however_long() -> None:
    ordered = replace(DESCRIPTION, order_by=OrderDescription("n", "number"))
    long = "9" * 5000
    result = run(f"batch product n x1 purity\n B10 a 1 1 90\n B{long} a 1 2 91\n B2 a 1 3 92\n B02x a 1 4 93", ordered)
    assert only(result).batch_ids.tolist() == ["B2", "B02x", "B10", f"B{long}"]


def test_a_target_may_be_computed_from_what_was_measured() -> None:
    derived = Target("loss", "loss", "%", plausible=(0, 100), derived=parse_expression("100 * (x1 - mass) / x1"))
    computed = replace(DESCRIPTION, targets=(derived,), features=("*", "x1"))
    header = "batch product x1 x2 mass"
    result = run(f"{header}\n 1 a 10 1 9\n 2 a 20 2 15\n 3 a 0 3 1\n 4 a 5 4 -\n 5 a 5 5 6\n 6 a 1e60 6 6", computed)
    assert only(result).batch_ids.tolist() == ["1", "2"]
    assert only(result).targets[:, 0].tolist() == [10, 25]
    assert only(result).pending.batch_ids.tolist() == ["4"]
    assert result.prepared.feature_names == ("x1", "x2")  # mass is a result, x1 is named as what went in
    assert [(r.row, r.column, r.reason.split(",")[0]) for r in result.rejections] == [
        (7, "x1", "not finite"),
        (4, "", "loss = 100 * (x1 - mass) / x1 has no value here"),
        (6, "", "outside the plausible range of loss"),
        (7, "", "loss = 100 * (x1 - mass) / x1 has no value here"),
    ]
    leaking = replace(computed, derived={"leak": parse_expression("log(mass)")})
    with pytest.raises(SettingsError, match="'leak' is computed from the target mass"):
        run(f"{header}\n 1 a 10 1 9\n 2 a 20 2 15", leaking)


def test_text_ids_stay_what_they_are() -> None:
    result = run("batch product x1 purity\n 1.0 007 1 90\n NA null 2 91\n 1 1.0 3 92\n null 7 4 93")
    assert [group.product_id for group in result.prepared.groups] == ["007", "1.0", "7", "null"]
    assert [group.batch_ids.tolist() for group in result.prepared.groups] == [["1.0"], ["1"], ["null"], ["NA"]]


def test_the_small_plant_from_its_files() -> None:
    description = read_description(SMALL / "location.yml", location="plant")
    result = prepare(read_export(SMALL, description))
    assert result.prepared.feature_names == ("temperature", "pressure", "log_temperature")
    assert [group.product_id for group in result.prepared.groups] == ["007", "NA"]
    group = result.prepared.groups[1]
    np.testing.assert_allclose(group.features[:, 2], np.log(group.features[:, 0]), rtol=1e-15)
    assert group.features[0].tolist() == [58.721, 2.3018689460797077, np.log(58.721)]
    assert sum(len(part.pending.batch_ids) for part in result.prepared.groups) == 6


def test_a_target_on_a_log_scale_leaves_out_what_has_no_logarithm() -> None:
    target = Target("count", "purity", "1/g", scale="log")
    rows = ["batch product x1 purity", "1 b 1 0", "2 b 2 -3", "3 b 4 100", "4 b 9 10"]
    result = run("\n".join(rows), replace(DESCRIPTION, targets=(target,)))
    assert only(result).batch_ids.tolist() == ["3", "4"]
    assert only(result).targets[:, 0].tolist() == [100, 10]
    assert [(found.batch_id, found.reason) for found in result.rejections] == [
        (batch, "count is not above zero, and its scale is log") for batch in ("1", "2")
    ]
    assert result.prepared.targets[0].scale == "log"
