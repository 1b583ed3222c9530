"""Predict the quality of batches: by default those that wait for their measurement.

    python src/inference/batchai/batchai_inference.py [--input FILE] [--location L] [--product_id P]

Reads the model in ``outputs/model/``; writes ``predictions.csv`` and, for each prediction what each feature adds to it,
``contributions.csv`` to ``outputs/predictions/``.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[3])

from src.common.console import ALL, Stopwatch, add_verbose, chosen, format_table, run_script
from src.common.errors import DataError
from src.common.settings import load_settings
from src.inference.batch_predictions import PREDICTIONS, Folders, add_folders, hand_over
from src.settings.batchai.batchai_settings import BatchaiSettings

if TYPE_CHECKING:
    from src.data_preparation.batchai.group_tables import FeatureRows
    from src.inference.batchai.prediction import Prediction
    from src.training.batchai.model import LocationModel, Model

    Group = tuple[LocationModel, str, FeatureRows]

REFUSE, LEAVE_OUT = "refuse", "leave_out"
CONTRIBUTIONS = "contributions.csv"


READS = ()
"""The settings that the script reads, beside those that say where things lie."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    arguments = _arguments(argv)
    settings = load_settings(BatchaiSettings, READS)
    watch = Stopwatch()
    folders = Folders.of(arguments, settings)
    prepared = folders.prepared or settings.prepared_folder

    from src.common.tables import format_csv
    from src.inference.batchai import contributions, prediction
    from src.training.batchai.model_files import load_model

    model = load_model(folders.model)
    groups = list(_from_file(arguments, model) if arguments.input else _pending(arguments, prepared, model))
    predictions = [item for group in groups for item in prediction.predict_group(*group)]
    parts = chain.from_iterable(contributions.contributions_of_group(*group) for group in groups)
    header, named = (*prediction.HEADER, "model", "registered_as"), (model.version, model.registered_as)
    tables = {
        PREDICTIONS: format_csv(header, (item.cells() + named for item in predictions)),
        CONTRIBUTIONS: format_csv(contributions.HEADER, parts),
    }
    facts = {"model": model.version, "registered_as": model.registered_as, "data_version": model.data_version}
    file = hand_over(folders.predictions, tables, facts=facts, rows=len(predictions), settings=settings)
    _print_summary(predictions)
    print(f"  by {model.title}")
    print(f"predicted in {watch.seconds:.1f} s: {file}")
    return 0


def _arguments(argv: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--input", type=Path, help="a CSV file like data.csv, with location and product_id columns")
    parser.add_argument("--location", default=ALL, help="only this location; with --input: the location of all rows")
    parser.add_argument("--product_id", default=ALL, help="only this product; with --input: the product of all rows")
    parser.add_argument(
        "--unknown",
        choices=(REFUSE, LEAVE_OUT),
        default=REFUSE,
        help="what to do with pending batches of a location or product that the model does not know (default: refuse)",
    )
    add_folders(parser)
    add_verbose(parser)
    return parser.parse_args(argv)


def _from_file(arguments: Namespace, model: Model) -> Iterator[Group]:
    from src.inference.batchai.batch_file import read_batch_file

    location, rows = read_batch_file(
        arguments.input, model, location=chosen(arguments.location), product_id=chosen(arguments.product_id)
    )
    for product, batches in rows.items():
        yield location, product, batches


def _pending(arguments: Namespace, prepared: Path, model: Model) -> Iterator[Group]:
    from src.data_preparation.batchai.group_tables import FeatureRows
    from src.data_preparation.batchai.prepared_data import PreparedFolder
    from src.inference.batchai.matching import match_features

    folder = PreparedFolder.open(prepared)
    for data in folder.select(chosen(arguments.location), chosen(arguments.product_id)):
        if not _known(partial(model.location, data.location), arguments.unknown):
            continue
        location = model.location(data.location)
        matching = match_features(location, data)
        for sentence in matching.sentences():
            print(f"  {data.location}: {sentence}")
        for group in data.groups:
            product = group.product_id
            if len(group.pending.batch_ids) and _known(partial(location.group, product), arguments.unknown):
                yield location, product, FeatureRows(group.pending.batch_ids, matching.apply(group.pending.features))


def _known(check: Callable[[], object], unknown: str) -> bool:
    """Whether a check passes; what it refuses is named, and left out where that is wanted."""
    try:
        check()
    except DataError as error:
        if unknown == REFUSE:
            raise
        print(f"  left out: {error.what}")
        return False
    return True


def _print_summary(predictions: Sequence[Prediction]) -> None:
    """Count the predictions of each group."""
    groups: dict[tuple[str, str], list[Prediction]] = {}
    for prediction in predictions:
        groups.setdefault((prediction.location, prediction.product_id), []).append(prediction)
    rows = [
        (
            *key,
            len({prediction.batch_id for prediction in part}),
            sum(prediction.estimate is not None for prediction in part),
            sum(bool(prediction.estimate) and prediction.outside_training for prediction in part),
        )
        for key, part in groups.items()
    ]
    if rows:
        print(format_table(("location", "product_id", "batches", "predictions", "outside training"), rows))
    else:
        print("  no batch waits for its measurement")


if __name__ == "__main__":
    sys.exit(run_script(main))
