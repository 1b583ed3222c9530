"""The frame of batch inference, for every model: the folders that it reads and writes, and how it hands over."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from src.common.committed_folder import replace_folder
from src.common.platform_settings import Settings
from src.common.settings import Mode

KIND = "predictions"
PREDICTIONS = "predictions.csv"


@dataclass(frozen=True)
class Folders:
    """The folders of a run.

    Attributes:
        prepared: The prepared data; None where it was not named.
        model: The model.
        predictions: Where predictions go.
    """

    prepared: Path | None
    model: Path
    predictions: Path

    @classmethod
    def of(cls, arguments: Namespace, settings: Settings) -> Folders:
        """As the arguments say, else as the settings do."""
        outputs = settings.outputs_folder
        return cls(
            arguments.prepared_folder,
            arguments.model_folder or outputs / "model",
            arguments.predictions_folder or outputs / "predictions",
        )


def add_folders(parser: ArgumentParser) -> None:
    """Add the arguments that name them; a pipeline gives its scripts these."""
    parser.add_argument("--prepared_folder", type=Path, help="the prepared data (DATAPREP_OUTPUTS_DIR)")
    parser.add_argument("--model_folder", type=Path, help="the model (model/ in OUTPUTS_DIR)")
    parser.add_argument("--predictions_folder", type=Path, help="where to write (predictions/ in OUTPUTS_DIR)")


def hand_over(
    folder: Path, tables: Mapping[str, str], *, facts: Mapping[str, object], rows: int, settings: Settings
) -> Path:
    """Write predictions whole or not at all; in Azure ML, show them with the run.

    Args:
        folder: Where to.
        tables: Text by file name; `PREDICTIONS` is one of them.
        facts: Which model made them, and of which data.
        rows: How many predictions there are.
        settings: The settings.

    Returns:
        The file of the predictions.
    """
    with replace_folder(folder, kind=KIND) as staged:
        for name, text in tables.items():
            staged.write(name, text)
        staged.facts.update(facts, rows=rows)
    if settings.mode is Mode.PROD:
        from src.common.azureml_adapter import log_results

        log_results({"predictions": rows}, folder="predictions", files=[folder / PREDICTIONS])
    return folder / PREDICTIONS
