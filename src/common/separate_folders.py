"""Folders that settings name have to be apart: what one step writes must not be what another one reads or replaces."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import fields
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from src.common.errors import SettingsError
from src.common.setting_values import PROJECT_ROOT, source

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
    """The folders by their variables: the sources first, that of the outputs last."""
    values = [(item.metadata, getattr(settings, item.name)) for item in fields(settings)]
    for about, value in values:
        if about["parse"] is source and "://" not in value:
            yield about["variable"], _real(PROJECT_ROOT / Path(value).expanduser())
    folders = {about["variable"]: _real(value) for about, value in values if isinstance(value, Path)}
    outputs = folders.pop(OUTPUTS)
    yield from folders.items()
    yield OUTPUTS, outputs


def _real(folder: Path) -> Path:
    return Path(os.path.realpath(folder))
