"""A table of mistakes and hostile input: each gets a clear error, none is swallowed, none is a bug of ours."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from src.common.errors import BatchAIError
from src.common.settings import PROJECT_ROOT
from src.data_preparation.batchai.batchai_datapreparation import main
from src.data_preparation.batchai.location_runs import prepare_locations
from src.data_preparation.batchai.prepared_data import PreparedFolder
from test.faults.promises import NAMED_INPUT, NO_BAD_NUMBER

YML = """\
tables:
  - file: batches.csv
batch_id: batch
product_id: product
features: [temp*, pressure]
targets:
  purity: {unit: "%"}
"""
CSV = """\
batch,product,day,temp,pressure,purity
B1,P,2024-01-01,20,1.5,90
B2,P,2024-01-02,21,1.25,91
B3,P,2024-01-03,19,1.75,89
B4,P,2024-01-04,22,1.625,92
"""

Replacements = tuple[tuple[str, str], ...]
Case = tuple[Replacements, Replacements, tuple[str, ...]]


def yml(old: str, new: str, *fragments: str) -> Case:
    return ((old, new),), (), fragments


def csv(old: str, new: str, *fragments: str) -> Case:
    return (), ((old, new),), fragments


END = '  purity: {unit: "%"}\n'

CASES: dict[str, Case] = {
    # YAML
    "key twice": yml(END, END + "batch_id: product\n", "not YAML", "'batch_id' stands twice, first in line 3"),
    "target twice": yml(END, END + END, "'purity' stands twice, first in line 7"),
    "key twice in a table": yml("file: batches.csv", "{file: batches.csv, file: b.csv}", "'file' stands twice"),
    "anchor": yml("batch_id: batch", "batch_id: &a batch\nproduct: *a", "anchors and aliases"),
    "anchor bomb": yml(END, END + "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "anchors and aliases"),
    "deep nesting": yml("[temp*, pressure]", "[" * 3000 + "]" * 3000, "nested too deeply"),
    "NUL in YAML": yml("batch_id: batch", "batch_id: ba\0tch", "not YAML"),
    "escaped NUL": yml("batch_id: batch", r'batch_id: "ba\0tch"', "batch_id holds a control character"),
    "tab": yml("  - file", "\t- file", "not YAML", "line 2"),
    "unclosed": yml("[temp*", "[temp*, [", "not YAML", "line"),
    "python object": yml("batch_id: batch", "batch_id: !!python/object/apply:os.getcwd []", "not YAML", "line 3"),
    "two documents": yml(END, END + "---\na: 1\n", "not YAML"),
    "5,000 digits": yml(END, END + f"max_missing: {'9' * 5000}\n", "not YAML", "a number of 5000 digits"),
    "not UTF-8": yml("unit: ", "unit: \udce4", "not UTF-8: byte 0xe4 in line 7"),
    "empty description": ((("", ""),), (), ("the document is empty",)),
    # keys of the description
    "batch_id is No": yml("batch_id: batch", "batch_id: No", "batch_id is false (YAML reads yes, no, on and off so"),
    "batch_id is empty": yml("batch_id: batch", 'batch_id: ""', "batch_id is empty"),
    "batch_id is a list of lists": yml(
        "batch_id: batch", "batch_id: [[a]]", "batch_id holds a list, expected a list of texts"
    ),
    "misspelt key": yml("product_id:", "productid:", "productid is not known", "did you mean 'product_id'"),
    "number as a key": yml(END, END + "values: {temp: {1: 2}}\n", "values: temp: 1 is a key that is not text"),
    "yes as a key": yml(END, END + "values: {temp: {yes: 2}}\n", "True is a key that is not text; put it in quotes"),
    "values of an unknown column": yml(END, END + "values: {tmp: {a: 1}}\n", "columns are missing: tmp", "'temp'"),
    "infinite value": yml(END, END + "values: {temp: {a: .inf}}\n", "values: temp: a is 'inf', expected a number"),
    "infinite limit": yml('unit: "%"', "plausible: [0, .inf]", "plausible is [0, inf], expected [lower, upper]"),
    "400 digits": yml('unit: "%"', f"plausible: [0, 1{'0' * 80}]", "plausible is [0, 1000", "expected [lower"),
    "limits the wrong way round": yml('unit: "%"', "plausible: [9, 1]", "plausible is [9, 1]"),
    "a limit is a date": yml('unit: "%"', "plausible: [2024-13-01, 9]", "plausible is ['2024-13-01', 9]"),
    "limit is text": yml('unit: "%"', 'plausible: ["0", 9]', "expected [lower, upper]"),
    "max_missing is 2": yml(END, END + "max_missing: 2\n", "max_missing is '2', expected a number from 0 to 1"),
    "max_missing is nan": yml(END, END + "max_missing: .nan\n", "max_missing is 'nan'"),
    "column divided twice": yml(
        END,
        END + "normalise: [{columns: [temp], by: pressure}, {columns: [te*], by: purity}]\n",
        "'temp' is divided twice, by 'pressure' and 'purity'",
    ),
    "column divided by itself": yml(END, END + "normalise: [{columns: [te*], by: temp}]\n", "divided by itself"),
    "feature twice": yml("[temp*, pressure]", "[pressure, pressure]", "features names 'pressure' twice"),
    "empty feature": yml("pressure]", '""]', "features names an empty text"),
    "empty target": yml(END, '  "": {column: purity}\n', "targets: '' can't be a name"),
    "target called batch_id": yml(END, "  batch_id: {column: purity}\n", "'batch_id' can't be a name"),
    "target (intercept)": yml(END, "  (intercept): {column: purity}\n", "'(intercept)' can't be a name"),
    "derived (mean)": yml(END, END + "derived: {(mean): temp * 2}\n", "derived: '(mean)' can't be a name"),
    "two targets of a column": yml(END, END + "  second: {column: purity}\n", "name the column 'purity' 2 times"),
    "brackets are no class": yml("temp*", '"[t]emp"', "features: '[t]emp' fits no column"),
    "all patterns are named": yml("[temp*, pressure]", "[a*, presure]", "'a*' fits no column", "'presure' fits no"),
    "mu for micro": ((("temp*", "μm"),), ((",temp,", ",µm,"),), (r"'\xb5m' looks the same as '\u03bcm'",)),
    "feature is the id": yml("[temp*, pressure]", "[temp*, batch]", "columns can't be features: batch"),
    "file is a folder above": yml("batches.csv", "../batches.csv", "expected a path below the location's folder"),
    "file is absolute": yml("batches.csv", "/etc/hostname", "expected a path below the location's folder"),
    "file in another case": yml("batches.csv", "Batches.csv", "'Batches.csv' is missing, did you mean 'batches.csv'"),
    "file is empty": yml("file: batches.csv", 'file: ""', "file is empty"),
    "delimiter of two characters": yml("batches.csv", 'batches.csv\n    delimiter: ",,"', "expected one character"),
    "delimiter is a quote": yml("batches.csv", "batches.csv\n    delimiter: '\"'", "delimiter is '\"'"),
    "delimiter is a line feed": yml("batches.csv", 'batches.csv\n    delimiter: "\\n"', "delimiter is"),
    "decimal is a letter": yml("batches.csv", "batches.csv\n    decimal: x", "decimal is 'x'"),
    "encoding is NUL": yml("batches.csv", 'batches.csv\n    encoding: "\\0"', "encoding"),
    "encoding is no text encoding": yml("batches.csv", "batches.csv\n    encoding: base64", "encoding is 'base64'"),
    "encoding unknown": yml("batches.csv", "batches.csv\n    encoding: ansi-x", "encoding is 'ansi-x'"),
    "unknown zone": yml(
        END,
        END + "order_by: {column: day, format: '%Y-%m-%d', zone: Europe/Berln}\n",
        "zone is 'Europe/Berln', which is no time zone, did you mean 'Europe/Berlin'",
    ),
    "zone is a path": yml(
        END, END + "order_by: {column: day, format: '%Y-%m-%d', zone: ../UTC}\n", "which is no time zone"
    ),
    "zone with offsets": yml(
        END, END + "order_by: {column: day, format: '%Y-%m-%d %z', zone: Europe/Berlin}\n", "zone is not needed"
    ),
    "zone of a number": yml(END, END + "order_by: {column: day, format: number, zone: UTC}\n", "zone is for times"),
    "%Q in a format": yml(END, END + "order_by: {column: day, format: '%Q'}\n", "where %Q names no part of a time"),
    "a format without a year": yml(END, END + "order_by: {column: day, format: '%d.%m. %H:%M'}\n", "without a year"),
    "hours to 12 alone": yml(END, END + "order_by: {column: day, format: '%Y-%m-%d %I:%M'}\n", "expected %I"),
    "PM beside hours to 24": yml(END, END + "order_by: {column: day, format: '%Y-%m-%d %H:%M %p'}\n", "or %H alone"),
    "accepted warnings of nothing": yml(END, END + "accept_warnings: [nope]\n", "'nope' fits no column"),
    "format of nothing": yml(END, END + "order_by: {column: day, format: day}\n", "where nothing names a part"),
    "time in another format": yml(
        END, END + "order_by: {column: day, format: '%d.%m.%Y'}\n", "4 rows have no time", "row 2: '2024-01-01'"
    ),
    "order by nothing": yml(END, END + "order_by: {column: dya, format: number}\n", "'dya'", "did you mean 'day'"),
    "order by words": yml(
        END, END + "order_by: {column: day, format: number}\n", "row 2: '2024-01-01' is not a number"
    ),
    "key of folds unknown": yml(END, END + "cross_validate_by: lot\n", "'lot' of cross_validate_by is missing"),
    "derived loop": yml(END, END + "derived: {a: b + temp, b: temp}\n", "'a' uses b before it is computed"),
    "derived calls": yml(END, END + "derived: {a: exp(temp)}\n", "the function 'exp' is not known"),
    "derived without a value": yml(END, END + "derived: {a: log(temp - 99)}\n", "every row was left out", "4 × a ="),
    "derived too large": yml(END, END + "derived: {a: temp ** 99}\n", "every row was left out", "4 × a ="),
    "derived from text": yml(END, END + "derived: {a: log(day)}\n", "cells are no numbers", "row 2, day"),
    "censored, not declared": csv("20,1.5", "<20,1.5", "row 2, temp: '<20'", "say what censored values become"),
    "censored by a rule that is none": yml(END, END + "censored: {temp: third}\n", "is 'third', expected one of limit"),
    "censored twice": yml(END, END + "censored: {temp: half, te*: limit}\n", "'temp' fits two patterns"),
    "half of a limit above": (((END, END + "censored: {temp: half}\n"),), (("20,", ">20,"),), ("temp: '>20'",)),
    "thousands is the decimal": yml("batches.csv", "batches.csv\n    thousands: '.'", "thousands is the decimal"),
    # ids
    "ids with a no-break space": (
        (),
        (("B1,", "B 1,"), ("B2,", "B\xa01,")),
        ("two ids in 'batch' look the same", r"'B 1' and 'B\xa01'"),
    ),
    "ids with a zero-width space": csv("B2,", "B1\u200b,", "ids in 'batch' look the same", r"'B1\u200b'"),
    "ids in two Unicode forms": ((), (("B1", "é1"), ("B2", "e\u03011")), ("look the same", r"'e\u03011'")),
    "products with micro and mu": ((), (("B1,P", "B1,µ"), ("B2,P", "B2,μ")), ("ids in 'product' look the same",)),
    "products differ in case": csv("B2,P", "B2,p", "two product ids differ only in case"),
    "id of 5,000 digits": csv("B2,P,", f"B2,{'9' * 5000},", "an id can't be used as a folder's name"),
    "hive's word for nothing": csv("B2,P,", "B2,__HIVE_DEFAULT_PARTITION__,", "an id can't be used as a folder's"),
    "control character in an id": csv("B2,", "B\x072,", "line break or another control character"),
    "a batch twice": csv("B2,", "B1,", "duplicate batch ids", "B1 (rows 2 and 3)"),
    "no ids": csv("batch,product", "batch,product,x", "another number of cells"),
    "no batch, one product": yml("product_id: product", 'product: ""', "product_id is missing"),
    "product and product_id": yml("product_id: product", "product: p\nproduct_id: product", "product stands beside"),
    "part of an id is missing": yml("batch_id: batch", "batch_id: [batch, yeer]", "the column 'yeer' is missing"),
    "ids that become one": (
        (("batch_id: batch", "batch_id: [batch, product]"),),
        (("B1,P,", "B-1,P,"), ("B2,P,", "B,1-P,")),
        ("two ids of batch, product become one text", "('B-1', 'P') and ('B', '1-P'): 'B-1-P'"),
    ),
    # cells and columns
    "column twice": csv("day,temp", "temp,temp", "column names appear twice: temp"),
    "column twins": csv("day,temp", "temp\u200b,temp", "two column names look the same", r"'temp\u200b' and 'temp'"),
    "column (mean)": ((("temp*", '"*"'),), ((",temp,", ",(mean),"), (",day,", ",d,")), ("can't be called (mean)",)),
    "decimal comma": csv("20,1.5", '"20,5",1.5', "cells are no numbers", "'20,5'", "say decimal: ','"),
    "word": csv("20,1.5", "warm,1.5", "batches.csv row 2, temp: 'warm'"),
    "thousands": csv("20,1.5", "1'020,1.5", 'row 2, temp: "1\'020"'),
    "Arabic digits": csv("20,1.5", "٢٠,1.5", "row 2, temp"),
    "all targets beyond": (
        (),
        ((",90\n", ",1e200\n"), (",91\n", ",inf\n"), (",89\n", ",-1e308\n"), (",92\n", ",nan\n")),
        ("every row was left out", "4 × purity: not finite, or beyond 1e+50"),
    ),
    "no feature varies": (
        (("[temp*, pressure]", "[temp]"),),
        ((",21,", ",20,"), (",19,", ",20,"), (",22,", ",20,")),
        ("no feature is left", "temp (never varies)"),
    ),
    "no feature is allowed": yml(END, END + 'never_features: ["*"]\n', "columns can't be features: pressure"),
}


def prepare(folder: Path, description: bytes, export: bytes) -> list[BatchAIError]:
    plant = folder / "plant"
    plant.mkdir()
    (plant / "location.yml").write_bytes(description)
    (plant / "batches.csv").write_bytes(export)
    run = prepare_locations({"plant": plant}, folder / "prepared", min_batches=2)
    return list(run.failed.get("plant", ()))


def check(errors: list[BatchAIError], fragments: tuple[str, ...]) -> None:
    message = "\n".join(map(str, errors))
    assert all(fragment in message for fragment in fragments), message
    assert all(error.exit_code in {2, 3} for error in errors), message
    assert all(len(str(error).splitlines()) <= 8 for error in errors), message


@pytest.mark.fault(NAMED_INPUT)
@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_named(case: str, tmp_path: Path) -> None:
    in_yml, in_csv, fragments = CASES[case]
    description, export = YML, CSV
    for old, new in in_yml:
        assert old in description
        description = description.replace(old, new, 1) if old else ""
    for old, new in in_csv:
        assert old in export
        export = export.replace(old, new, 1)
    check(prepare(tmp_path, description.encode(errors="surrogateescape"), export.encode()), fragments)


FILES = {
    "workbook": (b"PK\x03\x04" + bytes(50), "an Excel workbook or a ZIP archive inside"),
    "gzip": (gzip.compress(CSV.encode()), "compressed with gzip inside"),
    "parquet": (b"PAR1" + bytes(50), "Parquet inside"),
    "UTF-16": (CSV.encode("utf-16"), "say encoding: utf-16"),
    "cp1252": (CSV.replace("B1", "Bä").encode("cp1252"), "the file is not utf-8"),
    "empty": (b"", "the file is empty"),
    "blank": (b"\n\n \n", "the file"),
    "header": (CSV.splitlines()[0].encode(), "the file has a header and no rows"),
    "NUL": (CSV.replace("20,1.5", "\0,1.5").encode(), "row 2"),
    "unclosed quote": (CSV.replace("B1", '"B1').encode(), "a row can't be read"),
    "ragged": (CSV.replace("B1,", "B1,,").encode(), "row 2: 7 cells"),
}


@pytest.mark.fault(NAMED_INPUT)
@pytest.mark.parametrize("case", FILES)
def test_a_file_that_is_not_what_it_should_be_is_named(case: str, tmp_path: Path) -> None:
    content, fragment = FILES[case]
    check(prepare(tmp_path, YML.encode(), content), (fragment,))


ON_ONE_CORE = """
import os, sys
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])  # before Arrow counts its threads
from pathlib import Path
from test.data_preparation.batchai.hostile_input_test import CSV, YML, prepare
for number, header in enumerate(eval(sys.argv[1])):
    folder = Path(sys.argv[2], str(number))
    folder.mkdir()
    (error,) = prepare(folder, YML.encode(), header + CSV[CSV.index("\\n"):].encode())
    print(error.exit_code, str(error).splitlines()[0])
