"""What a DEV run leaves behind: ``outputs/runs/<id>/``, and a page that compares the last ones.

- ``run.json``: pipeline, parameters, settings (no secret), commit, versions, what each step did and how long it took;
- ``log.txt``: what the runner and the steps printed;
- the tables that the pipeline's folders name as worth keeping, such as ``rmse.csv`` and ``decision.json``.

A run in which every step was skipped leaves nothing: nothing ran, and it has to stay fast.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from uuid import uuid4

from ml_service.pipeline import Pipeline
from src.common.console import Stopwatch, recorded
from src.common.errors import BatchAIError
from src.common.files import atomic_write
from src.common.json_text import from_json, to_json
from src.common.redaction import redacted
from src.common.setting_values import source
from src.common.settings import Settings
from src.common.sources.container_url import is_blob_url, without_secrets

_RUN = re.compile(r"\d{8}T\d{6}-[0-9a-f]{4}")
RECORD, LOG, INDEX = "run.json", "log.txt", "index.html"
INTERRUPTED, FINISHED, FAILED = "interrupted", "finished", "failed"
LIBRARIES = ("numpy", "pyarrow", "scikit-learn")


@dataclass
class RunRecord:
    """What is known of a run; `run.json` holds it. Until the run has ended its status is that it was interrupted."""

    id: str
    pipeline: str
    parameters: dict[str, str]
    settings: dict[str, str]
    started: str
    commit: str
    changed_files: bool
    versions: dict[str, str]
    status: str = INTERRUPTED
    seconds: float = 0.0
    steps: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Recorder:
    """Records one run, from the first step that runs.

    Attributes:
        pipeline: What runs.
        settings: Its settings.
        parameters: The values of its parameters.
    """

    pipeline: Pipeline
    settings: Settings
    parameters: Mapping[str, str]
    record: RunRecord | None = None
    _watch: Stopwatch = field(default_factory=Stopwatch)

    @property
    def root(self) -> Path:
        """The folder of all runs."""
        return self.settings.outputs_folder / "runs"

    @property
    def folder(self) -> Path:
        """The folder of this run, which has begun."""
        if self.record is None:
            raise RuntimeError("nothing has run yet")
        return self.root / self.record.id

    @property
    def log(self) -> Path:
        """The file for what is printed."""
        return self.folder / LOG

    def begin(self) -> None:
        """Note that a step is about to run. The first time makes the folder."""
        if self.record is not None:
            return
        now = datetime.now(timezone.utc)
        commit, changed = _git(self.pipeline.root)
        self.record = RunRecord(
            id=f"{now:%Y%m%dT%H%M%S}-{uuid4().hex[:4]}",
            pipeline=self.pipeline.name,
            parameters={name: redacted(value) for name, value in self.parameters.items()},
            settings=shown_settings(self.settings),
            started=now.isoformat(timespec="seconds"),
            commit=commit,
            changed_files=changed,
            versions=_versions(),
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        self._save()

    def step(self, name: str, *, done: str, seconds: float) -> None:
        """Note what a step did."""
        self._steps.append({"name": name, "done": done, "seconds": seconds})
        if self.record is not None:
            self._save()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Record how what is inside ends; nothing, where no step ran."""
        status = INTERRUPTED
        try:
            yield
            status = FINISHED
        except BatchAIError:
            status = FAILED
            raise
        finally:
            if self.record is not None:
                self._end(status)

    def __post_init__(self) -> None:
        self._steps: list[dict[str, Any]] = []

    def _end(self, status: str) -> None:
        record = self.record
        if record is None:
            return
        for folder in dict.fromkeys(what for step in self.pipeline.steps for what in step.outputs.values()):
            for table in folder.tables:
                path = folder.path(self.settings) / table
                if status == FINISHED and path.is_file():
                    shutil.copyfile(path, self.folder / table)
        record.status, record.seconds = status, round(self._watch.seconds, 2)
        self._save()
        self._forget_old_runs()
        from ml_service.runs_page import render_runs

        atomic_write(self.root / INDEX, render_runs(read_runs(self.root)))

    def _save(self) -> None:
        if self.record is not None:
            self.record.steps = self._steps
            text = to_json(asdict(self.record)) + "\n"
            atomic_write(self.folder / RECORD, text)

    def _forget_old_runs(self) -> None:
        for folder in _run_folders(self.root)[self.settings.keep_runs :]:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Keep what is printed meanwhile."""
        with recorded(self.log):
            yield


def shown_settings(settings: Settings) -> dict[str, str]:
    """The settings by their variables, without what is secret in them."""
    shown = {}
    for item in fields(settings):
        value = getattr(settings, item.name)
        name = item.metadata["variable"]
        if item.metadata["parse"] is source:
            shown[name] = redacted(without_secrets(value) if is_blob_url(value) else value)
        elif item.repr:
            shown[name] = redacted(str(getattr(value, "value", value)))
        elif value:
            shown[name] = "(set)"
    return shown


def read_runs(root: Path) -> list[tuple[Path, RunRecord]]:
    """The kept runs, the newest first; one whose record can't be read is left out."""
    runs = []
    for folder in _run_folders(root):
        try:
            runs.append((folder, RunRecord(**from_json((folder / RECORD).read_bytes()))))
        except (OSError, ValueError, TypeError):
            continue
    return runs


def _run_folders(root: Path) -> list[Path]:
    """The folders of runs, the newest first: their names begin with the time. Other people's folders are none."""
    if not root.is_dir():
        return []
    return sorted((path for path in root.iterdir() if _RUN.fullmatch(path.name) and path.is_dir()), reverse=True)


def _git(root: Path) -> tuple[str, bool]:
    """The commit, and whether files were changed since; empty without Git or a repository."""
    try:
        commit, status = (
            subprocess.run(["git", *command], cwd=root, capture_output=True, text=True, check=True, timeout=10).stdout
            for command in (["rev-parse", "HEAD"], ["status", "--porcelain"])
        )
    except (OSError, subprocess.SubprocessError):
        return "", False
    return commit.strip(), bool(status.strip())


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), "system": platform.system()}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
