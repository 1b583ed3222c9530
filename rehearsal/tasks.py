"""Tasks of Azure DevOps: played, or named as needless on this machine. A task that is unknown here is refused."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rehearsal import agentless
from rehearsal.artifacts import Artifacts
from rehearsal.checkout import Workspace
from rehearsal.log_commands import Heard
from rehearsal.processes import Alarm, Shell
from rehearsal.results import NotPlayedError, Result
from rehearsal.variables import Variable
from rehearsal.yaml_files import boolean

AGENTLESS = "ms-air-aiagility.vss-services-azureml.azureml-restApi-task.MLPublishedPipelineRestAPITask@0"
CONNECTIONS = {
    "AzureCLI@2": ("connectedServiceNameARM", "azureSubscription"),
    AGENTLESS: ("azureSubscription",),
}
"""Inputs that name a service connection. It is authorised before the stage starts."""
OF_CONNECTIONS = ("servicePrincipalId", "servicePrincipalKey", "idToken", "tenantId")
NO_RC = ("--noprofile", "--norc")
AZ = f"""#!/bin/sh
exec '{sys.executable}' -I -S '{Path(__file__).with_name("az.py")}' "$@"
"""


@dataclass(frozen=True)
class Task:
    """A task that is about to be played.

    Attributes:
        name: Its name and version.
        inputs: With macros replaced.
        shell: Where its scripts run.
        log: For what it prints.
        alarm: What may stop it.
        workspace: The job's folders.
        artifacts: Those of the run.
        connections: Service connections: by name, what signing in with them gives.
        site: What leads a process to the emulator.
    """

    name: str
    inputs: Mapping[str, str]
    shell: Shell
    log: Path
    alarm: Alarm
    workspace: Workspace
    artifacts: Artifacts
    connections: Mapping[str, Mapping[str, str]]
    site: Mapping[str, str]

    def text(self, *names: str, default: str | None = None) -> str:
        """An input, under any of its names.

        Raises:
            NotPlayedError: It is needed and not there.
        """
        found = next((value.strip() for key, value in self.inputs.items() if key.lower() in map(str.lower, names)), "")
        if not found and default is None:
            raise NotPlayedError(f"the task {self.name} lacks the input {names[0]}")
        return found or default or ""

    def switch(self, name: str) -> bool:
        """A Boolean input that is false by default."""
        return boolean(self.text(name, default="false"), f"{self.name}: {name}")

    def path(self, *names: str, default: str) -> Path:
        """An input that is a path, from the sources."""
        return self.workspace.sources / self.text(*names, default=default)

    def only(self, *names: str) -> None:
        """Refuse other inputs than these.

        Raises:
            NotPlayedError: There is one.
        """
        others = sorted(key for key in self.inputs if key.lower() not in map(str.lower, names))
        if others:
            raise NotPlayedError(f"the task {self.name} is not played with the inputs {', '.join(others)}")

    def connection(self) -> Mapping[str, str]:
        """What signing in with its service connection gives."""
        return self.connections[self.text(*CONNECTIONS[self.name])]


def play(task: Task) -> Heard:
    """Do what a task does.

    Raises:
        NotPlayedError: The task is unknown, or has inputs with which it is not played.
    """
    if task.name not in PLAYED:
        raise NotPlayedError(f"the task {task.name} is not played")
    return PLAYED[task.name](task)


def _script(task: Task) -> Heard:
    """https://learn.microsoft.com/azure/devops/pipelines/tasks/reference/cmd-line-v2: Bash without -e and pipefail."""
    task.only("script", "workingDirectory", "failOnStderr")
    shell = replace(task.shell, folder=task.path("workingDirectory", default="."))
    text, flags = task.text("script"), NO_RC if task.name == "CmdLine@2" else ()
    return shell.script(text, flags, task.log, task.alarm, fail_on_stderr=task.switch("failOnStderr"))


