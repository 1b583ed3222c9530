"""Small pipelines, played in a folder that holds nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rehearsal.artifacts import Artifacts
from rehearsal.definition import read_definition
from rehearsal.display import Display
from rehearsal.job_player import Surroundings
from rehearsal.player import Player
from rehearsal.predefined import for_templates, of_run

MAIN = "refs/heads/main"


def player(folder: Path, text: str, **options: Any) -> Player:
    """A player of this pipeline.

    Args:
        folder: For its files.
        text: The pipeline.
        **options: `files` beside it, `parameters`, `build`, `groups`, `secrets`, `stand_ins`, `connections`,
            `environments`, `cancels_at`, `paid`, `minute`, `tell`.
    """
    files: Mapping[str, str] = options.get("files", {})
    root = folder / "root"
    for name, content in {"azure-pipelines.yml": text, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content, encoding="utf-8")
    build = {**of_run(1, "IndividualCI", MAIN), **options.get("build", {})}
    return Player(
        definition=read_definition(
            root / "azure-pipelines.yml",
            root=root,
            parameters=options.get("parameters", {}),
            variables=for_templates(build),
        ),
        build=build,
        groups=options.get("groups", {}),
        secrets=frozenset(options.get("secrets", ())),
        around=Surroundings(
            root=root,
            environment={},
            connections=options.get("connections", {}),
            artifacts=Artifacts(folder / "artifacts"),
            stand_ins=options.get("stand_ins", {}),
            minute=options.get("minute", 60.0),
        ),
        logs=folder / "logs",
        environments=options.get("environments", {}),
        paid=options.get("paid", False),
        cancels_at=options.get("cancels_at", ""),
        display=Display(options.get("tell", lambda _: None)),
    )


def log(folder: Path, job: str, step: int = 1, *, stage: str = "__default", attempt: int = 1) -> str:
    """What a step printed."""
    file = folder / "logs" / stage / f"{job}-{attempt}" / f"{step}.log"
    return file.read_text(encoding="utf-8") if file.exists() else ""
