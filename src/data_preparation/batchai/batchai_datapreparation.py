"""Prepare raw exports for training: clone them, read each location by its description, write what training reads.

    python src/data_preparation/batchai/batchai_datapreparation.py [--location concrete-lab]

Reads ``BATCHAI_INPUT_URL``; writes ``DataPrep_inputs`` (the local copy) and ``DataPrep_outputs``.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[3])

from src.common.committed_folder import replace_folder
from src.common.console import ALL, Stopwatch, add_verbose, chosen, format_table, run_script
from src.common.errors import DataError, did_you_mean, some_of
from src.common.settings import Settings, load_settings


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    arguments = _arguments(argv)
    settings = load_settings()
    watch = Stopwatch()
    inputs = arguments.inputs_folder or settings.inputs_folder
    prepared = arguments.prepared_folder or settings.prepared_folder
    _clone(_source(arguments.input_url, settings), inputs, settings)
    _prepare(inputs, prepared, chosen(arguments.location), settings.train_min_batches)
    print(f"prepared in {watch.seconds:.1f} s: {prepared}")
    print("next: python src/training/batchai/batchai_training.py")
    return 0


def _arguments(argv: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--input_url", help="folder or blob container with the raw exports (BATCHAI_INPUT_URL)")
    parser.add_argument("--inputs_folder", type=Path, help="where the local copy lies (DATAPREP_INPUTS_DIR)")
    parser.add_argument("--prepared_folder", type=Path, help="where to write the prepared data (DATAPREP_OUTPUTS_DIR)")
    parser.add_argument("--location", default=ALL, help="prepare this location only (default: all)")
    parser.add_argument(
        "--data_version",
        default="unknown",
        help="what names the raw data: Azure ML does not prepare the same data twice, and knows it by this",
    )
    add_verbose(parser)
    return parser.parse_args(argv)


def _source(argument: str | None, settings: Settings) -> str:
    """The input. A pipeline names it without the secrets of its URL, since anybody can see a command line."""
    from src.common.container_url import is_blob_url, without_secrets

    same = is_blob_url(settings.input_url) and argument == without_secrets(settings.input_url)
    return settings.input_url if argument is None or same else argument


def _clone(source: str, inputs: Path, settings: Settings) -> None:
    from src.common.blob_storage import StorageCredentials
    from src.common.cloning import clone

    credentials = StorageCredentials.from_settings(settings)
    summary = clone(source, inputs, credentials=credentials, connections=settings.clone_connections)
    print(summary)


def _prepare(inputs: Path, prepared: Path, location: str | None, min_batches: int) -> None:
    """Prepare every location and commit all of them together."""
    from src.data_preparation.batchai.joined_export import read_export
    from src.data_preparation.batchai.location_description import find_description, read_description
    from src.data_preparation.batchai.preparation import Preparation, prepare
    from src.data_preparation.batchai.prepared_data import KIND, write_location
    from src.data_preparation.batchai.reports import GROUPS, REJECTED, format_groups, format_rejected, summary_rows

    done: list[Preparation] = []
    with replace_folder(prepared, kind=KIND) as staged:
        for folder in _location_folders(inputs, location):
            description = read_description(find_description(folder), location=folder.name)
            preparation = prepare(read_export(folder, description))
            write_location(staged, preparation.prepared)
            done.append(preparation)
        staged.write(GROUPS, format_groups(done, min_batches=min_batches))
        staged.write(REJECTED, format_rejected(done))
    print(format_table(*summary_rows(done)))
    for preparation in done:
        if preparation.dropped:
            dropped = some_of((f"{name} ({reason})" for name, reason in preparation.dropped.items()), most=6)
            print(f"  {preparation.prepared.location}: features dropped: {dropped}")


def _location_folders(inputs: Path, location: str | None) -> list[Path]:
    folders = {path.name: path for path in sorted(inputs.iterdir()) if path.is_dir() and path.name[0] != "."}
    if location is not None and location not in folders:
        raise DataError(
            f"unknown location {location!r}{did_you_mean(location, folders)}",
            where=inputs,
            found=some_of(folders, most=12),
            hint="name one of these; each folder of the input is a location",
        )
    if not folders:
        raise DataError(
            "there is no location in the input",
            where=inputs,
            expected="one folder per location, with its location.yml and CSV exports",
            hint="check BATCHAI_INPUT_URL in .env",
        )
    return list(folders.values()) if location is None else [folders[location]]


if __name__ == "__main__":
    sys.exit(run_script(main))
