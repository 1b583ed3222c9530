"""Compare the trained model with the registered one: is it better?

    python src/evaluation/helloworld/helloworld_evaluation.py

Reads ``outputs/helloworld/model`` and the newest registered model; writes ``outputs/helloworld/evaluation``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[3])

from src.common.console import run_script
from src.evaluation.comparison import Compared, ComparedOn, compared
from src.evaluation.evaluation_script import Contenders, run_evaluation
from src.evaluation.paired_errors import BatchErrors
from src.training.helloworld.helloworld_kind import HELLOWORLD
from src.training.helloworld.model_file import load_model

PART = ("", "", "progression")
READS = ()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    return run_evaluation(HELLOWORLD, compare_models, argv, reads=READS, documentation=__doc__)


def compare_models(contenders: Contenders) -> Compared:
    """Compare the cross-validated errors of both models, patient by patient."""
    challenger = load_model(contenders.challenger)
    ours, mean = _errors(challenger.residuals), _errors(challenger.residuals_mean)
    if contenders.champion is None:
        return Compared([compared(PART, ComparedOn.FIRST, None, ours, mean)])
    theirs = _errors(load_model(contenders.champion).residuals)
    return Compared([compared(PART, ComparedOn.CROSS_VALIDATED, theirs, ours, mean)])


def _errors(residuals: Sequence[float]) -> BatchErrors:
    return {str(number): (residual**2, 1) for number, residual in enumerate(residuals)}


if __name__ == "__main__":
    sys.exit(run_script(main))
