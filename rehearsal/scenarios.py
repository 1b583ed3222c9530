"""The scenarios that are rehearsed, each with what Microsoft's pages let one expect."""

from __future__ import annotations

from rehearsal.results import Result
from rehearsal.scenario import Expected, Run, Scenario
from rehearsal.triggers import Event
from src.common.models import model_names
from src.common.settings import PROJECT_ROOT

TRAINING, INFERENCE = "batch_ai-dataprep.yml", "batch_ai-inference.yml"
MAIN, DEVELOP, TOPIC = "refs/heads/main", "refs/heads/develop", "refs/heads/topic"
PUSH = Event("push", MAIN, paths=("src/common/settings.py",))
COMPLETE = "scripts/logging-commands#complete-finish-timeline"
CONDITIONS = "process/conditions"
INSERTION = "process/template-expressions#conditional-insertion"
RERUN = "https://learn.microsoft.com/azure/devops/release-notes/2019/pipelines/sprint-158-update"
NOT_REGISTERED = "Model was not registered for this run."
GOOD, ISSUES, FAILED, CANCELED, SKIPPED = Result

PACKAGES, TESTS = "Install the packages", "Lint, types and unit tests"
PUBLISH, FIND = "Publish the ML training pipeline", "Find the pipeline that this build published"
RUN, REPORT = "Run the ML training pipeline", "Determine if evaluation succeeded and new model is registered"
PUBLISH_INFERENCE, RUN_INFERENCE = "Publish the ML inference pipeline", "Run the ML inference pipeline"
RESULTS = """echo '<testsuites/>' > test-results.xml; echo '<coverage/>' > coverage.xml"""
REPORTED = """mkdir -p $(Pipeline.Workspace)/model && echo summary > $(Pipeline.Workspace)/model/summary.md
echo "##vso[task.setvariable variable=SUMMARY_FOLDER]$(Pipeline.Workspace)/model"
"""
QUICK = {
    TESTS: RESULTS,
    PUBLISH: "echo published",
    FIND: 'echo "##vso[task.setvariable variable=PIPELINE_ID;isOutput=true]42"',
    RUN: "echo finished",
    REPORT: REPORTED,
}
"""Stand-ins for all that would work on Azure ML, and for the checks."""
QUICK_INFERENCE = {**QUICK, PUBLISH_INFERENCE: "echo published"}
FAILS = {RUN: "echo the run failed >&2; exit 4"}
FAILED_REPORT = f'{REPORTED}\necho "##vso[task.logissue type=error]a step of the run failed"; exit 4'

DEPLOYMENT_OUTPUTS = "process/deployment-jobs#support-for-output-variables"


def monitored(*, signals: int) -> str:
    """A run of the inference pipeline that found so many signals, with the group's RETRAIN_ON_SIGNALS=true."""
    row = "signal,since training,plant,P04,quality,CUSUM,B41,20,8.1,5.2,0.0001,1 % more than predicted"
    return f"""mkdir -p $(Pipeline.Workspace)/predictions && cd $(Pipeline.Workspace)/predictions
echo '{{"signals": {signals}, "newly_measured": 20}}' > monitoring.json
echo 'level,kind,location,product_id,target,what,since_batch,batches,statistic,limit,chance,text' > signals.csv
{f"echo '{row}' >> signals.csv" if signals else "true"}
echo "##vso[task.setvariable variable=SUMMARY_FOLDER]$PWD"
echo "##vso[task.setvariable variable=RETRAIN_ON_SIGNALS]true"
"""


def _of_model(name: str) -> Scenario:
    """A model beside the first one, trained by hand on main."""
    trained = Expected(COMPLETE, "succeeded", {"train_model": GOOD}, ("model-1",), ("MODELVERSION = 1",))
    run = Run("started by hand", f"batch_ai-{name}.yml", Event("manual", MAIN), trained)
    return Scenario(name, f"{name}: trained and registered", real=True, runs=(run,))


