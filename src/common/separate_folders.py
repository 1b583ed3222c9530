"""Folders that settings name have to be apart: what one step writes must not be what another one reads or replaces."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from src.common.errors import SettingsError

if TYPE_CHECKING:
    from src.common.settings import Settings

OUTPUTS = "OUTPUTS_DIR"


def refuse_shared_folders(settings: Settings) -> None:
    """Refuse settings of which two name the same folder, or folders that lie in one another.

    Only `OUTPUTS_DIR` may hold the folders of other settings, since it is made of folders itself.

    Raises:
        SettingsError: There are such settings; all of them are named.
    """
    problems = []
    for (name, folder), (other_name, other) in combinations(_folders(settings), 2):
        if folder == other:
            problems.append(f"{name} and {other_name} name the same folder: {folder}")
        elif folder.is_relative_to(other) and other_name != OUTPUTS:
            problems.append(f"{name} lies in {other_name}: {folder}")
        elif other.is_relative_to(folder):
            problems.append(f"{other_name} lies in {name}: {other}")
    if problems:
        raise SettingsError(
            "\n".join(problems),
            expected="a folder of its own for each: a step replaces all that lies in its results",
            hint="correct them in .env.local or the environment",
        )


def _folders(settings: Settings) -> Iterator[tuple[str, Path]]:
    """The folders by their variables; that of the outputs comes last."""
    from src.common.settings import PROJECT_ROOT

    if "://" not in settings.input_url:
        yield "BATCHAI_INPUT_URL", _real(PROJECT_ROOT / Path(settings.input_url).expanduser())
    yield "DATAPREP_INPUTS_DIR", _real(settings.inputs_folder)
    yield "DATAPREP_OUTPUTS_DIR", _real(settings.prepared_folder)
    yield "TRAINING_OUTPUT_DIR", _real(settings.training_folder)
    yield OUTPUTS, _real(settings.outputs_folder)


def _real(folder: Path) -> Path:
    return Path(os.path.realpath(folder))
