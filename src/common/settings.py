"""Configuration enters here, once, and nobody else reads the environment.

Every variable stands in ``.env`` with a working default and its meaning. ``.env.local``, which git ignores,
overrides it (secrets go there), and the environment of the process overrides both.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import Any

from src.common.errors import SettingsError, did_you_mean
from src.common.separate_folders import refuse_shared_folders

PROJECT_ROOT = Path(__file__).resolve().parents[2]


class Mode(str, Enum):
    """Where pipelines run: on this machine, or in Azure ML."""

    DEV = "DEV"
    PROD = "PROD"


def _mode(text: str) -> Mode:
    try:
        return Mode(text)
    except ValueError:
        raise ValueError("exactly DEV (run on this machine) or PROD (run in Azure ML)") from None


class Backend(str, Enum):
    """Where training computes: in its own process, or on a Dask cluster."""

    LOCAL = "local"
    DASK = "dask"


class Priority(str, Enum):
    """What the nodes of a cluster cost, and whether they may be taken away."""

    LOW = "lowpriority"
    DEDICATED = "dedicated"


def _priority(text: str) -> Priority:
    try:
        return Priority(text)
    except ValueError:
        raise ValueError("lowpriority (cheap, may be taken away) or dedicated") from None


def _backend(text: str) -> Backend:
    try:
        return Backend(text)
    except ValueError:
        raise ValueError("local (in this process) or dask (on a Dask cluster)") from None


def _folder(text: str) -> Path:
    if not text:
        raise ValueError("the path of a folder")
    try:
        return PROJECT_ROOT / Path(text).expanduser()
    except RuntimeError as error:  # ~somebody who has no home here
        raise ValueError(f"the path of a folder ({error})") from error


def _source(text: str) -> str:
    if not text:
        raise ValueError("a folder, or the https URL of a blob container with or without a prefix")
    return text


def _whole_number(minimum: int, maximum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text) or not minimum <= int(text) <= maximum:
            raise ValueError(f"a whole number from {minimum} to {maximum}")
        return int(text)

    return parse


def _number(minimum: float, maximum: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        if not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text) or not minimum <= float(text) <= maximum:
            raise ValueError(f"a number from {minimum:g} to {maximum:g}")
        return float(text)

    return parse


def _switch(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("true or false")
    return text.lower() == "true"


def _name(text: str) -> str:
    """A name that Azure ML takes for pipelines, models, environments, clusters, datasets and experiments alike."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", text):
        raise ValueError("a name of 1 to 32 letters, digits, - and _, that starts with a letter or a digit")
    return text


def _variable(name: str, parse: Callable[[str], Any], *, secret: bool = False) -> Any:
    return field(repr=not secret, metadata={"variable": name, "parse": parse})


