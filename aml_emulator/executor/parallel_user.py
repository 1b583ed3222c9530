"""What an entry script of a ParallelRunStep finds around it: a folder of its own, ``azureml_user``, a context.

Stands alone beside :mod:`parallel_entry`: the interpreter of a step need not know the emulator.
"""

import inspect
import logging
import os
import shutil
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_SHARED = ("outputs", "logs")


@dataclass(frozen=True)
class MiniBatchContext:
    """What ``run`` gets as its second argument, where it takes two.

    Attributes:
        minibatch_index: Which mini-batch it is.
        partition_key_value: The values that all its rows have, for a dataset that is partitioned.
        dataset: Is not given here.
    """

    minibatch_index: int
    partition_key_value: dict[str, Any] = field(default_factory=dict)
    dataset: None = None


class EntryScript:
    """What ``azureml_user.parallel_run.EntryScript`` offers: a logger and folders."""

    @property
    def logger(self) -> logging.Logger:
        """A logger that writes to the step's log."""
        logger = logging.getLogger("EntryScript")
        if not logger.handlers:
            logger.addHandler(logging.StreamHandler(sys.stdout))
            logger.setLevel(logging.DEBUG)
        return logger

    @property
    def log_dir(self) -> str:
        """A folder that is kept with the run."""
        return str(Path("logs").resolve())

    @property
    def output_dir(self) -> str:
        """A folder for temporary results of this worker."""
        return str(Path("temporary").resolve())

    @property
    def working_dir(self) -> str:
        """The worker's folder."""
        return str(Path.cwd())


def install() -> None:
    """Let ``from azureml_user.parallel_run import EntryScript`` find the class above."""
    package, module = types.ModuleType("azureml_user"), types.ModuleType("azureml_user.parallel_run")
    module.EntryScript = EntryScript  # type: ignore[attr-defined]
    package.parallel_run = module  # type: ignore[attr-defined]
    sys.modules |= {"azureml_user": package, "azureml_user.parallel_run": module}


def own_folder(number: int) -> None:
    """Let this worker go on in a copy of the source folder: what one writes beside its code, others do not see.

    The folders outputs and logs stay those of the step.
    """
    code = Path.cwd()
    own = code.parent / "workers" / str(number)
    shutil.copytree(code, own, ignore=lambda folder, _: _SHARED if Path(folder) == code else ())
    for name in _SHARED:
        (own / name).symlink_to(code / name, target_is_directory=True)
    os.chdir(own)


def takes_context(function: Callable[..., Any]) -> bool:
    """Tell whether an entry script's ``run`` takes the context beside the mini-batch."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(one.kind in positional for one in inspect.signature(function).parameters.values()) > 1
