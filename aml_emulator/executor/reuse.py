"""Whether a step's earlier result can stand for a new run of it."""

import hashlib
import json
from typing import Any

from aml_emulator.executor.nodes import Node


def reuse_key(node: Node, *, files: list[tuple[str, str]], inputs: dict[str, str]) -> str:
    """Return what decides about reuse: two steps of the same key would do the same.

    As with the service, that is the step's definition, the content of its source folder, its parameters, its
    run configuration, and which data comes in: for another step's output, which run wrote it; for a dataset,
    which definition it has (not what the files hold today).

    Args:
        node: The step.
        files: Path and hash of each file of its source folder.
        inputs: What comes in at each input.

    Returns:
        A digest.
    """
    structured = {name: node.structured.get(name) for name in ("Inputs", "Outputs", "Arguments", "Parameters")}
    outputs = [(port.name, port.datastore, port.path, (port.registration or {}).get("Name")) for port in node.outputs]
    content: dict[str, Any] = {
        "structured": structured,
        "outputs": outputs,
        "step_type": node.module.get("StepType"),
        "parameters": node.parameters,
        "runconfig": node.runconfig,
        "files": files,
        "inputs": inputs,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