"""
HEADERS = [
    b"\xff" * 40,
    b"\0" * 40,
    b'"batch,product',
    b"batch",
    b"\x81," * 6,
    b"ba\0tch,product,day,temp,pressure,purity",
]


@pytest.mark.fault(NAMED_INPUT)
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system can't hold a process to one core")
def test_a_corrupt_header_on_one_core_is_an_error(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ON_ONE_CORE, repr(HEADERS), str(tmp_path)]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line[:2] for line in done.stdout.splitlines()] == ["3 "] * len(HEADERS)


NAMES = ["yield %.csv", "T °C.csv", "lab–2024.csv", "🧪.csv", "con.csv", "a b/lab [1].csv", "100%.csv", "%41.csv"]
LOCATIONS = ["😀", "con", "plant:1", "Werk 50 %", "a°", "Übersee–West", "x."]


@pytest.mark.fault(NAMED_INPUT)
@pytest.mark.parametrize("name", NAMES)
def test_a_file_may_have_any_name(name: str, tmp_path: Path) -> None:
    source = tmp_path / "source" / "plant"
    (source / name).parent.mkdir(parents=True)
    (source / name).write_text(CSV)
    (source / "location.yml").write_text(YML.replace("batches.csv", f'"{name}"'), encoding="utf-8")
    assert run_script_on(tmp_path) == 0
    assert PreparedFolder.open(tmp_path / "prepared").read("plant").groups[0].batch_ids.tolist() == [
        "B1",
        "B2",
        "B3",
        "B4",
    ]


@pytest.mark.fault(NAMED_INPUT)
@pytest.mark.parametrize("location", LOCATIONS)
def test_a_location_keeps_its_name(location: str, tmp_path: Path) -> None:
    source = tmp_path / "source" / location
    source.mkdir(parents=True)
    (source / "batches.csv").write_text(CSV)
    (source / "location.yml").write_text(YML)
    assert run_script_on(tmp_path, "--location", location) == 0
    folder = PreparedFolder.open(tmp_path / "prepared")
    assert folder.locations == (location,)
    assert folder.read(location).groups


def test_brackets_in_a_column_are_brackets(tmp_path: Path) -> None:
    plant = tmp_path / "plant"
    plant.mkdir()
    (plant / "batches.csv").write_text(CSV.replace(",temp,", ",T [C],"))
    text = YML.replace("[temp*, pressure]", '["T [*", pressure]') + "derived: {warm: '`T [C]` - 20'}\n"
    (plant / "location.yml").write_text(text)
    run = prepare_locations({"plant": plant}, tmp_path / "prepared", min_batches=2)
    assert run.done[0].prepared.feature_names == ("T [C]", "pressure", "warm")
    assert PreparedFolder.open(tmp_path / "prepared").read("plant").feature_names == ("T [C]", "pressure", "warm")


@pytest.mark.fault(NO_BAD_NUMBER)
def test_values_that_no_measurement_is_are_left_out_with_file_and_row(tmp_path: Path) -> None:
    assert not prepare(
        tmp_path, YML.encode(), CSV.replace("21,1.25,91", "1e51,-inf,1e200").replace("19,", "nan,").encode()
    )
    rejected = (tmp_path / "prepared" / "rejected.csv").read_text().splitlines()
    reason = '"not finite, or beyond 1e+50, which no measurement is"'
    assert rejected[1:] == [
        f"plant,P,B2,batches.csv,3,temp,1e51,{reason}",
        f"plant,P,B3,batches.csv,4,temp,nan,{reason}",
        f"plant,P,B2,batches.csv,3,pressure,-inf,{reason}",
        f"plant,P,B2,batches.csv,3,purity,1e200,{reason}",
    ]
    (group,) = PreparedFolder.open(tmp_path / "prepared").read("plant").groups
    assert group.batch_ids.tolist() == ["B1", "B3", "B4"]
    assert not len(group.pending.batch_ids)


def test_censored_values_become_what_is_declared_or_are_listed(tmp_path: Path) -> None:
    text = YML + "censored: {temp: half, pressure: leave_out, purity: leave_out}\n"
    export = CSV.replace("21,1.25,91", "<10,<2,<91").replace("22,1.625", "22,>1.625")
    assert not prepare(tmp_path, text.encode(), export.encode())
    rejected = (tmp_path / "prepared" / "rejected.csv").read_text().splitlines()
    assert rejected[1:] == [
        "plant,P,B2,batches.csv,3,pressure,<2,only a limit is known (censored: leave_out)",
        "plant,P,B4,batches.csv,5,pressure,>1.625,only a limit is known (censored: leave_out)",
        "plant,P,B2,batches.csv,3,purity,<91,only a limit is known (censored: leave_out)",
    ]
    (group,) = PreparedFolder.open(tmp_path / "prepared").read("plant").groups
    np.testing.assert_array_equal(group.features, [[20, 1.5], [19, 1.75], [22, np.nan]])


def test_a_number_that_is_a_text_stays_as_it_was_written(tmp_path: Path) -> None:
    text = YML.replace("batches.csv", "batches.csv\n    missing: [-999.00, 007]")
    assert not prepare(tmp_path, text.encode(), CSV.replace("20,1.5", "-999.00,007").encode())


def run_script_on(root: Path, *arguments: str) -> int:
    folders = ["--inputs_folder", str(root / "inputs"), "--prepared_folder", str(root / "prepared")]
    return main(["--input_url", str(root / "source"), *folders, *arguments])
