"""Find the smallest change that brings a batch back inside its specification limits.

    python src/inference/batchai/batchai_adjustment.py --location L --product_id P --batch B [--row N] [--confident]
    python src/inference/batchai/batchai_adjustment.py --input FILE

What can be changed stands under ``adjustable`` in the location's description. Reads the model in ``outputs/model/`` and
the batch in ``DataPrep_outputs`` (or a file); writes ``outputs/adjustment/adjustment.csv``.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[3])

from src.common.committed_folder import replace_folder
from src.common.console import ALL, Stopwatch, add_verbose, chosen, run_script
from src.common.errors import DataError, SettingsError, did_you_mean, some_of
from src.common.settings import load_settings
from src.settings.batchai.batchai_settings import BatchaiSettings

if TYPE_CHECKING:
    from src.data_preparation.batchai.prepared_data import PreparedLocation
    from src.inference.batchai.goals import Batch
    from src.training.batchai.model import LocationModel, Model

KIND = "adjustment"
ADJUSTMENT = "adjustment.csv"
MOST_SHOWN = 10


READS = ()
"""The settings that the script reads, beside those that say where things lie."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    arguments = _arguments(argv)
    settings = load_settings(BatchaiSettings, READS)
    watch = Stopwatch()
    folder = arguments.adjustment_folder or settings.outputs_folder / "adjustment"

    from src.common.tables import format_csv
    from src.inference.batchai.adjustment import adjust
    from src.inference.batchai.adjustment_report import HEADER, adjustment_rows, describe
    from src.training.batchai.model_files import load_model

    measured = _measured(arguments.measured)
    model = load_model(arguments.model_folder or settings.outputs_folder / "model")
    if arguments.input:
        location, batches = _from_file(arguments, model, measured)
    else:
        location, batches = _prepared(arguments, arguments.prepared_folder or settings.prepared_folder, model, measured)
    found = [adjust(location, batch, confident=arguments.confident) for batch in batches]
    rows = [row for adjustment in found for row in adjustment_rows(location, adjustment)]
    named = (model.version, model.registered_as)
    with replace_folder(folder, kind=KIND) as staged:
        staged.write(ADJUSTMENT, format_csv((*HEADER, "model", "registered_as"), ((*row, *named) for row in rows)))
        staged.facts.update(model=model.version, registered_as=model.registered_as)
        staged.facts.update(data_version=model.data_version, batches=len(found))
    for adjustment in found[:MOST_SHOWN]:
        print(describe(location, adjustment))
    if len(found) > MOST_SHOWN:
        print(f"  ... and {len(found) - MOST_SHOWN} more, in {ADJUSTMENT}")
    print(f"  by {model.title}")
    print(f"computed in {watch.seconds:.1f} s: {folder / ADJUSTMENT}")
    return 0