SCENARIOS = (
    Scenario(
        "main",
        "pushes to main: the first, one with the same data, one after a location has joined; an agent waits",
        real=True,
        runs=(
            Run(
                "a push",
                *(TRAINING, PUSH),
                Expected(
                    *(COMPLETE, "succeeded"),
                    {"model_ci": GOOD, "train_model": GOOD, "train_model/run": GOOD, "train_model/report": GOOD},
                    ("model-1",),
                    ("model registered", "MODELVERSION = 1"),
                ),
                without=("food-lab",),
            ),
            Run(
                "a push with the same data",
                *(TRAINING, PUSH),
                Expected(
                    *(COMPLETE, "partiallySucceeded"),
                    {"model_ci": GOOD, "train_model": ISSUES, "train_model/run": ISSUES, "train_model/report": ISSUES},
                    ("model-1",),
                    (NOT_REGISTERED,),
                ),
                stand_ins={TESTS: RESULTS},
            ),
            Run(
                "food-lab has joined",
                *(TRAINING, PUSH),
                Expected(
                    *(COMPLETE, "succeeded"),
                    {"train_model": GOOD},
                    ("model-1",),
                    ("model registered", "MODELVERSION = 2"),
                ),
                without=(),
                stand_ins={TESTS: RESULTS},
            ),
        ),
    ),
    Scenario(
        "develop",
        "a push to develop, whose model has a name of its own; a job without an agent waits, the scripts use a secret",
        real=True,
        runs=(
            Run(
                "a push",
                *(TRAINING, Event("push", DEVELOP, paths=("src/common/settings.py",))),
                Expected(
                    *("process/phases#server-jobs", "succeeded"),
                    {"train_model/run": GOOD, "train_model/report": GOOD},
                    ("model-1",),
                    ("model registered", "MODELVERSION = 1"),
                ),
                parameters={"wait": "agentless", "sign_in": "secret"},
                without=(),
                stand_ins={TESTS: RESULTS},
            ),
        ),
    ),
    Scenario(
        "inference",
        "batch inference with the registered model",
        real=True,
        after="main",
        runs=(
            Run(
                "started by hand",
                *(INFERENCE, Event("manual", MAIN)),
                Expected(
                    *(COMPLETE, "succeeded"),
                    {"predict/predict": GOOD, "train_model": SKIPPED},
                    ("predictions-1",),
                    ("RETRAIN = false",),
                ),
            ),
            Run(
                "from another branch",
                *(INFERENCE, Event("manual", TOPIC)),
                Expected(INSERTION, "failed", {"refused": FAILED}, (), ("from main and develop only",)),
            ),
        ),
    ),
    Scenario(
        "retraining",
        "monitoring finds a signal, and training follows; another time it finds none",
        runs=(
            Run(
                "a signal",
                *(INFERENCE, Event("manual", MAIN)),
                Expected(
                    *(DEPLOYMENT_OUTPUTS, "succeeded"),
                    {"predict": GOOD, "train_model": GOOD, "train_model/run": GOOD, "train_model/report": GOOD},
                    ("model-1", "predictions-1"),
                    ("RETRAIN = true", "plant, P04, quality: since training, CUSUM, since batch B41: 1 % more"),
                ),
                stand_ins={**QUICK_INFERENCE, RUN_INFERENCE: monitored(signals=1)},
            ),
            Run(
                "a signal, and a job without an agent waits",
                *(INFERENCE, Event("manual", DEVELOP)),
                Expected(
                    *(DEPLOYMENT_OUTPUTS, "succeeded"),
                    {"predict": GOOD, "train_model/run": GOOD, "train_model/report": GOOD},
                    ("model-1", "predictions-1"),
                    ("RETRAIN = true",),
                ),
                parameters={"wait": "agentless"},
                stand_ins={**QUICK_INFERENCE, RUN_INFERENCE: monitored(signals=1)},
            ),
            Run(
                "no signal",
                *(INFERENCE, Event("manual", MAIN)),
                Expected(
                    *(DEPLOYMENT_OUTPUTS, "succeeded"),
                    {"predict": GOOD, "train_model": SKIPPED},
                    ("predictions-1",),
                    ("RETRAIN = false",),
                    never=(PUBLISH, RUN, REPORT),
                ),
                stand_ins={**QUICK_INFERENCE, RUN_INFERENCE: monitored(signals=0)},
            ),
        ),
    ),
    Scenario(
        "pull-request",
        "a pull request into main, and a run of another branch by hand: nothing but the checks",
        runs=(
            Run(
                "a pull request",
                *(TRAINING, Event("pull request", MAIN)),
                Expected(INSERTION, "succeeded", {"model_ci": GOOD, "train_model": SKIPPED}, (), never=(PUBLISH, RUN)),
            ),
            Run(
                "by hand, of another branch",
                *(TRAINING, Event("manual", TOPIC)),
                Expected(INSERTION, "succeeded", {"model_ci": GOOD, "train_model": SKIPPED}, (), never=(PUBLISH, RUN)),
                stand_ins=QUICK,
            ),
        ),
    ),
    Scenario(
        "rerun",
        "the run in Azure ML fails, and its job is run again; then it is not better",
        runs=(
            Run(
                "a push",
                *(TRAINING, PUSH),
                Expected(
                    *(CONDITIONS, "failed"),
                    {"train_model/publish": GOOD, "train_model/run": FAILED, "train_model/report": FAILED},
                    ("model-1",),
                    ("a step of the run failed", "Bash exited with code '4'."),
                ),
                stand_ins={**QUICK, **FAILS, REPORT: FAILED_REPORT},
                again=Expected(
                    *(RERUN, "succeeded"),
                    {"train_model/publish": GOOD, "train_model/run": GOOD, "train_model/report": GOOD},
                    ("model-1", "model-2"),
                ),
                repaired={RUN: "echo finished", REPORT: REPORTED},
            ),
        ),
    ),
    Scenario(
        "failing-step",
        "a check fails; a pipeline can't be published",
        runs=(
            Run(
                "a check fails",
                *(TRAINING, PUSH),
                Expected(
                    *(CONDITIONS, "failed"),
                    {"model_ci": FAILED, "train_model": SKIPPED},
                    (),
                    ("Bash exited with code '1'.",),
                    (PUBLISH,),
                ),
                stand_ins={**QUICK, TESTS: f"{RESULTS}; exit 1"},
            ),
            Run(
                "a pipeline can't be published",
                *(TRAINING, PUSH),
                Expected(
                    *(CONDITIONS, "failed"),
                    {"train_model/publish": FAILED, "train_model/run": SKIPPED, "train_model/report": SKIPPED},
                    (),
                    ("RetryHelper encountered task failure, will retry",),
                    (FIND, RUN, REPORT),
                ),
                stand_ins={**QUICK, PUBLISH: "exit 4"},
            ),
        ),
    ),
    Scenario(
        "cancel",
        "a person cancels a run while it waits",
        runs=(
            Run(
                "a push",
                *(TRAINING, PUSH),
                Expected(
                    *(CONDITIONS + "#condition-outcomes-when-a-build-is-canceled", "canceled"),
                    {"train_model/run": CANCELED, "train_model/report": SKIPPED, "train_model": CANCELED},
                    (),
                    never=(REPORT,),
                ),
                stand_ins={**QUICK, RUN: "sleep 60"},
                cancels_at=f"train_model/run/{RUN}",
            ),
        ),
    ),
    Scenario(
        "schedule",
        "Monday, 3:00 UTC: nothing by default; with the parameter, a training run",
        runs=(
            Run(
                "as it is",
                *(TRAINING, Event("schedule", MAIN, schedule="Mondays at 3:00 UTC")),
                Expected("yaml-schema/schedules-cron", "skipped", {"model_ci": SKIPPED, "train_model": SKIPPED}, ()),
                stand_ins=QUICK,
            ),
            Run(
                "with scheduled: true",
                *(TRAINING, Event("schedule", MAIN, schedule="Mondays at 3:00 UTC")),
                Expected(
                    "yaml-schema/schedules-cron", "succeeded", {"model_ci": GOOD, "train_model": GOOD}, ("model-1",)
                ),
                parameters={"scheduled": "true"},
                stand_ins=QUICK,
            ),
        ),
    ),
    *(_of_model(name) for name in model_names() if (PROJECT_ROOT / f".pipelines/batch_ai-{name}.yml").is_file()),
)