@dataclass(frozen=True)
class Settings:
    """Every setting of the project, checked. ``.env`` documents each variable; secrets never show in a repr."""

    mode: Mode = _variable("AML_PIPELINE_EXEC_MODE", _mode)
    input_url: str = _variable("BATCHAI_INPUT_URL", _source, secret=True)  # its query may be a SAS token
    storage_connection_string: str = _variable("AZURE_STORAGE_CONNECTION_STRING", str, secret=True)
    storage_account_key: str = _variable("AZURE_STORAGE_KEY", str, secret=True)
    storage_sas_token: str = _variable("AZURE_STORAGE_SAS_TOKEN", str, secret=True)
    clone_connections: int = _variable("CLONE_CONNECTIONS", _whole_number(1, 64))
    inputs_folder: Path = _variable("DATAPREP_INPUTS_DIR", _folder)
    prepared_folder: Path = _variable("DATAPREP_OUTPUTS_DIR", _folder)
    training_folder: Path = _variable("TRAINING_OUTPUT_DIR", _folder)
    outputs_folder: Path = _variable("OUTPUTS_DIR", _folder)
    train_folds: int = _variable("TRAIN_FOLDS", _whole_number(3, 20))
    train_min_batches: int = _variable("TRAIN_MIN_BATCHES", _whole_number(10, 1_000_000))
    train_threads: int = _variable("TRAIN_THREADS", _whole_number(0, 256))
    train_backend: Backend = _variable("TRAIN_BACKEND", _backend)
    dask_scheduler: str = _variable("DASK_SCHEDULER", str)
    train_nodes: int = _variable("TRAIN_NODES", _whole_number(1, 1000))
    model_name: str = _variable("MODEL_NAME", _name)
    run_evaluation: bool = _variable("RUN_EVALUATION", _switch)
    min_improvement: float = _variable("MIN_IMPROVEMENT", _number(0, 1))
    allow_run_cancel: bool = _variable("ALLOW_RUN_CANCEL", _switch)
    model_dir: str = _variable("AZUREML_MODEL_DIR", str)
    keep_runs: int = _variable("KEEP_RUNS", _whole_number(1, 10_000))
    build_id: str = _variable("BUILD_BUILDID", str)
    build_uri: str = _variable("BUILD_BUILDURI", str)
    source_version: str = _variable("BUILD_SOURCEVERSION", str)
    subscription_id: str = _variable("SUBSCRIPTION_ID", str)
    resource_group: str = _variable("RESOURCE_GROUP", str)
    workspace_name: str = _variable("WORKSPACE_NAME", str)
    tenant_id: str = _variable("TENANT_ID", str)
    sp_app_id: str = _variable("SP_APP_ID", str)
    sp_app_secret: str = _variable("SP_APP_SECRET", str, secret=True)
    keep_published: int = _variable("KEEP_PUBLISHED", _whole_number(1, 10_000))
    experiment_name: str = _variable("EXPERIMENT_NAME", _name)
    training_pipeline_name: str = _variable("TRAINING_PIPELINE_NAME", _name)
    inference_pipeline_name: str = _variable("INFERENCE_PIPELINE_NAME", _name)
    cluster_name: str = _variable("AML_COMPUTE_CLUSTER_NAME", _name)
    cluster_vm_size: str = _variable("AML_COMPUTE_CLUSTER_CPU_SKU", _name)
    cluster_min_nodes: int = _variable("AML_CLUSTER_MIN_NODES", _whole_number(0, 1000))
    cluster_max_nodes: int = _variable("AML_CLUSTER_MAX_NODES", _whole_number(1, 1000))
    cluster_priority: Priority = _variable("AML_CLUSTER_PRIORITY", _priority)
    cluster_idle_seconds: int = _variable("AML_CLUSTER_IDLE_SECONDS", _whole_number(60, 86_400))
    environment_name: str = _variable("AML_ENV_NAME", _name)
    datastore_name: str = _variable("DATASTORE_NAME", str)
    input_dataset_name: str = _variable("INPUT_DATASET_NAME", _name)
    input_dataset_path: str = _variable("INPUT_DATASET_PATH", str)
    prepared_dataset_name: str = _variable("PREPARED_DATASET_NAME", _name)

    @classmethod
    def from_env(cls, variables: Mapping[str, str], *, looked_in: str = "the environment") -> Settings:
        """Check variables and make settings of them.

        Args:
            variables: Text by the variable's name, such as ``{"TRAIN_FOLDS": "5"}``. An empty secret means: none.
            looked_in: Where the variables come from, for the error.

        Raises:
            SettingsError: Variables are missing or wrong; all of them are named together.
        """
        values: dict[str, Any] = {}
        problems: list[str] = []
        missing: list[str] = []
        for item in fields(cls):
            name = item.metadata["variable"]
            if name not in variables:
                missing.append(name + did_you_mean(name, variables))
                continue
            try:
                values[item.name] = item.metadata["parse"](variables[name].strip())
            except ValueError as error:
                found = repr(variables[name]) if item.repr else "a value that is not shown"
                problems.append(f"{name} is {found}, expected {error}")
        if missing:  # on one line, since a message that is cut would hide some of them
            problems.insert(0, "missing: " + "; ".join(missing))
        if problems:
            raise SettingsError(
                "\n".join(problems),
                where=looked_in,
                hint="correct them in .env.local (yours) or .env (the project's); .env explains each",
            )
        return cls(**values)

    @classmethod
    def variables(cls) -> tuple[str, ...]:
        """The names of all variables, in the order of ``.env``."""
        return tuple(item.metadata["variable"] for item in fields(cls))


def load_settings(root: Path = PROJECT_ROOT, *, environment: Mapping[str, str] | None = None) -> Settings:
    """Read ``.env``, ``.env.local`` and the environment, later ones first.

    Raises:
        SettingsError: Variables are missing, wrong, or spelt nearly like one of the project's; or two of them name the
            same folder.
    """
    from dotenv import dotenv_values

    known = Settings.variables()
    merged: dict[str, str] = {}
    looked_in = []
    for path in (root / ".env", root / ".env.local"):
        if not path.is_file():
            continue
        looked_in.append(path.name)
        try:
            values = dotenv_values(path, interpolate=False, encoding="utf-8-sig")  # editors on Windows add the mark
        except UnicodeDecodeError as error:
            raise SettingsError("the file is not UTF-8", where=path, hint="save it as UTF-8") from error
        for name, value in values.items():
            near = "" if name in known else did_you_mean(name, known)
            if near:
                raise SettingsError(f"unknown variable {name}{near}", where=path, hint="correct or remove it")
            merged[name] = value or ""
    surroundings = os.environ if environment is None else environment
    merged.update({name: surroundings[name] for name in known if name in surroundings})
    settings = Settings.from_env(merged, looked_in=", ".join([*looked_in, "the environment"]))
    refuse_shared_folders(settings)
    return settings
