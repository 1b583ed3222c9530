"""Fetch the newest registered model, for the steps that use it.

python src/registration/fetch_model.py --model_name NAME --model_folder FOLDER
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from src.common.console import add_verbose, run_script
from src.common.settings import Settings, load_settings


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--model_folder", type=Path, required=True, help="where to put it")
    parser.add_argument("--model_name", required=True, help="the name of the registered model")
    add_verbose(parser)
    arguments = parser.parse_args(argv)
    settings = load_settings(Settings, ())

    from src.common.model_registry import fetch, open_registry

    model = fetch(open_registry(settings), arguments.model_name, arguments.model_folder)
    print(f"{model.name} version {model.version} is fetched: {arguments.model_folder}")
    return 0


if __name__ == "__main__":
    sys.exit(run_script(main))
