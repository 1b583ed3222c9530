"""Train the smallest complete model, and store it with its error.

    python helloworld_training.py

Writes the model to ``outputs/helloworld/model``. Start here to add a model of your own.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[3])

from src.common.console import Stopwatch, add_verbose, format_table, run_script
from src.common.settings import load_settings
from src.data_preparation.helloworld.patients import load_patients, read_patients
from src.settings.helloworld.helloworld_settings import HelloworldSettings
from src.training.helloworld.fitting import train
from src.training.helloworld.model_file import save_model

READS = ("folds", "source_version")
"""The settings that the script reads, beside those that say where things lie."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--prepared_folder", type=Path, help="the prepared patients (default: those of scikit-learn)")
    parser.add_argument("--model_folder", type=Path, help="where to write the model (OUTPUTS_DIR/helloworld/model)")
    add_verbose(parser)
    arguments = parser.parse_args(argv)
    settings = load_settings(HelloworldSettings, READS)
    watch = Stopwatch()

    given = arguments.prepared_folder
    patients, _, version = read_patients(given) if given else (*load_patients(), "scikit-learn")
    model = train(patients.values, patients.progression, features=patients.features, folds=settings.folds)
    folder = arguments.model_folder or settings.outputs_folder / "model"
    save_model(folder, model, data_version=version, source_version=settings.source_version)

    rows = [*model.coefficients.items(), ("(intercept)", model.intercept)]
    print(format_table(["feature", "coefficient"], rows))
    print(
        f"expected error (rmse, {settings.folds} folds): {model.rmse:.1f}; "
        f"of predicting the mean: {model.rmse_mean:.1f}; skill: {1 - model.rmse / model.rmse_mean:.2f}"
    )
    print(f"trained on {len(patients.progression)} patients in {watch.seconds:.1f} s: {folder}")
    print("next: python helloworld_inference.py")
    return 0


if __name__ == "__main__":
    sys.exit(run_script(main))
