"""Letters of two alphabets that look the same: pairs as in Unicode's confusables.txt (UTS 39, revision 28)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from src.data_preparation.batchai.category_description import CategoryDescription
from src.data_preparation.batchai.preparation import Preparation
from test.data_preparation.batchai.preparation_test import DESCRIPTION, run

CONFUSABLE = ["\u0410A", "\u0412B", "\u0415E", "\u041aK", "\u041cM", "\u041dH", "\u041eO", "\u0420P", "\u0421C"]
CONFUSABLE += ["\u0422T", "\u0425X", "\u0430a", "\u0435e", "\u043eo", "\u0440p", "\u0441c", "\u0445x", "\u0456i"]
CONFUSABLE += ["\u0391A", "\u0392B", "\u0395E", "\u0396Z", "\u0397H", "\u0399I", "\u039aK", "\u039cM", "\u039dN"]
CONFUSABLE += ["\u039fO", "\u03a1P", "\u03a4T", "\u03a5Y", "\u03a7X", "\u03bfo"]


def prepared(first: str, second: str, *, column: str) -> Preparation:
    rows = ["batch product x1 line purity"]
    for number in range(8):
        cells = {"batch": f"B{number}", "product": "P", "line": "L"}
        cells[column] = f"7{second if number % 2 else first}" + (str(number // 2) if column == "batch" else "")
        rows.append(f"{cells['batch']} {cells['product']} {number * number} {cells['line']} {60 + number * 3 % 7}")
    return run("\n".join(rows), replace(DESCRIPTION, categories=(CategoryDescription("line", rare=1),)))


@pytest.mark.parametrize("pair", CONFUSABLE)
def test_products_that_look_the_same_are_named(pair: str) -> None:
    (warning,) = prepared(pair[0], pair[1], column="product").warnings
    assert warning.severity == "high"
    assert warning.message.startswith("1 ids in 'product' look like others and have letters of another alphabet: ")
    assert f"'7{pair[1]}' and '7\\u{ord(pair[0]):04x}'" in warning.message


@pytest.mark.parametrize(("column", "what"), [("batch", "4 ids in 'batch'"), ("line", "1 levels of 'line'")])
def test_batches_and_levels_are_named_too(column: str, what: str) -> None:
    (warning,) = prepared("\u0421", "C", column=column).warnings
    assert warning.message.startswith(what)


def test_texts_in_another_alphabet_alone_are_no_warning() -> None:
    """A control: Russian product names, Greek letters beside Latin ones that look different."""
    assert prepared("Сталь", "Бетон", column="product").warnings == ()
    assert prepared("α", "a", column="product").warnings == ()
