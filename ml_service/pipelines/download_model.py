"""Copy a registered model to this machine, from the registry of the mode.

python ml_service/pipelines/download_model.py [--version N] [--target outputs/model]
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from ml_service.pipeline_script import add_choice_of_pipeline, chosen_publication
from src.common.console import add_verbose, run_script
from src.common.settings import every_setting


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--version", type=int, help="which version (default: the newest)")
    parser.add_argument("--target", type=Path, help="where to (model/ in OUTPUTS_DIR)")
    parser.add_argument("--model_name", help="the name of the registered model (MODEL_NAME)")
    add_choice_of_pipeline(parser)
    add_verbose(parser)
    arguments = parser.parse_args(argv)
    settings = every_setting(chosen_publication(arguments).settings)
    target = arguments.target or settings.outputs_folder / "model"
    name = arguments.model_name or settings.model_name

    from src.common.model_registry import fetch, open_registry

    model = fetch(open_registry(settings), name, target, version=arguments.version)
    print(f"{model.name} version {model.version} is copied to {target}")
    for tag, value in model.tags.items():
        print(f"  {tag}: {value}")
    print(f"next: python src/inference/{settings.model}/{settings.model}_inference.py")
    return 0


if __name__ == "__main__":
    sys.exit(run_script(main))
