"""Prepare the patients of helloworld: those to train on, and new ones.

    python src/data_preparation/helloworld/helloworld_datapreparation.py

Writes ``DataPrep_outputs/helloworld``. Where your own data comes from, this is the script that reads it.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[3])

from src.common.console import add_verbose, run_script
from src.common.settings import load_settings
from src.data_preparation.helloworld.patients import load_patients, write_patients
from src.settings.helloworld.helloworld_settings import HelloworldSettings


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--prepared_folder", type=Path, help="where to write (DATAPREP_OUTPUTS_DIR/helloworld)")
    add_verbose(parser)
    arguments = parser.parse_args(argv)

    folder = arguments.prepared_folder or load_settings(HelloworldSettings, ()).prepared_folder
    known, unseen = load_patients()
    write_patients(folder, known, unseen)
    print(f"{len(known.progression)} patients to train on, {len(unseen.progression)} new ones: {folder}")
    print("next: python helloworld_training.py")
    return 0


if __name__ == "__main__":
    sys.exit(run_script(main))
