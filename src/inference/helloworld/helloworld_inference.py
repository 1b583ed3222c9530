"""Predict with the smallest complete model, for patients it was not trained on.

    python helloworld_inference.py

Reads the model from ``outputs/helloworld/model``; writes ``outputs/helloworld/predictions``, and shows predictions
beside what was measured.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[3])

from src.common.committed_folder import read_manifest
from src.common.console import add_verbose, format_table, run_script
from src.common.settings import load_settings
from src.common.tables import format_csv
from src.data_preparation.helloworld.patients import load_patients, read_patients
from src.inference.batch_predictions import PREDICTIONS, Folders, add_folders, hand_over
from src.settings.helloworld.helloworld_settings import HelloworldSettings
from src.training.helloworld.linear_model import MADE_BY
from src.training.helloworld.model_file import KIND, load_model

SHOWN = 8


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    add_folders(parser)
    add_verbose(parser)
    arguments = parser.parse_args(argv)

    settings = load_settings(HelloworldSettings, ())
    folders = Folders.of(arguments, settings)
    model = load_model(folders.model)
    version = read_manifest(folders.model, kind=KIND, made_by=MADE_BY).version
    patients = (read_patients(folders.prepared) if folders.prepared else load_patients())[1]
    predicted = model.predict(patients.values, features=patients.features)
    residuals = patients.progression - predicted

    rows = list(zip(predicted.tolist(), patients.progression.tolist(), residuals.tolist(), strict=True))
    lines = ((number, *row[:2], version) for number, row in enumerate(rows, start=1))
    tables = {PREDICTIONS: format_csv(("patient", "predicted", "measured", "model"), lines)}
    hand_over(folders.predictions, tables, facts={"model": version}, rows=len(rows), settings=settings)
    print(format_table(["predicted", "measured", "difference"], rows[:SHOWN]))
    print(
        f"{len(rows)} patients that training never saw, {min(SHOWN, len(rows))} of them shown; "
        f"rmse {(residuals**2).mean() ** 0.5:.1f}, expected {model.rmse:.1f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(run_script(main))
