"""Every key of a description and every column of its files, wrong in every way: each mistake is named.

The mistakes are made by rule from one plant that uses nearly every key, so that no case was chosen because it works.
"""

from __future__ import annotations

import codecs
import copy
import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from src.common.errors import MAX_LINES
from src.data_preparation.batchai.export_preparation import prepare_export
from src.data_preparation.batchai.preparation import Preparation
from test.faults.promises import NAMED_INPUT

SOURCE = Path(__file__).parents[2] / "resources" / "plants" / "pharma-batches"
DESCRIPTION: dict[str, Any] = yaml.safe_load("""
tables:
  - {file: batches.csv, delimiter: ",", encoding: utf-8, decimal: ".", missing: [n/a], suffixes: ["%"]}
  - file: lots.csv
    join_on: {batch: Batch}
    required: true
    aggregate: {moisture: {rule: mean, weight: kg}, kg: {rule: sum, column: kg}}
batch_id: batch
product_id: product
order_by: {column: released, format: "%Y-%m-%d %H:%M", zone: Europe/Vienna}
features: [input_kg, temperature, moisture]
categories: {supplier: {base: Alpha, rare: 5}}
never_features: [kg]
max_missing: 0.5
values: {line: {a: 1}}
censored: {temperature: half}
normalise: [{columns: [moisture], by: input_kg}]
derived: {warm: temperature * 2}
adjustable: {temperature: {unit: K, max_addition: 5, cost: 1}}
targets: {output: {column: output_kg, unit: kg, plausible: [0, 1000], specification: [1, null], scale: log}}
strict: false
accept_warnings: [temperature]
cross_validate_by: line
shared_batches: false
repeated_rows: false
title: an active ingredient
""")
NAMES = {"join_on", "categories", "values", "censored", "derived", "adjustable", "targets", "aggregate", "line"}
"""Keys below which the names are free."""
NUMBERS = {"batches.csv": ("input_kg", "output_kg", "temperature"), "lots.csv": ("moisture", "kg")}
TEXTS = ("hot", "2024-13-01", '"1,5"', "1 234", "=A1", "#REF!", "1\u200b", "1.2.3", "--5", "0x1A", "½")
TOO_LARGE = ("inf", "1e300", "9" * 5000)


def paths(node: object, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a description."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield (*at, key)
        yield from paths(value, (*at, key))


def changed(path: tuple[Any, ...], value: object = None, *, rename: str = "") -> bytes:
    """The description with another value at a place, or another name of it."""
    document = copy.deepcopy(DESCRIPTION)
    node: Any = document
    for key in path[:-1]:
        node = node[key]
    if rename:
        node[rename] = node.pop(path[-1])
    else:
        node[path[-1]] = value
    return yaml.safe_dump(document, sort_keys=False).encode()


def wrong_descriptions() -> Iterator[tuple[str, str, bytes, str]]:
    """What is wrong, its file, the file's content, and what the error has to name."""
    for path in paths(DESCRIPTION):
        name = next(part for part in reversed(path) if isinstance(part, str))
        shown = ".".join(map(str, path))
        yield f"{shown} nested", "location.yml", changed(path, [["a"]]), name
        yield f"{shown} with a control character", "location.yml", changed(path, "a\x07b"), name
        if path[-1] == name and (len(path) == 1 or path[-2] not in NAMES):
            yield f"{shown} misspelt", "location.yml", changed(path, rename=f"{name}x"), f"{name}x"


def wrong_files() -> Iterator[tuple[str, str, bytes, str]]:
    """As above."""
    for file, numbers in NUMBERS.items():
        text = (SOURCE / file).read_text()
        first, *rows = text.splitlines()
        names = first.split(",")
        whole = {
            "empty": b"",
            "header only": first.encode(),
            "no header": "\n".join(rows).encode(),
            "gzip": gzip.compress(text.encode()),
            "utf-16": text.encode("utf-16"),
            "utf-16 without a mark": text.encode("utf-16-le"),
            "xlsx inside": b"PK\x03\x04" + bytes(99),
            "parquet inside": b"PAR1" + bytes(99),
            "binary": bytes(range(256)) * 4,
            "nul": text.replace(",", ",\0").encode(),
            "semicolons": text.replace(",", ";").encode(),
            "tabs": text.replace(",", "\t").encode(),
            "wrong sep line": b"sep=;\n" + text.encode(),
            "title row": b"Export of 2026\n" + text.encode(),
            "html": b"<html><body>please sign in</body></html>",
            "json": b'[{"batch": "1"}]',
            "two marks": codecs.BOM_UTF8 * 2 + text.encode(),
            "open quote": text.replace(",", ',"', 1).encode(),
            "cut in a row": text[: text.rindex(",")].encode(),
        }
        for what, content in whole.items():
            yield f"{file} {what}", file, content, file
        for place, name in enumerate(names):
            gone = [",".join(cell for at, cell in enumerate(row.split(",")) if at != place) for row in (first, *rows)]
            if name not in {"Lot", "line"}:
                yield f"{name} gone from {file}", file, "\n".join(gone).encode(), name
            if name not in numbers:
                continue
            for cell in (*TEXTS, *TOO_LARGE):
                for count in (1, len(rows)):
                    cells = [row.split(",") for row in rows]
                    for row in cells[-count - 5 : -5] if count == 1 else cells:
                        row[place] = cell
                    content = "\n".join([first, *(",".join(row) for row in cells)]).encode()
                    yield f"{count} {name} {cell[:9]}", file, content, name


CASES = [*wrong_descriptions(), *wrong_files()]


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source") / "plant"
    shutil.copytree(SOURCE, folder)
    (folder / "location.yml").write_text(yaml.safe_dump(DESCRIPTION, sort_keys=False))
    return folder


def test_without_a_mistake_nothing_is_named(plant: Path) -> None:
    ((_, made),) = prepare_export("plant", plant)
    assert isinstance(made, Preparation)
    assert (len(made.rejections), made.warnings, made.dropped) == (1, (), {})  # the level that no measured batch has


@pytest.mark.fault(NAMED_INPUT)
def test_there_are_many_mistakes() -> None:
    assert len({name for name, *_ in CASES}) == len(CASES) >= 300


@pytest.mark.fault(NAMED_INPUT)
@pytest.mark.parametrize(("file", "content", "named"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_mistake_is_named_in_at_most_eight_lines(plant: Path, file: str, content: bytes, named: str) -> None:
    right = (plant / file).read_bytes()
    (plant / file).write_bytes(content)
    try:
        ((_, made),) = prepare_export("plant", plant)
    finally:
        (plant / file).write_bytes(right)
    if isinstance(made, Preparation):
        assert named in {rejection.column for rejection in made.rejections}, "it went on without a word"
        return
    assert any(named in str(error) for error in made), "\n".join(map(str, made))
    for error in made:
        assert error.exit_code != 1, str(error)
        assert len(str(error).splitlines()) <= MAX_LINES
        assert max(map(len, str(error).splitlines())) <= 700
