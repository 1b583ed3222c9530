"""Text files of other systems: decoded, or named for what they are."""

from __future__ import annotations

from pathlib import Path

from src.common.errors import DataError, did_you_mean, some_of

NEWLINE = b"\n"
_FORMATS = (
    (b"PK\x03\x04", "an Excel workbook or a ZIP archive", "name it .xlsx, or unpack it"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save it as .xlsx or CSV"),
    (b"\x1f\x8b", "compressed with gzip", "unpack it"),
    (b"PAR1", "Parquet", "name it .parquet"),
    (b"%PDF", "a PDF", "export the table as CSV"),
)


def read_text(path: Path, *, encoding: str, shown: object) -> str:
    """Read a text file.

    Args:
        path: The file.
        encoding: The name of its encoding.
        shown: What errors call it.

    Raises:
        DataError: It is missing, in another encoding, or no text at all.
    """
    return _decode(_read(path), shown, encoding)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        folder = path.parent
        present = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
        raise DataError(
            f"the file {path.name!r} is missing{did_you_mean(path.name, present)}",
            where=folder,
            found=some_of(present, most=12) or ("an empty folder" if folder.is_dir() else "no such folder"),
            expected=path.name,
            hint="check the name, or export it again",
        ) from None


def _decode(data: bytes, path: object, encoding: str) -> str:
    _refuse_other_format(data, path, encoding)
    try:
        return data.decode("utf-8-sig" if encoding.lower().replace("_", "-") in {"utf-8", "utf8"} else encoding)
    except LookupError as error:
        raise DataError(
            f"{encoding} is no text encoding",
            where=path,
            expected="utf-8, cp1252, cp1250, utf-16, …",
            hint="correct the encoding in location.yml",
        ) from error
    except UnicodeError as error:
        start = getattr(error, "start", 0)
        raise DataError(
            f"the file is not {encoding}",
            where=f"{path}, row {data[:start].count(NEWLINE) + 1}",
            found=f"byte 0x{data[start]:02x}" if start < len(data) else "too few bytes",
            expected=f"text in {encoding}",
            hint="name the file's encoding in location.yml, such as cp1252 or cp1250",
        ) from error


def _refuse_other_format(data: bytes, path: object, encoding: str) -> None:
    """Name a file that is no text for what it is, since no encoding would make it one."""
    for start, what, hint in _FORMATS:
        if data.startswith(start):
            raise DataError(f"the file is {what} inside", where=path, expected="a delimited text file", hint=hint)
    utf_16 = data[:2] in {b"\xff\xfe", b"\xfe\xff"}
    if utf_16 and "16" not in encoding and "32" not in encoding:
        raise DataError(
            f"the file is not {encoding}",
            where=path,
            found="the byte order mark of UTF-16",
            expected=f"text in {encoding}",
            hint="say encoding: utf-16 in location.yml",
        )
