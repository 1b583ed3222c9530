"""Small committed folders to register, and what a registry gives back."""

from __future__ import annotations

from pathlib import Path

from src.common.committed_folder import replace_folder
from src.common.model_registry import ModelRegistry, RegisteredModel
from test.support.trees import read_tree

FILES = {"model.json": b'{"slope": 1}\n', "part/table.csv": b"a,b\r\n1,\xff\x00\n", "empty.csv": b""}


def committed(folder: Path, files: dict[str, bytes] | None = None) -> Path:
    """Commit files to a folder, as training does with a model. Returns the folder."""
    with replace_folder(folder, kind="model") as staged:
        for name, content in (FILES if files is None else files).items():
            staged.write(name, content)
        staged.facts["data_version"] = "0123456789ab"
    return folder


def downloaded(registry: ModelRegistry, model: RegisteredModel) -> dict[str, bytes]:
    """Every file of a registered model, with its bytes."""
    with registry.files(model) as folder:
        return read_tree(folder)
