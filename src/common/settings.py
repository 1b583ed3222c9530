"""Configuration enters here, once, and nobody else reads the environment.

Every variable stands in ``.env`` with a working default and its meaning. ``.env.local``, which git ignores,
overrides it (secrets go there), and the environment of the process overrides both.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from src.common import setting_values
from src.common.env_file import read_env_file
from src.common.errors import SettingsError, did_you_mean
from src.common.redaction import register_secrets
from src.common.separate_folders import refuse_shared_folders
from src.common.setting_values import PROJECT_ROOT, Backend, GatePolicy, HiddenValueError, Mode, Priority, Terms
from src.common.sources.container_url import is_blob_url

__all__ = ["PROJECT_ROOT", "Backend", "GatePolicy", "Mode", "Priority", "Settings", "load_settings"]
PREFIXES = ("TRAIN_", "BATCHAI_", "DATAPREP_")
"""What begins with these is ours: an unknown variable of the environment is a mistake. Others set variables with AML_,
too, such as AML_APP_ROOT; of those only what is nearly a variable of ours is a mistake. A step in Azure ML has
variables named like its folders, such as DataPrep_outputs."""
OTHER_VARIABLES = ("BATCHAI_LOG_FILE",)
SECRET_ENDINGS = ("SECRET", "PASSWORD", "TOKEN", "ACCESSKEY")
"""How variables end that hold a secret, whoever set them."""


def _variable(name: str, parse: Callable[[str], Any], *, secret: bool = False) -> Any:
    return field(repr=not secret, metadata={"variable": name, "parse": parse})


@dataclass(frozen=True)
class Settings:
    """Every setting of the project, checked. ``.env`` documents each variable; secrets never show in a repr."""

    mode: Mode = _variable("AML_PIPELINE_EXEC_MODE", setting_values.mode)
    input_url: str = _variable("BATCHAI_INPUT_URL", setting_values.source, secret=True)  # its query may be a SAS token
    storage_connection_string: str = _variable("AZURE_STORAGE_CONNECTION_STRING", str, secret=True)
    storage_account_key: str = _variable("AZURE_STORAGE_KEY", str, secret=True)
    storage_sas_token: str = _variable("AZURE_STORAGE_SAS_TOKEN", str, secret=True)
    clone_connections: int = _variable("CLONE_CONNECTIONS", setting_values.whole_number(1, 64))
    inputs_folder: Path = _variable("DATAPREP_INPUTS_DIR", setting_values.folder)
    prepared_folder: Path = _variable("DATAPREP_OUTPUTS_DIR", setting_values.folder)
    training_folder: Path = _variable("TRAINING_OUTPUT_DIR", setting_values.folder)
    outputs_folder: Path = _variable("OUTPUTS_DIR", setting_values.folder)
    train_folds: int = _variable("TRAIN_FOLDS", setting_values.whole_number(3, 20))
    train_min_batches: int = _variable("TRAIN_MIN_BATCHES", setting_values.whole_number(10, 1_000_000))
    train_terms: Terms = _variable("TRAIN_TERMS", setting_values.terms)
    train_threads: int = _variable("TRAIN_THREADS", setting_values.whole_number(0, 256))
    train_backend: Backend = _variable("TRAIN_BACKEND", setting_values.backend)
    dask_scheduler: str = _variable("DASK_SCHEDULER", setting_values.address)
    train_nodes: int = _variable("TRAIN_NODES", setting_values.whole_number(1, 1000))
    model_name: str = _variable("MODEL_NAME", setting_values.name)
    run_evaluation: bool = _variable("RUN_EVALUATION", setting_values.switch)
    gate_policy: GatePolicy = _variable("GATE_POLICY", setting_values.gate_policy)
    min_improvement: float = _variable("MIN_IMPROVEMENT", setting_values.number(0, 1))
    fresh_margin: float = _variable("FRESH_MARGIN", setting_values.number(0, 1))
    allow_run_cancel: bool = _variable("ALLOW_RUN_CANCEL", setting_values.switch)
    retrain_on_signals: bool = _variable("RETRAIN_ON_SIGNALS", setting_values.switch)
    retrain_after_batches: int = _variable("RETRAIN_AFTER_BATCHES", setting_values.whole_number(0, 1_000_000))
    model_dir: str = _variable("AZUREML_MODEL_DIR", str)
    keep_runs: int = _variable("KEEP_RUNS", setting_values.whole_number(1, 10_000))
    build_id: str = _variable("BUILD_BUILDID", str)
    build_uri: str = _variable("BUILD_BUILDURI", str)
    source_version: str = _variable("BUILD_SOURCEVERSION", str)
    subscription_id: str = _variable("SUBSCRIPTION_ID", str)
    resource_group: str = _variable("RESOURCE_GROUP", str)
    workspace_name: str = _variable("WORKSPACE_NAME", str)
    tenant_id: str = _variable("TENANT_ID", str)
    sp_app_id: str = _variable("SP_APP_ID", str)
    sp_app_secret: str = _variable("SP_APP_SECRET", str, secret=True)
    keep_published: int = _variable("KEEP_PUBLISHED", setting_values.whole_number(1, 10_000))
    experiment_name: str = _variable("EXPERIMENT_NAME", setting_values.name)
    training_pipeline_name: str = _variable("TRAINING_PIPELINE_NAME", setting_values.name)
    inference_pipeline_name: str = _variable("INFERENCE_PIPELINE_NAME", setting_values.name)
    cluster_name: str = _variable("AML_COMPUTE_CLUSTER_NAME", setting_values.name)
    cluster_vm_size: str = _variable("AML_COMPUTE_CLUSTER_CPU_SKU", setting_values.name)
    cluster_min_nodes: int = _variable("AML_CLUSTER_MIN_NODES", setting_values.whole_number(0, 1000))
    cluster_max_nodes: int = _variable("AML_CLUSTER_MAX_NODES", setting_values.whole_number(1, 1000))
    cluster_priority: Priority = _variable("AML_CLUSTER_PRIORITY", setting_values.priority)
    cluster_idle_seconds: int = _variable("AML_CLUSTER_IDLE_SECONDS", setting_values.whole_number(60, 86_400))
    environment_name: str = _variable("AML_ENV_NAME", setting_values.name)
    datastore_name: str = _variable("DATASTORE_NAME", str)
    input_dataset_name: str = _variable("INPUT_DATASET_NAME", setting_values.name)
    input_dataset_path: str = _variable("INPUT_DATASET_PATH", str)
    prepared_dataset_name: str = _variable("PREPARED_DATASET_NAME", setting_values.name)

    @classmethod
    def from_env(cls, variables: Mapping[str, str], *, looked_in: str = "the environment") -> Settings:
        """Check variables and make settings of them.

        Args:
            variables: Text by the variable's name, such as ``{"TRAIN_FOLDS": "5"}``. An empty secret means: none.
            looked_in: Where the variables come from, for the error.

        Raises:
            SettingsError: Variables are missing or wrong; all of them are named together.
        """
        register_secrets(_secrets(variables))
        values: dict[str, Any] = {}
        problems: list[str] = []
        missing: list[str] = []
        for item in fields(cls):
            name = item.metadata["variable"]
            if name not in variables:
                missing.append(name + did_you_mean(name, variables))
                continue
            text = variables[name].strip()
            try:
                setting_values.refuse_what_is_no_value(text, secret=not item.repr)
                values[item.name] = item.metadata["parse"](text)
            except ValueError as error:
                shown = item.repr and not isinstance(error, HiddenValueError)
                found = repr(variables[name]) if shown else "a value that is not shown"
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
    known = Settings.variables()
    merged: dict[str, str] = {}
    looked_in = []
    for path in (root / ".env", root / ".env.local"):
        merged.update(read_env_file(path, known))
        if path.exists():
            looked_in.append(path.name)
    surroundings = os.environ if environment is None else environment
    register_secrets(value for name, value in surroundings.items() if name.upper().endswith(SECRET_ENDINGS))
    _refuse_unknown(surroundings, known)
    merged.update({name: surroundings[name] for name in known if name in surroundings})
    settings = Settings.from_env(merged, looked_in=", ".join([*looked_in, "the environment"]))
    refuse_shared_folders(settings)
    return settings


def _secrets(variables: Mapping[str, str]) -> list[str]:
    """The values of secret settings; of a URL only its query, as its path is no secret."""
    names = [item.metadata["variable"] for item in fields(Settings) if not item.repr]
    values = {name: variables.get(name, "").strip() for name in names}
    url = values.pop("BATCHAI_INPUT_URL")
    found = [*values.values(), url.partition("?")[2] if is_blob_url(url) else ""]
    return [value for value in found if not value.startswith("$(")]  # the name of a variable that nobody defined


def _refuse_unknown(environment: Mapping[str, str], known: tuple[str, ...]) -> None:
    """Refuse variables of the environment that are ours by their prefix, and no setting."""
    unknown = []
    for name in sorted(set(environment) - set(known) - set(OTHER_VARIABLES)):
        near = did_you_mean(name, known)
        if name.startswith(PREFIXES) or name.upper() in known or (name.startswith("AML_") and _nearly(name, known)):
            unknown.append(f"unknown variable {name}{near}")
    if unknown:
        raise SettingsError("\n".join(unknown), where="the environment", hint="correct its name, or unset it")


def _nearly(name: str, known: tuple[str, ...]) -> bool:
    return bool(get_close_matches(name, known, n=1, cutoff=0.85))
