"""The script of the registration, for every model: a better one becomes a new version in the registry."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.common.committed_folder import copy_committed, open_committed, reading, replace_folder
from src.common.console import add_verbose
from src.common.errors import DataError
from src.common.json_text import from_json
from src.common.made import REGISTERED_AS
from src.common.manifest import Manifest
from src.common.model_kind import ModelKind
from src.common.settings import Mode, Settings, load_settings
from src.common.skills import read_skills

if TYPE_CHECKING:
    from src.common.model_registry import ModelRegistry, RegisteredModel

KIND, RECORD = "registration", "registration.json"
READS = ("run_evaluation", "build_id", "build_uri", "source_version")


def run_registration(kind: ModelKind, argv: Sequence[str] | None, *, documentation: str | None) -> int:
    """Run the script. Returns its exit code.

    Args:
        kind: The kind of model.
        argv: The arguments, without the script's name.
        documentation: The script's docstring; its first line stands in the help text.
    """
    arguments = _arguments(argv, documentation)
    settings = load_settings(kind.settings, READS)
    model_folder = arguments.model_folder or settings.outputs_folder / "model"
    results = arguments.registration_folder or settings.outputs_folder / "registration"
    predicts = arguments.registered_folder or settings.outputs_folder / "registered_model"
    name = arguments.model_name or settings.model_name

    from src.common.model_registry import fetch, open_registry

    with reading(model_folder, kind=kind.kind, made_by=kind.made_by) as model:
        decision = _decision(kind, arguments, model.manifest, settings)
        read_skills(model)
        with replace_folder(results, kind=KIND) as staged:  # a second one waits here, and finds the first one's version
            registered, said = _register(kind, model_folder, model.manifest, name, decision, settings=settings)
            version = None if registered is None else registered.version
            if registered is None:
                fetch(open_registry(settings), name, predicts)
            else:
                copy_committed(model_folder, predicts, made={REGISTERED_AS: registered.title})
            # the reason is the decision's, also where a killed registration is done again: it ends with the same bytes
            record = {"registered": registered is not None, "name": name, "version": version}
            staged.write_json(RECORD, {**record, "reason": str(decision["reason"])})
    print(f"registered: {name} version {version} ({said})" if registered else f"not registered: {said}")
    if registered is not None and settings.mode is Mode.DEV:
        print("next: python ml_service/pipelines/download_model.py copies it to outputs/model at any time")
    return 0


def _arguments(argv: Sequence[str] | None, documentation: str | None) -> Namespace:
    parser = ArgumentParser(description=(documentation or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--model_folder", type=Path, help="the trained model (model/ in OUTPUTS_DIR)")
    parser.add_argument("--evaluation_folder", type=Path, help="the decision (evaluation/ in OUTPUTS_DIR)")
    parser.add_argument("--registration_folder", type=Path, help="where to write (registration/ in OUTPUTS_DIR)")
    parser.add_argument(
        "--registered_folder", type=Path, help="where to put the registered model (registered_model/ in OUTPUTS_DIR)"
    )
    parser.add_argument("--model_name", help="the name to register under (MODEL_NAME)")
    add_verbose(parser)
    return parser.parse_args(argv)


def _decision(kind: ModelKind, arguments: Namespace, model: Manifest, settings: Settings) -> dict[str, object]:
    """What the evaluation decided about this model; without one, every model is good enough.

    Raises:
        DataError: RUN_EVALUATION is true, and nothing was evaluated, or another model.
    """
    if not settings.run_evaluation:
        return {"better": True, "reason": "RUN_EVALUATION is false: it was not compared"}

    from src.evaluation.gate import DECISION, check_decision
    from src.evaluation.gate import KIND as EVALUATION_KIND

    folder = arguments.evaluation_folder or settings.outputs_folder / "evaluation"
    compared_by = f"python {kind.script('evaluation')}"
    evaluation = open_committed(folder, kind=EVALUATION_KIND, made_by=compared_by)
    judged = evaluation.manifest.facts.get("challenger")
    if judged != model.version:
        raise DataError(
            "the evaluation judged another model",
            where=folder,
            found=judged,
            expected=f"{model.version}, the one to register",
            hint=f"run: {compared_by}",
        )
    document: dict[str, object] = from_json(evaluation.read(DECISION))
    check_decision(document)
    return document


def _register(
    kind: ModelKind,
    model_folder: Path,
    manifest: Manifest,
    name: str,
    decision: dict[str, object],
    *,
    settings: Settings,
) -> tuple[RegisteredModel | None, str]:
    """Register a model that is better, once. Returns its version, or None, and what to say of it.

    Raises:
        IntegrityError: It holds a number that is not finite.
    """
    from src.common.model_registry import CONTENT, DATA_VERSION, RUN_ID, open_registry

    reason = str(decision["reason"])
    if not decision["better"]:
        return None, reason
    registry = open_registry(settings)
    run_id = _run_id(settings)
    known = registry.find(name, tag=RUN_ID, value=run_id) if run_id else _newest_with(registry, name, manifest.version)
    if known is not None:
        return known, f"it is registered already, as version {known.version}"
    if settings.run_evaluation:
        _refuse_if_overtaken(kind, name, decision["champion"], registry.newest(name))
    tags = {
        "build_id": settings.build_id,
        "build_uri": settings.build_uri,
        "commit": settings.source_version,
        RUN_ID: run_id,
        DATA_VERSION: str(manifest.facts["data_version"]),
        CONTENT: manifest.version,
        "skill": str(decision.get("challenger_skill", "")),
        **kind.check(model_folder),
        "decision": reason,
    }
    return registry.register(model_folder, name, {tag: value for tag, value in tags.items() if value}), reason


def _refuse_if_overtaken(kind: ModelKind, name: str, compared: Any, newest: RegisteredModel | None) -> None:
    """Two runs may compare with the same version: the second must not follow the first into the registry unseen.

    Raises:
        DataError: The newest version is no longer the one that the evaluation compared with.
    """
    expected = 0 if compared is None else int(compared["version"])
    found = 0 if newest is None else newest.version
    if found != expected:
        raise DataError(
            "another model was registered after this one was compared",
            where=f"the registered model {name!r}",
            found=f"version {found}" if found else "no version",
            expected=f"version {expected}, with which it was compared" if expected else "no version yet",
            hint=f"compare it again: python {kind.script('evaluation')}; in Azure ML, start the pipeline again",
        )


def _newest_with(registry: ModelRegistry, name: str, content: str) -> RegisteredModel | None:
    """The newest version, if it has this content. An older one does not count: its model may be the best again."""
    from src.common.model_registry import CONTENT

    newest = registry.newest(name)
    return newest if newest is not None and newest.tags.get(CONTENT) == content else None


def _run_id(settings: Settings) -> str:
    if settings.mode is not Mode.PROD:
        return ""
    from src.common.azureml_adapter import pipeline_run

    run = pipeline_run()
    return "" if run is None else str(run.id)
