"""Sheets of Excel workbooks as tables of text, as Excel keeps them: what a cell was formatted to look like is lost."""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from src.common.errors import DataError, did_you_mean, some_of
from src.common.tables import TextTable, make_table

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook

SUFFIXES = (".xlsx", ".xlsm")


def is_workbook(name: str) -> bool:
    """Whether a file's name is that of a workbook."""
    return name.lower().endswith(SUFFIXES)


def read_workbook(
    path: Path, *, sheet: str = "", decimal: str = ".", header: Sequence[str] = (), shown: object = None
) -> TextTable:
    """Read a sheet.

    Args:
        path: The workbook.
        sheet: The name of the sheet; empty for the only one.
        decimal: The decimal sign that numbers get, as texts of the sheet may have it.
        header: The names of the columns, where the sheet has none; else its first row holds them.
        shown: What errors call the file; None for its path.

    Returns:
        The sheet. Whole numbers have no decimals, times look like ``2024-05-01 12:00:00``, truth is TRUE or FALSE. The
        lines are the rows of the sheet.

    Raises:
        DataError: It is no workbook, has no such sheet, merged cells, or formulas that were never computed.
    """
    where = path if shown is None else shown
    values, formulas = _open(path, where, computed=True), _open(path, where, computed=False)
    name = _sheet_name(values, sheet, where)
    place = f"{where}, sheet {name!r}"
    merged = [str(cells) for cells in formulas[name].merged_cells.ranges]
    if merged:
        raise DataError(
            "cells are merged, so the others of them are empty",
            where=place,
            found=some_of(merged),
            hint="unmerge them and fill each in the workbook",
        )
    rows = []
    unknown = []
    for number, (shown_row, written) in enumerate(zip(values[name].rows, formulas[name].rows, strict=True), start=1):
        cells = [cell_text(cell.value, decimal) for cell in shown_row]
        unknown += [
            cell.coordinate for cell, text in zip(written, cells, strict=True) if cell.data_type == "f" and not text
        ]
        if any(cells):
            rows.append((number, cells))
    if unknown:
        raise DataError(
            "formulas have no value: the workbook was saved by a program that does not compute them",
            where=place,
            found=some_of(unknown),
            hint="open it in Excel or LibreOffice and save it",
        )
    return make_table(path, _without_empty_columns(rows), header=header, shown=place)


def _without_empty_columns(rows: list[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    """Rows without the columns at their end that only have a format."""
    width = max((place + 1 for _, cells in rows for place, cell in enumerate(cells) if cell), default=0)
    return [(number, cells[:width]) for number, cells in rows]


def _open(path: Path, where: object, *, computed: bool) -> Workbook:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and extensions that no value depends on
            return load_workbook(path, data_only=computed)
    except (InvalidFileException, BadZipFile, KeyError, ValueError, EOFError, SyntaxError) as error:
        raise DataError(
            "the workbook can't be read", where=where, found=error, expected="an .xlsx file", hint="save it again"
        ) from error


def _sheet_name(workbook: Workbook, sheet: str, where: object) -> str:
    names = [found.title for found in workbook.worksheets]
    if sheet in names:
        return sheet
    if not sheet and len(names) == 1:
        return str(names[0])
    raise DataError(
        f"there is no sheet {sheet!r}{did_you_mean(sheet, names)}"
        if sheet
        else f"the workbook has {len(names)} sheets",
        where=where,
        found=some_of(names, most=12),
        expected="the name of one of them",
        hint="say sheet in location.yml",
    )


def cell_text(value: Any, decimal: str, *, strip: bool = True) -> str:
    """A typed value as it stands in a table of text: whole numbers have no decimals, truth is TRUE or FALSE."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return (str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)).replace(".", decimal)
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ", timespec="auto" if value.microsecond else "seconds")
    return str(value).strip() if strip else str(value)
