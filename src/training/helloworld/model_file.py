"""The model of helloworld on the disk: JSON, with the digest of the file in its manifest."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from src.common.committed_folder import read_manifest, replace_folder, verify_files
from src.common.errors import IntegrityError
from src.common.json_text import from_json
from src.common.made import made_now
from src.common.skills import SKILLS, format_skills
from src.training.helloworld.linear_model import MADE_BY, LinearModel

KIND = "helloworld model"
MODEL_FILE = "model.json"


def save_model(folder: Path, model: LinearModel, *, data_version: str = "", source_version: str = "") -> None:
    """Write a model; the old one stays whole until the new one is."""
    with replace_folder(folder, kind=KIND) as staged:
        staged.write_json(MODEL_FILE, asdict(model))
        skill = 1 - model.rmse / model.rmse_mean
        staged.write(SKILLS, format_skills([("progression", max(1, len(model.residuals)), skill)]))
        staged.facts.update(name="helloworld", data_version=data_version)
        staged.made.update(made_now(source_version))


def load_model(folder: Path) -> LinearModel:
    """Read the model that `save_model` wrote.

    Raises:
        DataError: There is none.
        IntegrityError: It is not what was written.
    """
    verify_files(folder, read_manifest(folder, kind=KIND, made_by=MADE_BY))
    file = folder / MODEL_FILE
    try:
        document = from_json(file.read_bytes())
        document.update({name: tuple(document[name]) for name in ("residuals", "residuals_mean")})
        return LinearModel(**document)
    except (TypeError, KeyError) as error:
        raise IntegrityError(
            "the model is of another version", where=file, found=error, hint=f"train again: {MADE_BY}"
        ) from error