def _arguments(argv: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--location", default=ALL, help="the location; with --input: of all rows")
    parser.add_argument("--product_id", default=ALL, help="the product; with --input: of all rows")
    parser.add_argument("--batch", default=ALL, help="the batch, pending or measured; with --input: only this one")
    parser.add_argument("--row", type=int, help="which row of its group, where the batch has several (from 1)")
    parser.add_argument("--input", type=Path, help="a CSV file like data.csv, with location and product_id columns")
    parser.add_argument(
        "--measured", action="append", default=[], metavar="TARGET=VALUE", help="what was measured of it; repeatable"
    )
    parser.add_argument("--confident", action="store_true", help="bring the whole interval inside the limits")
    parser.add_argument("--prepared_folder", type=Path, help="the prepared data (DATAPREP_OUTPUTS_DIR)")
    parser.add_argument("--model_folder", type=Path, help="the model (model/ in OUTPUTS_DIR)")
    parser.add_argument("--adjustment_folder", type=Path, help="where to write (adjustment/ in OUTPUTS_DIR)")
    add_verbose(parser)
    return parser.parse_args(argv)


def _measured(texts: Sequence[str]) -> dict[str, float]:
    from src.common.tables import MAX_MAGNITUDE, to_numbers

    values: dict[str, float] = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        (value,), wrong = to_numbers([number])
        if wrong or not name or not number or abs(value) > MAX_MAGNITUDE:
            raise SettingsError(
                "--measured can't be read", found=repr(text), expected="TARGET=VALUE, such as compressive_strength=27.5"
            )
        values[name] = float(value)
    return values


def _from_file(arguments: Namespace, model: Model, measured: dict[str, float]) -> tuple[LocationModel, list[Batch]]:
    """The batches of a file; `measured` is only for one."""
    from src.inference.batchai.batch_file import read_batch_file
    from src.inference.batchai.goals import Batch

    location, products = read_batch_file(
        arguments.input, model, location=chosen(arguments.location), product_id=chosen(arguments.product_id)
    )
    batches = [
        Batch(product, batch_id, number, features, _of_targets(location, measured))
        for product, rows in products.items()
        for number, (batch_id, features) in enumerate(zip(rows.batch_ids, rows.features, strict=True), start=1)
        if arguments.batch in (ALL, batch_id) and arguments.row in (None, number)
    ]
    if not batches:
        ids = sorted({batch_id for rows in products.values() for batch_id in rows.batch_ids})
        raise _unknown_batch(arguments, ids, arguments.input)
    if measured and len(batches) > 1:
        raise SettingsError(
            "--measured is for one batch", found=f"{len(batches)} rows", hint="name it: --batch and --row"
        )
    return location, batches


def _prepared(
    arguments: Namespace, folder: Path, model: Model, measured: dict[str, float]
) -> tuple[LocationModel, list[Batch]]:
    """A batch of the prepared data: pending, or measured."""
    from src.data_preparation.batchai.prepared_data import PreparedFolder
    from src.inference.batchai.matching import match_features

    if ALL in (arguments.location, arguments.product_id, arguments.batch):
        raise SettingsError(
            "which batch is to be adjusted?",
            expected="--location, --product_id and --batch; or --input with a file",
            hint="the pending batches stand in outputs/predictions/predictions.csv",
        )
    location = model.location(arguments.location)
    location.group(arguments.product_id)
    (data,) = PreparedFolder.open(folder).select(arguments.location, arguments.product_id)
    matching = match_features(location, data)
    for sentence in matching.sentences():
        print(f"  {data.location}: {sentence}")
    found = [
        replace(batch, features=matching.apply(batch.features[None])[0])
        for batch in _rows_of(location, data, arguments.batch, measured)
    ]
    if not found:
        (group,) = data.groups
        raise _unknown_batch(arguments, sorted({*group.pending.batch_ids, *group.batch_ids}), folder)
    batches = [batch for batch in found if arguments.row in (None, batch.row)]
    if len(batches) != 1:
        what = f"which row of batch {arguments.batch}?"
        raise DataError(
            what if batches else f"batch {arguments.batch} has no row {arguments.row}",
            where=f"{arguments.location}, {arguments.product_id}",
            found="rows " + some_of((batch.row for batch in found), most=20),
            expected="one of them, since limits may be meant for one row alone, such as for one age",
            hint="name it with --row, as predictions.csv numbers it",
        )
    return location, batches


def _rows_of(
    location: LocationModel, data: PreparedLocation, batch_id: str, measured: dict[str, float]
) -> Iterator[Batch]:
    """The rows of a batch that wait for their measurement; those that were measured, where none waits."""
    import numpy as np

    from src.inference.batchai.goals import Batch

    (group,) = data.groups
    product = group.product_id
    waiting = np.flatnonzero(group.pending.batch_ids == batch_id).tolist()
    for place in waiting:
        features = group.pending.features[place]
        yield Batch(product, batch_id, place + 1, features, _of_targets(location, measured))
    for place in np.flatnonzero(group.batch_ids == batch_id).tolist() if not waiting else []:
        values = zip((target.name for target in data.targets), group.targets[place].tolist(), strict=True)
        known = {name: value for name, value in values if not np.isnan(value)}
        yield Batch(product, batch_id, place + 1, group.features[place], known | _of_targets(location, measured))


def _of_targets(location: LocationModel, measured: dict[str, float]) -> dict[str, float]:
    names = [target.name for target in location.targets]
    for name in measured:
        if name not in names:
            raise SettingsError(
                f"--measured: {location.location} has no target {name!r}{did_you_mean(name, names)}",
                expected=some_of(names, most=12),
            )
    return measured


def _unknown_batch(arguments: Namespace, ids: Sequence[str], where: Path) -> DataError:
    row = f" with row {arguments.row}" if arguments.row is not None else ""
    return DataError(
        f"there is no batch {arguments.batch!r}{row}{did_you_mean(arguments.batch, ids)}",
        where=where,
        found=some_of(ids, most=12),
        hint="name one of these; ids are text, so 7 and 007 are two batches",
    )


if __name__ == "__main__":
    sys.exit(run_script(main))
