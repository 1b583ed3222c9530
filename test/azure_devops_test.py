"""What the pipelines of Azure DevOps mean: scripts, variables, secrets, and when which job runs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from dotenv import dotenv_values

from rehearsal.__main__ import QUICK
from rehearsal.conditions import Before, holds
from rehearsal.definition import Definition, Job, Step, read_definition
from rehearsal.results import Result
from rehearsal.surroundings import GROUP, SECRETS
from rehearsal.tasks import AGENTLESS
from rehearsal.variables import Variable, Variables
from src.common.settings import Mode, Settings

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".pipelines"
TRAINING = read_definition(FOLDER / "batch_ai-dataprep.yml")
INFERENCE = read_definition(FOLDER / "batch_ai-inference.yml")
BUILD = {"Build.BuildId": "7", "Build.BuildUri": "vstfs:///Build/Build/7", "Build.SourceVersion": "0" * 40}
OF_AZURE_DEVOPS = {name.upper().replace(".", "_") for name in BUILD}
VARIABLES_FILE = FOLDER / "batch_ai-variables.yml"
TIMEOUT = "timeoutInMinutes"
SECRET = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # of a subscription, a tenant, a client
    r"|[A-Za-z0-9+/]{40,}=*(?!\S)"  # a key
    r"|[?&]sig=|Account(Key|Name)="
    r"|SECRET: (?!\$\(SP_APP_SECRET\)\n).*",
    flags=re.IGNORECASE,
)
SCRIPT = re.compile(r"python ((?:[\w/]+/)?\w+\.py)")


def variables(*sources: Mapping[str, str]) -> Variables:
    """These variables; the last of a name counts."""
    return Variables(Variable(name, value) for source in sources for name, value in source.items())


def runs(condition: str, results: Mapping[str, Result], *, canceled: bool = False, **known: str) -> bool:
    """Whether a condition holds after these results."""
    dependencies = {name: {"result": result.value} for name, result in results.items()}
    names = {"variables": variables({name.replace("__", "."): value for name, value in known.items()})}
    return holds(condition, {**names, "dependencies": dependencies}, Before(results, canceled=canceled).functions())


def steps(*definitions: Definition) -> Iterator[tuple[Job, Step]]:
    """All steps, each with its job."""
    for definition in definitions:
        for stage in definition.stages:
            for job in stage.jobs:
                for step in job.steps:
                    yield job, step


def job(name: str) -> Job:
    """A job of the training pipeline."""
    return next(found for found, _ in steps(TRAINING) if found.name == name)


def scripts() -> list[str]:
    """The Python scripts that the pipelines run."""
    return sorted({name for _, step in steps(TRAINING, INFERENCE) for name in SCRIPT.findall(step.script)})


def env_variables() -> set[str]:
    """The variables of .env."""
    return set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env").read_text(encoding="utf-8"), flags=re.MULTILINE))


def secrets_in(text: str) -> list[str]:
    """What looks like a secret, or like an id of one organisation."""
    return [found.group() for found in SECRET.finditer(text)]


def test_the_scripts_are_those_that_are_meant() -> None:
    assert scripts() == [
        "dev.py",
        "ml_service/pipelines/batchai_inference_pipeline.py",
        "ml_service/pipelines/batchai_training_pipeline.py",
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
        for _, step in steps(TRAINING, INFERENCE):
            if script in step.script:
                for option in re.findall(r" (--\w+)", step.script):
                    assert option in done.stdout


def test_every_requirements_file_is_there() -> None:
    named = {name for _, step in steps(TRAINING, INFERENCE) for name in re.findall(r"-r (\S+)", step.script)}
    assert named
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_every_path_that_triggers_is_there() -> None:
    text = TRAINING.file.read_text(encoding="utf-8")
    paths = re.findall(r"^      - (\S+)$", text[text.index("  paths:") : text.index("\npr:")], flags=re.MULTILINE)
    assert "src" in paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_variable_of_env_is_set_or_documented_once() -> None:
    comments = " ".join(
        line for line in VARIABLES_FILE.read_text(encoding="utf-8").splitlines() if line.startswith("#")
    )
    documented = set(re.findall(r"\b[A-Z][A-Z_]+\b", comments))
    set_here = set(TRAINING.variables)
    assert env_variables() - set_here - documented == set()
    assert set_here & documented == set()
    assert set_here - env_variables() == {"AGENT_WAIT", "AZUREML_CONNECTION"}
    assert set(GROUP) <= documented
    assert documented >= OF_AZURE_DEVOPS


def test_both_pipelines_have_the_same_variables() -> None:
    assert INFERENCE.variables == TRAINING.variables
    assert INFERENCE.groups == TRAINING.groups == ("batch_ai-vg",)


def test_every_macro_has_a_variable() -> None:
    for definition in (TRAINING, INFERENCE):
        for owner, step in steps(definition):
            own = {entry.name: entry.value for entry in owner.variables}
            known = variables(BUILD, GROUP, definition.variables, own)
            texts = [*step.env.values(), *(text for name, text in step.inputs.items() if name != "script")]
            assert not any("$(" in known.macros(text) for text in texts)


def test_the_secret_is_mapped_where_azure_ml_is_spoken_to_and_nowhere_else() -> None:
    for owner, step in steps(TRAINING, INFERENCE):
        speaks = "ml_service/pipelines/" in step.script
        assert step.env.get("SP_APP_SECRET") == ("$(SP_APP_SECRET)" if speaks else None), (owner.name, step.title)
        assert not any(secret in text for secret in SECRETS for text in step.inputs.values())


def test_no_value_of_the_group_stands_in_the_variables() -> None:
    assert set(GROUP) & set(TRAINING.variables) == set()


def test_the_agentless_task_sends_valid_json() -> None:
    step = next(step for _, step in steps(TRAINING) if step.task == AGENTLESS)
    fragment = variables(BUILD, GROUP, TRAINING.variables).macros(step.inputs["PipelineParameters"])
    body = json.loads(f"{{{fragment}}}")
    assert body["ParameterAssignments"] == {"model_name": TRAINING.variables["MODEL_NAME"]}
    assert body["tags"]["BuildId"] == body["StepTags"]["BuildId"] == "7"
    assert body["tags"]["BuildUri"] == body["StepTags"]["BuildUri"] == BUILD["Build.BuildUri"]


def test_a_job_without_agent_waits_as_long_as_it_takes() -> None:
    text = TRAINING.file.read_text(encoding="utf-8")
    part = text[text.index("job: run_without_agent") : text.index("job: run_with_agent")]
    assert "timeoutInMinutes: 0" in part
    assert job("run_without_agent").pool.server


def test_a_pull_request_publishes_and_trains_nothing() -> None:
    publish = next(step for _, step in steps(TRAINING) if step.title == "Publish the ML training pipeline")
    train = next(stage for stage in TRAINING.stages if stage.name == "train_model")
    for condition in (publish.condition, train.condition):
        assert not runs(condition, {}, Build__Reason="PullRequest")
        assert runs(condition, {}, Build__Reason="IndividualCI")


@pytest.mark.parametrize(("agent_waits", "waits"), [("false", "run_without_agent"), ("true", "run_with_agent")])
def test_exactly_one_job_waits(agent_waits: str, waits: str) -> None:
    before = {"get_pipeline_id": Result.SUCCEEDED}
    both = ("run_without_agent", "run_with_agent")
    assert [name for name in both if runs(job(name).condition, before, AGENT_WAIT=agent_waits)] == [waits]


@pytest.mark.parametrize("ended", [Result.SUCCEEDED, Result.ISSUES, Result.FAILED, Result.CANCELED])
def test_the_report_runs_however_the_run_ended(ended: Result) -> None:
    results = {"get_pipeline_id": Result.SUCCEEDED, "run_without_agent": ended, "run_with_agent": Result.SKIPPED}
    condition = job("report").condition
    assert runs(condition, results)
    assert not runs(condition, results, canceled=True), "a person has cancelled the build"


def test_the_report_does_not_run_where_no_pipeline_was_found() -> None:
    results = {"get_pipeline_id": Result.FAILED, "run_without_agent": Result.SKIPPED, "run_with_agent": Result.SKIPPED}
    assert not runs(job("report").condition, results)


def test_a_run_that_is_not_better_does_not_turn_the_build_red() -> None:
    assert job("run_without_agent").continue_on_error
    assert job("run_with_agent").continue_on_error
    assert not job("report").continue_on_error


def test_the_step_that_determines_the_outcome_has_its_name() -> None:
    assert "Determine if evaluation succeeded and new model is registered" in [
        step.title for step in job("report").steps
    ]


def test_the_rehearsal_has_stand_ins_for_steps_that_are_there() -> None:
    assert set(QUICK) <= {step.title for _, step in steps(TRAINING)}


def test_the_variables_are_those_of_env_but_for_the_differences_that_are_meant() -> None:
    defaults = dotenv_values(ROOT / ".env", interpolate=False)
    shared = set(TRAINING.variables) & set(defaults)
    differ = {name: TRAINING.variables[name] for name in shared if TRAINING.variables[name] != defaults[name]}
    assert differ == {"AML_PIPELINE_EXEC_MODE": "PROD", "ALLOW_RUN_CANCEL": "false"}


def test_the_scripts_take_the_variables() -> None:
    defaults = {name: value or "" for name, value in dotenv_values(ROOT / ".env", interpolate=False).items()}
    group = {name: value for name, value in GROUP.items() if name in defaults}
    assert Settings.from_env({**defaults, **group, **TRAINING.variables}).mode is Mode.PROD


def test_the_checks_of_a_build_run_on_its_agent() -> None:
    checks = [step for _, step in steps(TRAINING) if "dev.py test" in step.script]
    assert [step.env for step in checks] == [{"AML_PIPELINE_EXEC_MODE": "DEV"}]


@pytest.mark.parametrize("definition", [TRAINING, INFERENCE], ids=["training", "inference"])
def test_what_is_referred_to_is_there(definition: Definition) -> None:
    for stage in definition.stages:
        jobs = {job.name: job for job in stage.jobs}
        for job in stage.jobs:
            values = (entry.value for entry in job.variables)
            texts = (job.condition, *values, *(step.condition for step in job.steps))
            for name, output in re.findall(r"dependencies\.(\w+)(?:\.outputs\['([\w.]+)'\])?", " ".join(texts)):
                assert name in job.depends_on, (job.name, name)
                if output:
                    step_name, variable = output.split(".")
                    step = next(step for step in jobs[name].steps if step.name == step_name)
                    assert f"variable={variable};isOutput=true" in step.script


def test_an_output_of_another_job_is_what_is_run() -> None:
    own = {entry.name: entry.value for entry in job("run_without_agent").variables}
    assert "find.PIPELINE_ID" in own["PIPELINE_ID"]
    step = next(step for step in job("run_without_agent").steps if step.task == AGENTLESS)
    assert step.inputs["PipelineId"] == "$(PIPELINE_ID)"


def test_develop_and_main_trigger() -> None:
    document = yaml.safe_load(TRAINING.file.read_text(encoding="utf-8"))
    branches = {"include": ["develop", "main"]}
    assert (document["trigger"]["branches"], document["pr"]) == (branches, {"branches": branches})
    document = yaml.safe_load(INFERENCE.file.read_text(encoding="utf-8"))
    assert (document["trigger"], document["pr"]) == ("none", "none")


@pytest.mark.parametrize("file", [TRAINING.file, INFERENCE.file], ids=lambda file: file.stem)
def test_every_timeout_is_a_number_of_minutes(file: Path) -> None:
    """The schema takes any text."""
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    timeouts = [job["timeoutInMinutes"] for stage in document["stages"] for job in stage["jobs"] if TIMEOUT in job]
    assert timeouts
    assert all(type(timeout) is int and timeout >= 0 for timeout in timeouts)


@pytest.mark.parametrize("file", sorted(FOLDER.rglob("*.yml")), ids=lambda file: file.name)
def test_no_file_holds_a_secret(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert secrets_in(text) == []


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
