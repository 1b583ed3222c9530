"""Files that units of work leave for the next pass, one per unit: sums, or results.

In Azure ML many processes write them into one folder, so no manifest of the folder can say what belongs to it. Each
file says itself what it is of, and holds a digest: a line with these facts, and a line with the content, both JSON.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from src.common.committed_folder import read_manifest, verify_files
from src.common.errors import DataError, IntegrityError
from src.common.json_text import from_json, to_json
from src.common.manifest import MANIFEST_NAME
from src.training.batchai.ridge.borrowing import LocationPool, PooledSums
from src.training.batchai.units.unit_results import UnitResults
from src.training.batchai.units.work_units import WorkUnit, pool_of

WORK, SUMS, FITS = "planned training", "sums of training", "fits of training"
"""Kinds of folders, and of the files in them."""
ARRAYS = ("products", "rows", "inner", "cross", "squares")
"""The numbers of `PooledSums`."""
FORMAT = 2
PLANNED_BY = "python src/training/batchai/batchai_training_plan.py"
MADE_BY = {
    SUMS: "python src/training/batchai/batchai_training_sums.py",
    FITS: "python src/training/batchai/batchai_training_units.py",
}


def read_work(folder: Path) -> list[WorkUnit]:
    """Read the units that were planned, in their order.

    Raises:
        DataError: Nothing was planned.
        IntegrityError: A unit is missing or damaged.
    """
    manifest = read_manifest(folder, kind=WORK, made_by=PLANNED_BY)
    verify_files(folder, manifest)
    return [read_planned(folder / name) for name in manifest.facts["units"]]


def read_planned(path: Path) -> WorkUnit:
    """Read one planned unit.

    Raises:
        IntegrityError: It is missing or damaged.
    """
    try:
        return WorkUnit.from_json(path.read_text(encoding="utf-8"), where=path)
    except (OSError, UnicodeDecodeError) as error:
        raise IntegrityError("a unit of work can't be read", where=path, found=error, hint=PLANNED_BY) from error


def is_planned(path: Path) -> bool:
    """Whether a file of the folder of planned work is a unit; the manifest is none."""
    return path.name != MANIFEST_NAME


def format_sums(unit: WorkUnit, sums: list[list[PooledSums]]) -> bytes:
    """The sums of a unit as a file; floats read back exactly."""
    content = [
        [
            {
                "targets": one.targets,
                "shape": one.cross.shape,
                **{name: getattr(one, name).ravel().tolist() for name in ARRAYS},
            }
            for one in chunk
        ]
        for chunk in sums
    ]
    return _format(SUMS, unit, content)


def read_sums(folder: Path, unit: WorkUnit) -> list[list[PooledSums]]:
    """Read the sums of a unit.

    Raises:
        DataError: They are missing.
        IntegrityError: They are damaged, or of other data.
    """
    return [[_sums(one) for one in chunk] for chunk in _read(SUMS, folder, unit)]


def _sums(document: dict[str, Any]) -> PooledSums:
    import numpy as np

    sets, features, targets = document["shape"]
    shapes = ((sets,), (sets,), (sets, features, features), (sets, features, targets), (sets, targets))
    arrays = (np.asarray(document[name]).reshape(shape) for name, shape in zip(ARRAYS, shapes, strict=True))
    return PooledSums(tuple(document["targets"]), *arrays)


def read_pool(folder: Path, parts: tuple[WorkUnit, ...]) -> LocationPool:
    """Read what all parts of a location say.

    Raises:
        DataError: The sums of a part are missing.
        IntegrityError: They are damaged, or of other data.
    """
    return pool_of([read_sums(folder, part) for part in parts], parts[0].sharing)


def format_fits(unit: WorkUnit, results: UnitResults) -> bytes:
    """The results of a unit as a file."""
    rows = {name: content.decode() for name, content in results.rows.items()}
    return _format(FITS, unit, {"facts": results.facts, "rows": rows})


def read_fits(folder: Path, unit: WorkUnit) -> UnitResults:
    """Read the results of a unit.

    Raises:
        DataError: They are missing.
        IntegrityError: They are damaged, or of other data.
    """
    content = _read(FITS, folder, unit)
    rows = {name: text.encode() for name, text in content["rows"].items()}
    return UnitResults(unit.location, content["facts"], rows)


def _format(kind: str, unit: WorkUnit, content: object) -> bytes:
    body = to_json(content, indent=None).encode()
    facts = {**_facts(kind, unit), "sha256": hashlib.sha256(body).hexdigest()}
    return to_json(facts, indent=None).encode() + b"\n" + body + b"\n"


def _facts(kind: str, unit: WorkUnit) -> dict[str, Any]:
    """What a file is of; `plan` stands for the products, and with the data for the keys that they share."""
    return {
        "kind": kind,
        "format": FORMAT,
        **{name: value for name, value in asdict(unit).items() if name not in ("chunks", "shared", "cuts")},
    }


def _read(kind: str, folder: Path, unit: WorkUnit) -> Any:
    path = folder / unit.file_name
    what = f"unit {unit.number} of {unit.of} of {unit.location}"
    try:
        head, body = path.read_bytes().removesuffix(b"\n").split(b"\n", maxsplit=1)
        facts = from_json(head)
    except FileNotFoundError:
        raise DataError(f"the {kind} miss {what}", where=path, hint=f"run: {MADE_BY[kind]}") from None
    except ValueError as error:
        raise _damaged(kind, what, path, error) from error
    expected = _facts(kind, unit)
    found = {name: facts.get(name) for name in expected} if isinstance(facts, dict) else {}
    if found != expected:
        raise IntegrityError(
            f"the {kind} are of other work than {what}",
            where=path,
            found=found,
            expected=expected,
            hint=f"run: {MADE_BY[kind]}",
        )
    if hashlib.sha256(body).hexdigest() != facts.get("sha256"):
        raise _damaged(kind, what, path, "another SHA-256 than its first line says")
    return from_json(body)


def _damaged(kind: str, what: str, path: Path, found: object) -> IntegrityError:
    return IntegrityError(f"the {kind} of {what} are damaged", where=path, found=found, hint=f"run: {MADE_BY[kind]}")
