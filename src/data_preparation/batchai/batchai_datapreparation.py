"""Prepare raw exports for training: clone them, read each location by its description, write what training reads.

    python src/data_preparation/batchai/batchai_datapreparation.py [--location concrete-lab]

Reads ``BATCHAI_INPUT_URL``; writes ``DataPrep_inputs`` (the local copy) and ``DataPrep_outputs``. A location that can't
be prepared does not stop the others: exit code 3 says that some failed (0 with ``--failed_locations warn``, as the
pipeline calls it).
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[3])

from src.common.console import (
    ALL,
    Stopwatch,
    add_verbose,
    chosen,
    format_table,
    report_error,
    report_warning,
    run_script,
)
from src.common.errors import BatchAIError, DataError, SettingsError, did_you_mean, some_of
from src.common.settings import load_settings
from src.settings.batchai.batchai_settings import BatchaiSettings

if TYPE_CHECKING:
    from src.data_preparation.batchai.data_warnings import DataWarning
    from src.data_preparation.batchai.location_runs import PreparedRun

STOP, WARN = "stop", "warn"
MOST_WARNINGS = 5
"""How many warnings of a location are shown; all stand in ``warnings.csv``."""


READS = (
    "train_min_batches",
    "clone_connections",
)
"""The settings that the script reads, beside those that say where things lie."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    arguments = _arguments(argv)
    settings = load_settings(BatchaiSettings, READS)
    watch = Stopwatch()
    inputs = arguments.inputs_folder or settings.inputs_folder
    prepared = arguments.prepared_folder or settings.prepared_folder
    from src.common.sources.cloning import owned_mirror

    with owned_mirror(inputs):
        broken = _clone(_source(arguments.input_url, settings), inputs, settings)
        run = _prepare(
            inputs, prepared, chosen(arguments.location), min_batches=settings.train_min_batches, broken=broken
        )
    print(f"prepared in {watch.seconds:.1f} s: {prepared}")
    print("next: python src/training/batchai/batchai_training.py")
    if not run.failed:
        return 0
    warn = arguments.failed_locations == WARN
    _report(run, warn=warn)
    print(_summary(run))
    return 0 if warn else DataError.exit_code


