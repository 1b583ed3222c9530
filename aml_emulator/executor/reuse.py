"""Whether a task's earlier result can stand for a new run of it."""

import hashlib
import json
from dataclasses import asdict

from aml_emulator.executor.task import Task


def reuse_key(task: Task, *, files: list[tuple[str, str]], inputs: dict[str, str]) -> str:
    """Return what decides about reuse: two tasks of the same key would do the same.

    As with the service, that is the task's definition, the content of its source folder, its parameters, its
    run configuration, and which data comes in: for another task's output, which run wrote it; for a dataset,
    which definition it has (not what the files hold today).

    Args:
        task: The task.
        files: Path and hash of each file of its source folder.
        inputs: What comes in at each input.

    Returns:
        A digest.
    """
    outputs = [asdict(port) for port in task.outputs]
    content = {"kind": task.kind, "definition": task.definition, "outputs": outputs, "files": files, "inputs": inputs}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
