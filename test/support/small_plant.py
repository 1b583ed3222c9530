"""The small plant on somebody's laptop, a script at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from src.common.console import run_script
from src.common.settings import PROJECT_ROOT
from src.data_preparation.batchai import batchai_datapreparation
from src.evaluation.batchai import batchai_evaluation
from src.registration.batchai import batchai_registration
from src.training.batchai import batchai_training

SMALL = PROJECT_ROOT / "test" / "resources" / "small" / "plant"


@dataclass(frozen=True)
class SmallPlant:
    """The folders of one person.

    Attributes:
        root: The folder that holds all of them.
    """

    root: Path

    @property
    def model(self) -> Path:
        """Where training leaves the model."""
        return self.root / "outputs" / "model"

    @property
    def registry(self) -> Path:
        """Where the registered models lie."""
        return self.root / "outputs" / "registry"

    @property
    def variables(self) -> dict[str, str]:
        """The variables that name the folders, and say how to train and compare."""
        return {
            "AML_PIPELINE_EXEC_MODE": "DEV",
            "BATCHAI_INPUT_URL": str(self.root / "source"),
            "DATAPREP_INPUTS_DIR": str(self.root / "inputs"),
            "DATAPREP_OUTPUTS_DIR": str(self.root / "prepared"),
            "TRAINING_OUTPUT_DIR": str(self.root / "results"),
            "OUTPUTS_DIR": str(self.root / "outputs"),
            "TRAIN_FOLDS": "3",
            "TRAIN_MIN_BATCHES": "20",
            "TRAIN_TERMS": "linear",
            "TRAIN_BACKEND": "local",
            "MODEL_NAME": "batchai",
            "RUN_EVALUATION": "true",
            "GATE_POLICY": "better",
            "MIN_IMPROVEMENT": "0",
            "FRESH_MARGIN": "0.02",
            "BUILD_SOURCEVERSION": "0123abc",  # that of the working copy changes while somebody works
        }

    def export(self, batches: int, *, columns: Sequence[str] = ("temperature", "pressure")) -> None:
        """Export the first batches to `source`, with some of the features."""
        plant = self.root / "source" / "plant"
        plant.mkdir(parents=True, exist_ok=True)
        rows = (SMALL / "batches.csv").read_bytes().splitlines(keepends=True)
        (plant / "batches.csv").write_bytes(b"".join(rows[: batches + 1]))
        text = (SMALL / "location.yml").read_text(encoding="utf-8")
        text = text.replace("[temperature, pressure]", f"[{', '.join(columns)}]")
        if "temperature" not in columns:
            text = text.replace("derived:\n  log_temperature: log(temperature)\n", "")
        (plant / "location.yml").write_text(text, encoding="utf-8")

    def train(self, batches: int = 72, *, columns: Sequence[str] = ("temperature", "pressure")) -> None:
        """Export, prepare and train. The variables have to be set."""
        self.export(batches, columns=columns)
        assert batchai_datapreparation.main([]) == 0
        assert batchai_training.main([]) == 0


def evaluate(*argv: str) -> int:
    """Run the script of the evaluation. Returns its exit code."""
    return run_script(lambda: batchai_evaluation.main(argv))


def register(*argv: str) -> int:
    """Run the script of the registration. Returns its exit code."""
    return run_script(lambda: batchai_registration.main(argv))


def damage(path: Path) -> None:
    """Change one bit of a file's last byte."""
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