def _arguments(argv: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--input_url", help="folder or blob container with the raw exports (BATCHAI_INPUT_URL)")
    parser.add_argument("--inputs_folder", type=Path, help="where the local copy lies (DATAPREP_INPUTS_DIR)")
    parser.add_argument("--prepared_folder", type=Path, help="where to write the prepared data (DATAPREP_OUTPUTS_DIR)")
    parser.add_argument("--location", default=ALL, help="prepare this location only (default: all)")
    parser.add_argument(
        "--failed_locations",
        choices=(STOP, WARN),
        default=STOP,
        help="when some locations can't be prepared, the others are: then stop (exit code 3, default) or warn (0)",
    )
    parser.add_argument(
        "--data_version",
        default="unknown",
        help="what names the raw data: Azure ML does not prepare the same data twice, and knows it by this",
    )
    add_verbose(parser)
    return parser.parse_args(argv)


def _source(argument: str | None, settings: BatchaiSettings) -> str:
    """The input. A pipeline names it without the secrets of its URL, since anybody can see a command line."""
    from src.common.setting_values import source
    from src.common.sources.container_url import is_blob_url, without_secrets

    same = is_blob_url(settings.input_url) and argument == without_secrets(settings.input_url)
    if argument is None or same:
        return settings.input_url
    try:
        return source(argument)
    except ValueError as error:
        raise SettingsError("--input_url can't be used", expected=error) from None


def _clone(source: str, inputs: Path, settings: BatchaiSettings) -> dict[str, tuple[BatchAIError, ...]]:
    """Clone the exports. Returns what is wrong with those of which a file could not be cloned, by their names.

    Raises:
        BatchAIError: Nothing could be cloned, or a description that several exports share.
    """
    from src.common.sources.blob_storage import StorageCredentials
    from src.common.sources.cloning import clone

    credentials = StorageCredentials.from_settings(settings)
    summary = clone(source, inputs, credentials=credentials, connections=settings.clone_connections)
    print(summary)
    broken: dict[str, tuple[BatchAIError, ...]] = {}
    for name, error in summary.failed.items():
        export, inside, _ = name.partition("/")
        if not inside and export.endswith(".yml"):
            raise error
        broken[export] = (*broken.get(export, ()), error)
    return broken


def _prepare(
    inputs: Path,
    prepared: Path,
    location: str | None,
    *,
    min_batches: int,
    broken: Mapping[str, tuple[BatchAIError, ...]],
) -> PreparedRun:
    """Prepare the locations, report all problems of all of them, and commit those that can be used.

    Raises:
        BatchAIError: No location could be prepared.
    """
    from src.data_preparation.batchai.location_runs import prepare_locations
    from src.data_preparation.batchai.reports import summary_rows

    folders = _location_folders(inputs)
    run = prepare_locations(folders, prepared, only=location, min_batches=min_batches, broken=broken)
    if not run.done and not run.failed:
        raise _unknown(location or "", folders, inputs)
    if not run.done:
        raise _none_prepared(run, inputs)
    print(format_table(*summary_rows(run.done)))
    for preparation in run.done:
        if preparation.dropped:
            dropped = some_of((f"{name} ({reason})" for name, reason in preparation.dropped.items()), most=6)
            print(f"  {preparation.prepared.location}: features dropped: {dropped}")
        _report_warnings(preparation.warnings)
    return run


def _report_warnings(warnings: Sequence[DataWarning]) -> None:
    from src.data_preparation.batchai.data_warnings import ACCEPTED

    shown = [warning for warning in warnings if warning.severity != ACCEPTED]
    for warning in shown[:MOST_WARNINGS]:
        report_warning(DataError(f"location {warning.location}, {warning.severity}: {warning.message}"))
    if len(shown) > MOST_WARNINGS:
        print(f"  and {len(shown) - MOST_WARNINGS} more warnings in warnings.csv")


def _none_prepared(run: PreparedRun, inputs: Path) -> BatchAIError:
    """The error where no location could be prepared: the only one, or the last of all that are reported."""
    errors = [error for found in run.failed.values() for error in found]
    if len(errors) == 1:
        return errors[0]
    _report(run)
    return DataError(
        "no location could be prepared",
        where=inputs,
        found=some_of(run.failed, most=12),
        hint="correct what is named above; the prepared data that was there before is untouched",
    )


def _report(run: PreparedRun, *, warn: bool = False) -> None:
    for location, errors in run.failed.items():
        for error in errors:
            located = copy(error)
            located.what = f"location {location}: {error.what}"
            (report_warning if warn else report_error)(located)


def _summary(run: PreparedRun) -> str:
    """One line about the locations that could not be prepared."""
    gone = [name for name in run.failed if name not in run.kept]
    kept = f"; kept as prepared before: {some_of(run.kept)}" if run.kept else ""
    missing = f"; not in the prepared data: {some_of(gone)}" if gone else ""
    return f"{len(run.failed)} of {len(run.failed) + len(run.done)} locations could not be prepared{kept}{missing}"


def _unknown(location: str, folders: Iterable[str], inputs: Path) -> DataError:
    return DataError(
        f"unknown location {location!r}{did_you_mean(location, folders)}",
        where=inputs,
        found=some_of(folders, most=12),
        hint="name one of these, each a folder of the input, or a location that one of them holds among others",
    )


def _location_folders(inputs: Path) -> dict[str, Path]:
    """The folders of the locations, by the names that they have at the source."""
    from src.common.paths import original_name
    from src.common.sources.clone_state import STATE_NAME

    visible = [path for path in sorted(inputs.iterdir()) if path.is_dir() and path.name[0] != "."]
    visible = [path for path in visible if not (path / STATE_NAME).exists()]  # the local copy of another model
    folders = {original_name(path.name): path for path in visible}
    if not folders:
        raise DataError(
            "there is no location in the input",
            where=inputs,
            expected="one folder per location, with its location.yml and CSV exports",
            hint="check BATCHAI_INPUT_URL in .env",
        )
    return folders


if __name__ == "__main__":
    sys.exit(run_script(main))