def _azure_cli(task: Task) -> Heard:
    """https://learn.microsoft.com/azure/devops/pipelines/tasks/reference/azure-cli-v2."""
    task.only(
        *("azureSubscription", "connectedServiceNameARM", "scriptType", "scriptLocation", "inlineScript"),
        *(
            "addSpnToEnvironment",
            "workingDirectory",
            "cwd",
            "failOnStandardError",
            "useGlobalConfig",
            "keepAzSessionActive",
        ),
        "visibleAzLogin",
    )
    if (task.text("scriptType").lower(), task.text("scriptLocation", default="scriptPath").lower()) != (
        "bash",
        "inlinescript",
    ):
        raise NotPlayedError("the task AzureCLI@2 is played with scriptType: bash and scriptLocation: inlineScript")
    asked = task.shell.temporary / f"{task.log.stem}.az"
    programs = task.shell.temporary / "az"
    programs.mkdir(exist_ok=True)
    (programs / "az").write_text(AZ, encoding="utf-8")
    (programs / "az").chmod(0o755)
    known = task.connection()
    signed_in = (
        {name: known[name] for name in OF_CONNECTIONS if name in known} if task.switch("addSpnToEnvironment") else {}
    )
    azure_cli = {
        "REHEARSAL_AZ": str(asked),
        "REHEARSAL_AZ_CLIENT": known.get("servicePrincipalId", ""),
        "REHEARSAL_AZ_TENANT": known.get("tenantId", ""),
    }
    shell = replace(
        task.shell,
        folder=task.path("workingDirectory", "cwd", default="."),
        environment={**task.shell.environment, **signed_in, **azure_cli},
        secrets=task.shell.secrets
        | {signed_in[name] for name in ("idToken", "servicePrincipalKey") if name in signed_in},
        path=(*task.shell.path, str(programs)),
    )
    stderr = task.switch("failOnStandardError")
    failure = "Script failed with exit code: {}"  # as the task's own task.json has it
    heard = shell.script(task.text("inlineScript"), (), task.log, task.alarm, fail_on_stderr=stderr, failure=failure)
    if asked.exists():
        raise NotPlayedError(f"the script of AzureCLI@2 calls what is not played: {asked.read_text(encoding='utf-8')}")
    return heard


def _publish(task: Task) -> Heard:
    """https://learn.microsoft.com/azure/devops/pipelines/tasks/reference/publish-pipeline-artifact-v1."""
    task.only("path", "targetPath", "artifactName", "artifact", "publishLocation", "artifactType")
    if task.text("publishLocation", "artifactType", default="pipeline") != "pipeline":
        raise NotPlayedError(f"the task {task.name} is played with publishLocation: pipeline")
    return _told(
        task.artifacts.publish(task.text("artifactName", "artifact"), task.path("path", "targetPath", default="."))
    )


def _download(task: Task) -> Heard:
    """https://learn.microsoft.com/azure/devops/pipelines/tasks/reference/download-pipeline-artifact-v2."""
    task.only("source", "buildType", "artifact", "artifactName", "path", "targetPath", "downloadPath")
    source = task.text("source", "buildType", default="current")
    if source == "none":
        return _told("")
    if source != "current":
        raise NotPlayedError(f"the task {task.name} is played with source: current")
    written = Path(task.text("path", "targetPath", "downloadPath", default="."))
    name = task.text("artifact", "artifactName", default="")
    target = task.workspace.folder / written
    if name:
        return _told(task.artifacts.download(name, target if written.is_absolute() else target / name))
    for found in task.artifacts.names():
        task.artifacts.download(found, target / found)
    return _told("")


def _test_results(task: Task) -> Heard:
    """https://learn.microsoft.com/azure/devops/pipelines/tasks/reference/publish-test-results-v2."""
    pattern = task.text("testResultsFiles", default="**/TEST-*.xml")
    if any(task.workspace.sources.glob(pattern)):
        return _needless(task)
    if task.switch("failTaskOnMissingResultsFile"):
        return _told(f"No test result files matching {pattern} were found.")
    return Heard(warnings=[f"No test result files matching {pattern} were found."]).ends(Result.SUCCEEDED)


