"""The command line and the variables that a step's process gets."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from aml_emulator.executor.nodes import Node, PlanError

# what a process needs of this machine; nothing else of the emulator's own environment reaches a step
_INHERITED = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "TEMP",
    "TMP",
    "LD_LIBRARY_PATH",
    "SYSTEMROOT",
    "COMSPEC",
    "PATHEXT",
    "WINDIR",
)
_CONSUMED = "DatasetConsumptionConfig:"
_PRODUCED = "DatasetOutputConfig:"
_REFERENCE = re.compile(r"\$AZUREML_DATAREFERENCE_(\w+)")


def inherited() -> dict[str, str]:
    """Return the variables of this machine that every step gets."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


def command_arguments(node: Node, delivered: Mapping[str, str], written: Mapping[str, str]) -> list[str]:
    """Return the script's arguments.

    Args:
        node: The step.
        delivered: What stands for each input: a local path, or the id of a dataset.
        written: The local path of each output.

    Returns:
        The arguments, all as text.

    Raises:
        PlanError: An argument names an input, an output or a parameter that there is not.
    """
    arguments: list[str] = []
    for argument in node.structured.get("Arguments") or []:
        arguments += _argument(argument, node, delivered, written)
    return arguments


def _argument(
    argument: dict[str, object], node: Node, delivered: Mapping[str, str], written: Mapping[str, str]
) -> list[str]:
    kind, value = str(argument.get("ValueType")), str(argument.get("Value") or "")
    if kind in ("Literal", "0") and value.startswith(_CONSUMED):
        kind, value = "Input", value.removeprefix(_CONSUMED)
    elif kind in ("Literal", "0") and value.startswith(_PRODUCED):
        kind, value = "Output", value.removeprefix(_PRODUCED)
    tables: dict[str, Mapping[str, str | None]] = {
        "Parameter": node.parameters,
        "1": node.parameters,
        "Input": delivered,
        "2": delivered,
        "Output": written,
        "3": written,
    }
    if kind in ("NestedList", "4"):
        nested: list[str] = []
        for inner in argument.get("NestedArgumentList") or []:  # type: ignore[attr-defined]
            nested += _argument(inner, node, delivered, written)
        return ["".join(nested)]
    if kind not in tables:
        return [_REFERENCE.sub(lambda match: {**delivered, **written}.get(match[1], match[0]), value)]
    if value not in tables[kind]:
        raise PlanError(f"step '{node.name}' has no {kind.lower()} '{value}' for its arguments")
    return [str(tables[kind][value] or "")]


def step_variables(node: Node, delivered: Mapping[str, str], written: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that tell a script where its data is and what its parameters are."""
    variables: dict[str, str] = {}
    environment = node.runconfig.get("environment") or {}
    for chosen in (environment.get("environmentVariables"), node.runconfig.get("environmentVariables")):
        variables |= {name: str(value) for name, value in (chosen or {}).items()}
    for name, value in {**delivered, **written}.items():
        variables |= {name: value, f"AZUREML_DATAREFERENCE_{name}": value}
    for parameter in node.structured.get("Parameters") or []:
        if parameter.get("SetEnvironmentVariable"):
            name = parameter.get("EnvironmentVariableOverride") or f"AML_PARAMETER_{parameter['Name']}"
            variables[name] = str(node.parameters.get(parameter["Name"]) or "")
    modes = {port.name: port.mode for port in node.inputs if port.name in delivered}
    variables["AZUREML_DATASET_ENVIRONMENT_VARS"] = ",".join(f"{name}:{mode}" for name, mode in modes.items())
    variables["AZUREML_DATASET_FILE_OUTPUTS"] = ";".join(port.name for port in node.outputs if port.is_folder)
    return {name: value for name, value in variables.items() if value or not name.startswith("AZUREML_DATASET_")}


def not_imitated(node: Node) -> list[str]:
    """Return what the step asks for and this machine cannot give."""
    asked = []
    environment = node.runconfig.get("environment") or {}
    docker = (environment.get("docker") or {}).get("baseImage")
    python = environment.get("python") or {}
    if docker and (node.runconfig.get("docker") or {}).get("useDocker"):
        asked.append(f"docker image {docker}")
    if python.get("condaDependencies") and not python.get("userManagedDependencies"):
        asked.append("conda environment")
    nodes = int(node.runconfig.get("nodeCount") or 1)
    if nodes > 1:
        asked.append(f"{nodes} nodes")
    if (node.runconfig.get("communicator") or "None") not in ("None", "ParallelTask"):
        asked.append(f"communicator {node.runconfig['communicator']}")
    asked += [
        f"input '{port.name}' at {port.path_on_compute}"
        for port in node.inputs
        if (port.path_on_compute or "").startswith("/")
    ]
    return asked
