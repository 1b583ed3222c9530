"""Configuration enters here, once, and nobody else reads the environment.

The platform declares its variables in `src.common.platform_settings`, each model its own in ``src/settings/``. ``.env``
holds all of them with their meaning, and is written from the declarations: ``python dev.py settings``. ``.env.local``,
which git ignores, overrides it (secrets go there), and the environment of the process overrides both.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from src.common.env_file import read_env_file
from src.common.errors import SettingsError, did_you_mean
from src.common.models import declared_settings
from src.common.platform_settings import Settings
from src.common.redaction import register_secrets
from src.common.separate_folders import refuse_shared_folders
from src.common.setting_values import PROJECT_ROOT, Mode, Priority

__all__ = [
    "PROJECT_ROOT",
    "STEP_READS",
    "Mode",
    "Priority",
    "Settings",
    "all_variables",
    "every_setting",
    "load_settings",
]
PREFIXES = ("DATAPREP_",)
"""What begins with these, or with a model's own prefix, is ours: an unknown variable of the environment is a mistake.
Others set variables with AML_, too, such as AML_APP_ROOT; of those only what is nearly a variable of ours is a mistake.
A step in Azure ML has variables named like its folders, such as DataPrep_outputs."""
STEP_READS = "BATCH_AI_STEP_READS"
"""The variable in which whoever runs a step names the settings that it knew of: the script may read no other."""
SECRET_ENDINGS = ("SECRET", "PASSWORD", "TOKEN", "ACCESSKEY")
"""How variables end that hold a secret, whoever set them."""

Declared = TypeVar("Declared", bound=Settings)


def load_settings(
    declared: type[Declared],
    reads: Sequence[str],
    *,
    root: Path = PROJECT_ROOT,
    environment: Mapping[str, str] | None = None,
) -> Declared:
    """Read the settings for a script: those that it declares, and those that every script is given.

    A pipeline finds the declaration in the script's source, and takes from it what a step's result depends on and which
    variables it gets in Azure ML. So reading any other setting is an error.

    Args:
        declared: The class of the model's settings.
        reads: The names of the fields that the script reads: ``READS`` of the script, and of what it calls.
        root: Where ``.env`` lies.
        environment: The variables that override it; None for those of this process.

    Raises:
        SettingsError: See `every_setting`; or there is no such setting; or the pipeline did not know that it is read.
    """
    names = {item.name: item.metadata for item in fields(declared)}
    surroundings = os.environ if environment is None else environment
    known = surroundings.get(STEP_READS, ",".join(reads)).split(",")
    for name in reads:
        if name not in names:
            raise SettingsError(f"READS names {name!r}, which is no setting{did_you_mean(name, names)}")
        if name not in known:
            raise SettingsError(
                f"the script reads the setting {name!r}, and the pipeline that runs it does not know it",
                expected="READS = (…) at the top of the script: a tuple of names, each written out",
            )
    settings = every_setting(declared, root=root, environment=environment)
    for name in set(names) - set(reads):
        if not names[name]["given"]:
            object.__delattr__(settings, name)
    return settings


def every_setting(
    declared: type[Declared], *, root: Path = PROJECT_ROOT, environment: Mapping[str, str] | None = None
) -> Declared:
    """Read ``.env``, ``.env.local`` and the environment, later ones first: for what runs the scripts.

    Raises:
        SettingsError: Variables are missing, wrong, or spelt nearly like one of the project's; or two of them name the
            same folder.
    """
    known = all_variables()
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
    settings = declared.from_env(merged, looked_in=", ".join([*looked_in, "the environment"]))
    refuse_shared_folders(settings)
    return settings


def all_variables() -> tuple[str, ...]:
    """The names of all variables of the platform and of every model."""
    classes: list[type[Settings]] = [Settings, *declared_settings()]
    return tuple(dict.fromkeys(name for one in classes for name in one.variables()))


def _refuse_unknown(environment: Mapping[str, str], known: tuple[str, ...]) -> None:
    """Refuse variables of the environment that are ours by their prefix, and no setting."""
    models = declared_settings()
    prefixes = (*PREFIXES, *(prefix for model in models for prefix in (f"{model.model.upper()}_", *model.prefixes)))
    unknown = []
    for name in sorted(set(environment) - set(known)):
        near = did_you_mean(name, known)
        if name.startswith(prefixes) or name.upper() in known or (name.startswith("AML_") and _nearly(name, known)):
            unknown.append(f"unknown variable {name}{near}")
    if unknown:
        raise SettingsError("\n".join(unknown), where="the environment", hint="correct its name, or unset it")


def _nearly(name: str, known: tuple[str, ...]) -> bool:
    return bool(get_close_matches(name, known, n=1, cutoff=0.85))