def _coverage(task: Task) -> Heard:
    """https://learn.microsoft.com/azure/devops/pipelines/tasks/reference/publish-code-coverage-results-v2."""
    if any(task.workspace.sources.glob(task.text("summaryFileLocation"))):
        return _needless(task)
    if task.switch("failIfCoverageEmpty"):
        return _told("No coverage file was found.")
    return Heard(warnings=["No coverage file was found."]).ends(Result.SUCCEEDED)


def _cache(task: Task) -> Heard:
    """https://learn.microsoft.com/azure/devops/pipelines/release/caching: a part that names files must find some."""
    task.only("key", "path", "restoreKeys", "cacheHitVar")
    for part in (part.strip() for part in task.text("key").split("|")):
        quoted = part[:1] in "\"'"
        pathy = not quoted and (set(part.rstrip(".")) & set("./*?") != set()) and "://" not in part
        patterns = [pattern.strip() for pattern in part.split(",") if not pattern.strip().startswith("!")]
        if pathy and not any(any(task.workspace.sources.glob(pattern)) for pattern in patterns):
            return _told(f"No matching files found for pattern: {part}")
    heard = _needless(task)
    hit = task.text("cacheHitVar", default="")
    heard.variables += [Variable(hit, "false")] if hit else []
    return heard


def _python(task: Task) -> Heard:
    """https://learn.microsoft.com/azure/devops/pipelines/tasks/reference/use-python-version-v0."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    heard = _needless(task)
    if task.text("versionSpec", default="3.x") != here:
        heard.notes = [f"the scripts run with Python {here}, the one that plays"]
    return heard


def _agentless(task: Task) -> Heard:
    """The task of the extension "Machine Learning (classic)". It sees its inputs and its service connection alone."""
    wanted = {"azureSubscription", "PipelineId", "ExperimentName", "PipelineParameters"}
    if set(task.inputs) != wanted or not all(task.inputs.values()):
        raise NotPlayedError(f"the task {task.name} has the inputs {dict(task.inputs)}, expected are {sorted(wanted)}")
    command = [sys.executable, "-m", agentless.__name__]
    command += [task.inputs["PipelineId"], task.inputs["ExperimentName"], task.inputs["PipelineParameters"]]
    environment = {**task.site, **task.connection(), "PYTHONPATH": str(Path(__file__).parents[1])}
    shell = replace(task.shell, environment=environment, folder=task.workspace.folder)
    failure = "The run exited with code '{}'."
    heard = shell.run(command, task.log, task.alarm, failure=failure)
    if task.alarm.rang or not heard.errors or heard.errors == [failure.format(agentless.FAILED)]:
        return heard
    if heard.errors == [failure.format(agentless.CANCELLED)]:
        raise NotPlayedError(
            "the run in Azure ML was cancelled: no page says what the task without an agent makes of it"
        )
    raise NotPlayedError(f"the call to Azure ML in place of {task.name} failed: {task.log.read_text(encoding='utf-8')}")


def _needless(task: Task) -> Heard:
    """A task that has nothing to do on this machine, and why."""
    return Heard(notes=[NEEDLESS[task.name]]).ends(Result.SUCCEEDED)


def _told(error: str) -> Heard:
    return Heard().ends(Result.FAILED, error) if error else Heard().ends(Result.SUCCEEDED)


NEEDLESS = {
    "UsePythonVersion@0": "the rehearsal's own Python runs the scripts",
    "UseNode@1": "the Node.js of this machine is used",
    "PublishTestResults@2": "the file is there; there is nobody to publish it to",
    "PublishCodeCoverageResults@2": "the file is there; there is nobody to publish it to",
    "Cache@2": "a miss: nothing is kept from run to run",
}
"""What the rehearsal says of tasks that have no effect on this machine."""
PLAYED: Mapping[str, Callable[[Task], Heard]] = {
    "CmdLine@2": _script,
    "Bash@3": _script,
    "AzureCLI@2": _azure_cli,
    "PublishPipelineArtifact@1": _publish,
    "DownloadPipelineArtifact@2": _download,
    "PublishTestResults@2": _test_results,
    "PublishCodeCoverageResults@2": _coverage,
    "Cache@2": _cache,
    "UsePythonVersion@0": _python,
    "UseNode@1": _needless,
    AGENTLESS: _agentless,
}
