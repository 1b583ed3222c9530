"""What the pipelines of Azure DevOps mean: who may start what, with which scripts, variables, secrets and names.

The rules stand at https://learn.microsoft.com/azure/devops/pipelines; the engine that compiles the YAML by them has
tests of its own, in test/rehearsal.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest
import yaml
from dotenv import dotenv_values

from rehearsal.conditions import Before, holds
from rehearsal.definition import read_definition
from rehearsal.pipeline import Definition, Job, Stage, Step
from rehearsal.predefined import for_templates, of_run
from rehearsal.results import Result
from rehearsal.tasks import AGENTLESS
from rehearsal.variables import Variable, Variables
from src.common.settings import Mode, all_variables
from src.settings.batchai.batchai_settings import BatchaiSettings

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".pipelines"
TRAINING, INFERENCE, NIGHTLY = "batch_ai-dataprep.yml", "batch_ai-inference.yml", "batch_ai-nightly.yml"
MAIN, DEVELOP = "refs/heads/main", "refs/heads/develop"
ELSEWHERE = (
    ("Manual", "refs/heads/feature/x"),
    ("PullRequest", "refs/pull/7/merge"),
    ("IndividualCI", "refs/heads/mainly"),
    ("Manual", "refs/tags/main"),
)
GROUP = {"SUBSCRIPTION_ID": "s", "RESOURCE_GROUP": "r", "WORKSPACE_NAME": "w"}
SIGN_IN = {"TENANT_ID", "SP_APP_ID", "SP_APP_SECRET"}
NAMES = {
    *("MODEL_NAME", "EXPERIMENT_NAME", "TRAINING_PIPELINE_NAME"),
    *("INFERENCE_PIPELINE_NAME", "PREPARED_DATASET_NAME"),
}
"""What two environments must not share, should they share a workspace."""
SECRET = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # of a subscription, a tenant, a client
    r"|[A-Za-z0-9+/]{40,}=*(?!\S)"  # a key
    r"|[?&]sig=|Account(Key|Name)="
    r"|SECRET: (?!\$\(SP_APP_SECRET\)\n).*",
    flags=re.IGNORECASE,
)
SCRIPT = re.compile(r"python ((?:[\w/]+/)?\w+\.py)")
REPORT_MONITORING = "ml_service/pipelines/report_monitoring.py"
"""It reads files that the step before it has collected, and speaks to no service."""
WAYS = [{"wait": wait, "sign_in": by} for wait in ("agent", "agentless") for by in ("connection", "secret")]


@cache
def compiled(name: str, branch: str, reason: str = "IndividualCI", **parameters: str) -> Definition:
    """A pipeline as Azure DevOps compiles it for one run."""
    variables = for_templates(of_run(1, reason, branch))
    return read_definition(FOLDER / name, parameters=parameters, variables=variables)


def every() -> list[Definition]:
    """Both pipelines, for both environments, in every way that their parameters allow."""
    training = [compiled(TRAINING, branch, **way) for branch in (MAIN, DEVELOP) for way in WAYS]
    ways = ("connection", "secret")
    return training + [compiled(INFERENCE, branch, sign_in=way) for branch in (MAIN, DEVELOP) for way in ways]


def steps(*definitions: Definition) -> Iterator[tuple[Stage, Job, Step]]:
    """All steps, each with its stage and job."""
    for definition in definitions:
        for stage in definition.stages:
            for job in stage.jobs:
                for step in job.steps:
                    yield stage, job, step


def job(name: str, branch: str = MAIN, **parameters: str) -> Job:
    """A job of the training pipeline."""
    jobs = (job for _, job, _ in steps(compiled(TRAINING, branch, **parameters)))
    return next(found for found in jobs if found.name == name)


def scripts() -> list[str]:
    """The Python scripts that the pipelines run."""
    return sorted({name for *_, step in steps(*every()) for name in SCRIPT.findall(step.script)})


def variables(*sources: Mapping[str, str]) -> Variables:
    """These variables; the last of a name counts."""
    return Variables(Variable(name, value) for source in sources for name, value in source.items())


def runs(condition: str, results: Mapping[str, Result], *, canceled: bool = False, **known: str) -> bool:
    """Whether a condition holds after these results."""
    dependencies = {name: {"result": result.value} for name, result in results.items()}
    names = {"variables": variables({name.replace("__", "."): value for name, value in known.items()})}
    return holds(condition, {**names, "dependencies": dependencies}, Before(results, canceled=canceled).functions())


def secrets_in(text: str) -> list[str]:
    """What looks like a secret, or like an id of one organisation."""
    return [found.group() for found in SECRET.finditer(text)]


@pytest.mark.parametrize(("branch", "environment"), [(MAIN, "prod"), (DEVELOP, "dev")])
def test_a_branch_has_a_group_an_environment_and_connections_of_its_own(branch: str, environment: str) -> None:
    for definition in (compiled(TRAINING, branch), compiled(INFERENCE, branch), compiled(TRAINING, branch, **WAYS[3])):
        assert definition.groups == (f"batch_ai-{environment}",)
        places = {job.environment for _, job, _ in steps(definition)} - {""}
        assert places <= {f"batch_ai-{environment}", f"batch_ai-{environment}-inference"}
        assert f"batch_ai-{environment}" in places  # the model is registered there, whoever asks for it
        named = {
            step.inputs["azureSubscription"] for *_, step in steps(definition) if "azureSubscription" in step.inputs
        }
        assert named <= {f"batch_ai-{environment}", f"batch_ai-{environment}-agentless"}


def test_main_and_develop_share_no_name_in_a_workspace() -> None:
    main, develop = compiled(TRAINING, MAIN).variables, compiled(TRAINING, DEVELOP).variables
    assert {name for name in main if main[name] != develop[name]} == NAMES
    assert set(main) == set(develop)


@pytest.mark.parametrize(("reason", "branch"), ELSEWHERE)
@pytest.mark.parametrize("name", [TRAINING, INFERENCE])
def test_nothing_else_publishes_or_holds_what_has_to_be_authorised(name: str, reason: str, branch: str) -> None:
    definition = compiled(name, branch, reason)
    assert definition.groups == ()
    for _, job, step in steps(definition):
        assert job.environment == ""
        assert "azureSubscription" not in step.inputs
        assert "ml_service" not in step.script
        assert not SIGN_IN & set(step.env)


def test_what_locks_holds_for_the_whole_stage_and_one_run_after_the_other() -> None:
    for definition in every():
        for stage in definition.stages:
            deploys = any(job.environment for job in stage.jobs)
            publishes = any("ml_service" in step.script for job in stage.jobs for step in job.steps)
            assert deploys == publishes
            assert stage.lock == ("sequential" if deploys else "")


def test_the_task_of_the_extension_is_named_only_where_it_is_wanted() -> None:
    for way in WAYS:
        tasks = {step.task for *_, step in steps(compiled(TRAINING, MAIN, **way))}
        assert (AGENTLESS in tasks) == (way["wait"] == "agentless")
        assert job("run", **way).pool.server == (way["wait"] == "agentless")


def test_the_secret_is_mapped_where_it_signs_in_and_nowhere_else() -> None:
    for definition in every():
        by_secret = "AzureCLI@2" not in {step.task for *_, step in steps(definition)}
        for *_, step in steps(definition):
            speaks = "ml_service/pipelines/" in step.script and REPORT_MONITORING not in step.script
            assert step.env.get("SP_APP_SECRET") == ("$(SP_APP_SECRET)" if speaks and by_secret else None), step.title
            assert ("azureSubscription" in step.inputs) == (step.task == AGENTLESS or (speaks and not by_secret))
            assert not any("SP_APP_SECRET" in text for text in step.inputs.values())


def test_the_scripts_are_those_that_are_meant() -> None:
    assert scripts() == [
        "dev.py",
        "ml_service/pipelines/batchai_inference_pipeline.py",
        "ml_service/pipelines/batchai_training_pipeline.py",
        REPORT_MONITORING,
        "ml_service/pipelines/report_registration.py",
        "ml_service/pipelines/run_train_pipeline.py",
    ]


@pytest.mark.parametrize("script", scripts())
def test_every_script_shows_its_help_and_knows_the_options_it_gets(script: str) -> None:
    done = subprocess.run(
        [sys.executable, script, "--help"], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    if script != "dev.py":  # hands its options on to pytest
        for *_, step in steps(*every()):
            if script in step.script:
                for option in re.findall(r" (--\w+)", step.script):
                    assert option in done.stdout


def test_every_file_that_is_named_is_there() -> None:
    named = {name for *_, step in steps(*every()) for name in re.findall(r"-r (\S+)", step.script)}
    document = yaml.safe_load((FOLDER / TRAINING).read_text(encoding="utf-8"))
    assert named
    assert [name for name in {*named, *document["trigger"]["paths"]["exclude"]} if not (ROOT / name).exists()] == []
    keys = [step.inputs["key"] for *_, step in steps(*every()) if step.task == "Cache@2"]
    for pattern in {part.strip() for key in keys for part in key.split("|") if '"' not in part}:
        assert list(ROOT.glob(pattern)), pattern


def test_only_prose_triggers_nothing() -> None:
    """What is not excluded triggers, so no new folder is forgotten; a pull request is checked whatever it changes."""
    document = yaml.safe_load((FOLDER / TRAINING).read_text(encoding="utf-8"))
    branches = {"include": ["develop", "main"]}
    prose = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs"]
    assert document["trigger"] == {"batch": True, "branches": branches, "paths": {"exclude": prose}}
    assert document["pr"] == {"branches": branches}
    document = yaml.safe_load((FOLDER / INFERENCE).read_text(encoding="utf-8"))
    assert (document["trigger"], document["pr"]) == ("none", "none")


@pytest.mark.parametrize("name", [TRAINING, INFERENCE])
def test_the_schedule_is_there_and_a_parameter_switches_it(name: str) -> None:
    document = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    assert [(one["branches"], one["always"]) for one in document["schedules"]] == [({"include": ["main"]}, True)]
    for scheduled, reason, expected in (
        ("false", "Schedule", False),
        ("true", "Schedule", True),
        ("false", "Manual", True),
    ):
        first = compiled(name, MAIN, reason, scheduled=scheduled).stages[0]
        assert runs(first.condition, {}, Build__Reason=reason) == expected


def test_every_variable_that_is_set_is_one_of_env() -> None:
    assert set(compiled(TRAINING, MAIN).variables) <= set(all_variables())


def test_the_variables_are_those_of_env_but_for_the_differences_that_are_meant() -> None:
    defaults = {name: value or "" for name, value in dotenv_values(ROOT / ".env", interpolate=False).items()}
    here = compiled(TRAINING, MAIN).variables
    assert {name: value for name, value in here.items() if value != defaults[name]} == {
        "AML_PIPELINE_EXEC_MODE": "PROD"
    }
    for branch in (MAIN, DEVELOP):
        own = compiled(TRAINING, branch).variables
        assert compiled(INFERENCE, branch).variables == own
        assert BatchaiSettings.from_env({**defaults, **GROUP, **own}).mode is Mode.PROD


def test_the_agentless_task_sends_valid_json() -> None:
    build = of_run(7, "IndividualCI", DEVELOP)
    waits = job("run", DEVELOP, wait="agentless")
    (step,) = waits.steps
    own = compiled(TRAINING, DEVELOP).variables
    body = json.loads(f"{{{variables(build, own).macros(step.inputs['PipelineParameters'])}}}")
    assert body["ParameterAssignments"] == {"model_name": "batchai-dev"}
    assert body["tags"]["BuildId"] == body["StepTags"]["BuildId"] == build["Build.BuildId"]
    assert body["tags"]["BuildUri"] == body["StepTags"]["BuildUri"] == build["Build.BuildUri"]
    assert body["tags"]["Commit"] == build["Build.SourceVersion"]
    assert step.inputs["PipelineId"] == "$(PIPELINE_ID)"
    assert [entry.value for entry in waits.variables] == ["$[ dependencies.publish.outputs['find.PIPELINE_ID'] ]"]
    assert "find" in [step.name for step in job("publish").steps]


@pytest.mark.parametrize("published", [Result.SUCCEEDED, Result.ISSUES])
@pytest.mark.parametrize("ended", [Result.SUCCEEDED, Result.ISSUES, Result.FAILED])
def test_the_report_runs_however_the_run_ended(published: Result, ended: Result) -> None:
    condition = job("report").condition
    assert runs(condition, {"publish": published, "run": ended})
    assert not runs(condition, {"publish": published, "run": ended}, canceled=True), "a person has cancelled the build"
    assert not runs(condition, {"publish": Result.FAILED, "run": Result.SKIPPED})


def test_artifacts_are_named_by_attempt_and_published_only_from_a_folder_that_is_there() -> None:
    published = [step for *_, step in steps(*every()) if step.task == "PublishPipelineArtifact@1"]
    assert published
    for step in published:
        assert step.inputs["artifact"].endswith("-$(System.JobAttempt)")
        assert step.inputs["targetPath"] == "$(SUMMARY_FOLDER)"
        assert not runs(step.condition, {})
        assert runs(step.condition, {}, SUMMARY_FOLDER="/somewhere")


def test_what_starts_a_run_is_tried_once_and_what_loads_is_tried_again() -> None:
    for _, job, step in steps(*every()):
        assert job.pool.server or job.timeout is not None
        if "run_train_pipeline" in step.script and "--skip_train_execution" not in step.script:
            assert step.retries == 0
            assert "--continue_run" in step.script
            assert step.task != "AzureCLI@2" or step.inputs["keepAzSessionActive"] == "true"
        elif "pip install" in step.script or "_pipeline.py" in step.script or step.task.startswith("Use"):
            assert step.retries == 2, step.title


def test_waiting_ends_before_a_free_agent_does() -> None:
    """A free agent of a private project ends after 60 minutes (process/phases#timeouts), its set-up included."""
    minutes = [int(found) for *_, step in steps(*every()) for found in re.findall(r"--wait_minutes (\d+)", step.script)]
    assert minutes
    assert max(minutes) <= 60 - 15


def test_the_images_are_pinned() -> None:
    assert {job.pool.image for _, job, _ in steps(*every()) if not job.pool.server} == {"ubuntu-24.04"}


def test_the_nightly_run_ends_on_a_free_agent_and_can_be_run_again() -> None:
    """A private project's free agents end after 60 minutes (process/phases#timeouts)."""
    (fault_suite,) = compiled(NIGHTLY, MAIN, "Schedule").jobs()
    assert fault_suite.pool.image == "ubuntu-24.04"
    assert fault_suite.timeout is not None
    assert 0 <= fault_suite.timeout <= 60
    published = [step.inputs for step in fault_suite.steps if step.task == "PublishPipelineArtifact@1"]
    assert [inputs["artifact"] for inputs in published] == ["faults-$(System.JobAttempt)"]
    assert [(ROOT / inputs["targetPath"]).is_file() for inputs in published] == [True]
    assert [step.retries for step in fault_suite.steps if step.task.startswith("Use")] == [2]


def test_the_step_that_determines_the_outcome_has_its_name() -> None:
    titles = [step.title for step in job("report").steps]
    assert "Determine if evaluation succeeded and new model is registered" in titles


@pytest.mark.parametrize("file", sorted(FOLDER.rglob("*.yml")), ids=lambda file: file.name)
def test_no_file_holds_a_secret(file: Path) -> None:
    assert secrets_in(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        "value: 3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "SP_APP_SECRET: aZ8~Q.q3Xy",
        "value: Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq==",
        "value: https://account.blob.core.windows.net/raw?sv=2024-01-01&sig=abc%3D",
        "value: AccountName=a;AccountKey=abc",
    ],
)
def test_a_secret_would_be_found(line: str) -> None:
    assert secrets_in(f"variables:\n  {line}\n") != []
