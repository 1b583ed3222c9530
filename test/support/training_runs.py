"""Prepare and train into folders of a test, and what was written."""

from __future__ import annotations

from pathlib import Path

from src.data_preparation.batchai import batchai_datapreparation
from src.training.batchai import batchai_training


def prepare(source: Path, folder: Path) -> Path:
    """Prepare the exports of a folder. Returns the prepared data."""
    arguments = ["--inputs_folder", str(folder / "inputs"), "--prepared_folder", str(folder / "prepared")]
    assert batchai_datapreparation.main(["--input_url", str(source), *arguments]) == 0
    return folder / "prepared"


def train(prepared: Path, folder: Path, *arguments: str) -> dict[str, bytes]:
    """Train, and return all files that were written."""
    folders = ["--training_folder", str(folder / "results"), "--model_folder", str(folder / "model")]
    assert batchai_training.main(["--prepared_folder", str(prepared), *folders, *arguments]) == 0
    return content(folder)


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a folder by its path in it."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
