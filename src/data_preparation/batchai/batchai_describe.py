"""Look at the exports of a new plant, and write a first location.yml for a person to correct.

    python src/data_preparation/batchai/batchai_describe.py FOLDER

Writes ``location.yml`` into the folder; one that is there is never overwritten.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[3])

from src.common.console import add_verbose, run_script
from src.common.errors import DataError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path, help="the folder with the exports of one location")
    parser.add_argument("--print", action="store_true", dest="shown", help="print it, and write nothing")
    add_verbose(parser)
    arguments = parser.parse_args(argv)
    folder: Path = arguments.folder
    if not folder.is_dir():
        raise DataError("there is no such folder", where=folder, expected="the exports of one location")

    from src.common.files import atomic_write
    from src.data_preparation.batchai.description_guess import guess_description
    from src.data_preparation.batchai.location_description import DESCRIPTION_NAME

    path = folder / DESCRIPTION_NAME
    if path.exists() and not arguments.shown:
        raise DataError(
            "there is a description already, and it stays",
            where=path,
            hint="move it away for a new one, or say --print to compare",
        )
    text = guess_description(folder)
    if arguments.shown:
        print(text, end="")
        return 0
    atomic_write(path, text)
    print(f"described: {path}")
    print("next: decide what stands at its top, then put the folder into INPUT_URL and run the pipeline")
    return 0


if __name__ == "__main__":
    sys.exit(run_script(main))
