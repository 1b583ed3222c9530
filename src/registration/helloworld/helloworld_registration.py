"""Register the trained model as a new version, if the evaluation says that it is better.

    python src/registration/helloworld/helloworld_registration.py

Reads and writes folders of ``outputs/helloworld`` and, in DEV, ``outputs/registry``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[3])

from src.common.console import run_script
from src.registration.registration_script import run_registration
from src.training.helloworld.helloworld_kind import HELLOWORLD


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    return run_registration(HELLOWORLD, argv, documentation=__doc__)


if __name__ == "__main__":
    sys.exit(run_script(main))
