"""The scenarios that are rehearsed."""

from __future__ import annotations

from rehearsal.results import Result
from rehearsal.scenario import Expected, Run, Scenario

TRAINING = "batch_ai-dataprep.yml"
MAIN = "refs/heads/main"
COMPLETE = "scripts/logging-commands#complete-finish-timeline"
NOT_REGISTERED = "Model was not registered for this run."
PACKAGES, TESTS = "Install the packages", "Lint, types and unit tests"

SCENARIOS = (
    Scenario(
        "main",
        "pushes to main: the first, one with the same data, one after a location has joined",
        real=True,
        runs=(
            Run(
                "a push",
                *(TRAINING, "IndividualCI", MAIN),
                Expected(COMPLETE, "succeeded", {"train_model": Result.SUCCEEDED}, ("model",), ("model registered",)),
                without=("food-lab",),
            ),
            Run(
                "a push with the same data",
                *(TRAINING, "IndividualCI", MAIN),
                Expected(COMPLETE, "partiallySucceeded", {"train_model": Result.ISSUES}, ("model",), (NOT_REGISTERED,)),
            ),
            Run(
                "food-lab has joined",
                *(TRAINING, "IndividualCI", MAIN),
                Expected(COMPLETE, "succeeded", {"train_model": Result.SUCCEEDED}, ("model",), ("model registered",)),
                without=(),
            ),
        ),
    ),
)
