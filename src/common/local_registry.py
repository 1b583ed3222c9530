"""The model registry of DEV: a folder with a folder per version.

``outputs/registry/<name>/<version>/`` holds ``model/``, the committed folder as it was, and ``registration.json`` with
its tags. A version is written beside its place and renamed into it: it is there whole or not at all, and of two
processes that register at the same moment each gets a number of its own.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from uuid import uuid4

from src.common.committed_folder import copy_committed
from src.common.errors import DataError, IntegrityError
from src.common.files import TEMPORARY_PREFIX, atomic_write, sync_folder
from src.common.model_registry import RegisteredModel
from src.common.paths import encode_key, safe_relative_path

RECORD = "registration.json"
ABANDONED_SECONDS = 86_400


@dataclass(frozen=True)
class LocalRegistry:
    """A registry in a folder.

    Attributes:
        root: The folder; it need not be there yet.
    """

    root: Path

    def newest(self, name: str) -> RegisteredModel | None:
        """The newest version of a model; None if there is none."""
        return next(self._versions(name), None)

    def get(self, name: str, version: int) -> RegisteredModel | None:
        """One version of a model; None if there is none."""
        home = self._home(name)
        known = version in self._numbers(home)
        return RegisteredModel(name, version, self._tags(home / str(version) / RECORD)) if known else None

    def find(self, name: str, *, tag: str, value: str) -> RegisteredModel | None:
        """The newest version that has a tag with this value; None if there is none."""
        return next((model for model in self._versions(name) if model.tags.get(tag) == value), None)

    def register(self, folder: Path, name: str, tags: Mapping[str, str]) -> RegisteredModel:
        """Register the files of a committed folder as a new version.

        Raises:
            IntegrityError: The files are not what its manifest says.
        """
        home = self._home(name)
        home.mkdir(parents=True, exist_ok=True)
        _sweep_old(home)
        staging = home / f"{TEMPORARY_PREFIX}{uuid4().hex}"
        staging.mkdir()
        try:
            copy_committed(folder, staging / "model")
            now = datetime.now(timezone.utc).isoformat(timespec="seconds")
            record = {"name": name, "registered": now, "tags": dict(tags)}
            atomic_write(staging / RECORD, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
            version = self._move_into_place(staging, home)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        return RegisteredModel(name, version, dict(tags))

    def download(self, model: RegisteredModel, folder: Path) -> Path:
        """Copy the files of a version below a folder. Returns the folder that holds them.

        Raises:
            IntegrityError: The files are not what was registered.
        """
        home = self._home(model.name) / str(model.version)
        try:
            copy_committed(home / "model", folder / "model")
        except DataError as error:
            raise IntegrityError(
                f"{model.name} version {model.version} is not what was registered",
                where=home / "model",
                found=error.found or error.what,
                hint=f"name another version, or delete the folder {home} to give this one up",
            ) from error
        return folder / "model"

    def _move_into_place(self, staging: Path, home: Path) -> int:
        version = max(self._numbers(home), default=0) + 1
        while True:
            try:
                staging.rename(home / str(version))  # fails where somebody else has just taken that number
            except OSError:
                if not (home / str(version)).exists():
                    raise
                version += 1
            else:
                sync_folder(home)
                return version

    def _versions(self, name: str) -> Iterator[RegisteredModel]:
        """All versions, the newest first."""
        home = self._home(name)
        for version in sorted(self._numbers(home), reverse=True):
            yield RegisteredModel(name, version, self._tags(home / str(version) / RECORD))

    def _tags(self, path: Path) -> dict[str, str]:
        try:
            return dict(json.loads(path.read_text(encoding="utf-8"))["tags"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise IntegrityError(
                "the record of a registered model can't be read",
                where=path,
                found=error,
                hint=f"restore it, or delete the folder {path.parent} to give this version up",
            ) from error

    def _numbers(self, home: Path) -> list[int]:
        if not home.is_dir():
            return []
        return [int(entry.name) for entry in home.iterdir() if entry.name.isdecimal() and entry.is_dir()]

    def _home(self, name: str) -> Path:
        # dots and slashes are encoded first, then what only Windows can't have, such as CON
        return self.root / safe_relative_path(encode_key(name))


def _sweep_old(home: Path) -> None:
    """Remove what killed registrations left behind; a young one may still be at work."""
    for entry in home.glob(f"{TEMPORARY_PREFIX}*"):
        with suppress(FileNotFoundError):
            if time.time() - entry.stat().st_mtime > ABANDONED_SECONDS:
                shutil.rmtree(entry, ignore_errors=True)
