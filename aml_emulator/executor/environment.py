"""The command line and the variables that a task's process gets."""

import os
from collections.abc import Mapping

from aml_emulator.executor.task import Argument, InputPath, OutputPath, Task

# what a process needs of this machine; nothing else of the emulator's own environment reaches a task
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


def inherited() -> dict[str, str]:
    """Return the variables of this machine that every task gets."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


def command_arguments(task: Task, delivered: Mapping[str, str], written: Mapping[str, str]) -> list[str]:
    """Return the script's arguments.

    Args:
        task: The task.
        delivered: What stands for each input: a local path, or the id of a dataset.
        written: The local path of each output.

    Returns:
        The arguments, all as text.
    """

    def text(argument: Argument) -> str:
        if isinstance(argument, InputPath):
            return delivered.get(argument.name, "")
        if isinstance(argument, OutputPath):
            return written[argument.name]
        return argument if isinstance(argument, str) else "".join(map(text, argument))

    return [text(argument) for argument in task.arguments]


def data_variables(task: Task, delivered: Mapping[str, str], written: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that tell a script where its data is."""
    variables: dict[str, str] = {}
    for name, value in {**delivered, **written}.items():
        variables |= {name: value, f"AZUREML_DATAREFERENCE_{name}": value}
    modes = {port.name: port.mode for port in task.inputs if port.name in delivered}
    folders = [port.name for port in task.outputs if port.is_folder]
    if modes:
        variables["AZUREML_DATASET_ENVIRONMENT_VARS"] = ",".join(f"{name}:{mode}" for name, mode in modes.items())
    if folders:
        variables["AZUREML_DATASET_FILE_OUTPUTS"] = ";".join(folders)
    return variables
