"""Predict with the smallest complete model, for patients it was not trained on.

    python helloworld_inference.py

Reads the model from ``outputs/helloworld/model``; shows predictions beside what was measured.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[3])

from src.common.console import add_verbose, format_table, run_script
from src.common.settings import load_settings
from src.settings.helloworld.helloworld_settings import HelloworldSettings
from src.training.helloworld.diabetes_patients import load_patients
from src.training.helloworld.linear_model import load_model

SHOWN = 8


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--model_folder", type=Path, help="where the model lies (OUTPUTS_DIR/helloworld/model)")
    add_verbose(parser)
    arguments = parser.parse_args(argv)

    model = load_model(arguments.model_folder or load_settings(HelloworldSettings, ()).outputs_folder / "model")
    _, patients = load_patients()
    predicted = model.predict(patients.values, features=patients.features)
    residuals = patients.progression - predicted

    rows = list(zip(predicted.tolist(), patients.progression.tolist(), residuals.tolist(), strict=True))
    print(format_table(["predicted", "measured", "difference"], rows[:SHOWN]))
    print(
        f"{len(rows)} patients that training never saw, {min(SHOWN, len(rows))} of them shown; "
        f"rmse {(residuals**2).mean() ** 0.5:.1f}, expected {model.rmse:.1f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(run_script(main))
