"""Every bad export gets its own clear error, and the prepared data that was there before stays whole."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from src.common.errors import BatchAIError, DataError, SettingsError
from src.data_preparation.batchai.batchai_datapreparation import _source, main
from src.data_preparation.batchai.prepared_data import PreparedFolder
from test.faults.promises import NAMED_INPUT
from test.support.settings import load_settings

BAD = Path(__file__).parents[2] / "resources" / "bad"
GOOD = Path(__file__).parents[2] / "resources" / "small"

CASES: dict[str, tuple[type[BatchAIError], tuple[str, ...]]] = {
    "missing_file": (DataError, ("'batches.csv' is missing", "found:    location.yml")),
    "wrong_file_name": (DataError, ("'batches.csv' is missing, did you mean 'batchs.csv'?",)),
    "empty_file": (DataError, ("the file is empty", "batches.csv")),
    "header_only": (DataError, ("the file has a header and no rows", "batches.csv")),
    "ragged_rows": (DataError, ("2 rows have another number of cells", "row 3: 4 cells, row 5: 6 cells", "5 cells")),
    "wrong_delimiter": (DataError, ("the column 'batch' is missing", "delimiter of this file seems to be ';'")),
    "wrong_encoding": (DataError, ("the file is not utf-8", "row 3", "byte 0xe4", "cp1252")),
    "text_in_number_column": (DataError, ("1 cells are no numbers", "batches.csv row 3, temperature: 'warm'")),
    "decimal_comma": (DataError, ("cells are no numbers", "temperature: '21,5'")),
    "duplicate_batch_ids": (DataError, ("duplicate batch ids", "B01 (rows 2 and 4)", "repeated_rows: true")),
    "batch_of_two_products": (DataError, ("1 batches belong to two products", "B01 (rows 2 and 3: P1 and P2)")),
    "product_ids_differ_in_case": (DataError, ("two product ids differ only in case", "'P1' and 'p1'")),
    "line_break_in_id": (DataError, ("line break or another control character", r"'B\n01'")),
    "unclosed_quote": (DataError, ("a row can't be read", "check its quotes")),
    "duplicate_columns": (DataError, ("column names appear twice: temperature",)),
    "column_without_name": (DataError, ("a column has no name", "row 1")),
    "missing_column": (SettingsError, ("'pressure' fits no column, did you mean 'presure'?",)),
    "no_ids": (DataError, ("no row has both a batch and a product",)),
    "misspelt_key": (SettingsError, ("batchid is not known, did you mean 'batch_id'?", "batch_id is missing")),
    "several_problems": (
        SettingsError,
        ("repeated_rows is 'sometimes', expected true or false", "features is missing", "max_missing is '7'"),
    ),
    "not_yaml": (SettingsError, ("the description is not YAML", "location.yml")),
    "not_a_mapping": (SettingsError, ("the document is a list, expected keys with values",)),
    "target_as_feature": (SettingsError, ("columns can't be features: purity",)),
    "code_in_expression": (SettingsError, ("derived: evil", "is not allowed")),
    "target_in_expression": (SettingsError, ("'leak' is computed from the target purity",)),
    "unreadable_time": (
        DataError,
        ("1 rows have no time that can be read", "column 'day'", "row 3: '31.1.2024' is not such a time"),
    ),
    "no_description": (DataError, ("the location 'plant' has no description", "location.yml beside the exports")),
    "no_location": (DataError, ("there is no location in the input", "BATCHAI_INPUT_URL")),
    "two_rows_for_one_key": (DataError, ("two rows have the same key", "batch='B01' in rows 2 and 3")),
    "column_in_two_tables": (DataError, ("columns stand in two tables of one location: product", "join_on")),
    "adjustable_misspelt": (
        SettingsError,
        (
            "adjustable: temperature: max_additon is not known, did you mean 'max_addition'?",
            "adjustable: pressure: max_addition is missing or 0, and max_removal too",
        ),
    ),
    "adjustable_not_a_number": (
        SettingsError,
        (
            "temperature: max_addition is 'lots', expected a number from 0 to",
            "temperature: cost is '0', expected a number from 1e-09 to",
            "temperature: can_remove is not known",
            "per_volume dilutes nothing",
        ),
    ),
    "adjustable_unknown_feature": (
        SettingsError,
        ("temprature is no feature of the data, did you mean 'temperature'?",),
    ),
    "adjustable_is_derived": (SettingsError, ("warmth is derived; name what it is computed from",)),
    "adjustable_not_computable": (SettingsError, ("ratio changes, but reads pressure, which is no feature",)),
    "adjustable_without_per_volume": (SettingsError, ("per_volume is missing: which features does more temperature",)),
    "division_by_zero_size": (DataError, ("not above zero: 'pressure'", "batches.csv, row 2")),
}


def test_every_bad_export_is_in_the_table() -> None:
    assert {path.name for path in BAD.iterdir()} == set(CASES)


@pytest.mark.fault(NAMED_INPUT)
@pytest.mark.parametrize("case", sorted(CASES))
def test_a_bad_export_is_refused_and_loses_nothing(case: str, tmp_path: Path) -> None:
    arguments = ["--inputs_folder", str(tmp_path / "inputs"), "--prepared_folder", str(tmp_path / "prepared")]
    assert main(["--input_url", str(GOOD), *arguments]) == 0
    before = {path: path.read_bytes() for path in (tmp_path / "prepared").rglob("*") if path.is_file()}
    shutil.rmtree(tmp_path / "inputs")

    kind, fragments = CASES[case]
    with pytest.raises(BatchAIError) as caught:
        main(["--input_url", str(BAD / case), *arguments])

    assert type(caught.value) is kind
    message = str(caught.value)
    assert all(fragment in message for fragment in fragments), message
    assert len(message.splitlines()) <= 8
    assert {path: path.read_bytes() for path in (tmp_path / "prepared").rglob("*") if path.is_file()} == before
    assert PreparedFolder.open(tmp_path / "prepared").read("plant").groups


def test_an_unknown_location_is_named_with_the_nearest_known_one(tmp_path: Path) -> None:
    arguments = ["--inputs_folder", str(tmp_path / "inputs"), "--prepared_folder", str(tmp_path / "prepared")]
    with pytest.raises(DataError, match="unknown location 'plnt', did you mean 'plant'"):
        main(["--input_url", str(GOOD), *arguments, "--location", "plnt"])


def test_a_missing_source_folder_is_named(tmp_path: Path) -> None:
    arguments = ["--inputs_folder", str(tmp_path / "inputs"), "--prepared_folder", str(tmp_path / "prepared")]
    with pytest.raises(BatchAIError, match="nowhere"):
        main(["--input_url", str(tmp_path / "nowhere"), *arguments])


def test_a_pipeline_names_a_container_without_its_signature_and_the_step_finds_it_again() -> None:
    settings = replace(load_settings(), input_url="https://a.blob.core.windows.net/c/p?sv=1&sig=secret")
    assert _source("https://a.blob.core.windows.net/c/p", settings) == settings.input_url
    assert _source(None, settings) == settings.input_url
    assert _source("https://b.blob.core.windows.net/c", settings) == "https://b.blob.core.windows.net/c"
    assert _source("folder", replace(settings, input_url="folder")) == "folder"
