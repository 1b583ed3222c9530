"""Azure DevOps' own variables.

https://learn.microsoft.com/azure/devops/pipelines/build/variables
"""

from __future__ import annotations

from collections.abc import Mapping

from rehearsal.results import NotPlayedError

SYSTEM = ("agent.", "build.", "common.", "environment.", "pipeline.", "system.")
"""How their names begin."""
NOT_ALWAYS_SET = (
    *("build.cronschedule.displayname", "build.triggeredby.", "environment.", "system.pullrequest.", "system.debug"),
    *("build.sourcetfvcshelveset", "agent.containermapping"),
)
"""Those that a run may lack. An expression reads them as empty; a macro stays as it is."""
IN_TEMPLATES = (
    *("Build.DefinitionName", "Build.DefinitionVersion", "Build.QueuedBy", "Build.QueuedById", "Build.Reason"),
    *("Build.RequestedFor", "Build.RequestedForEmail", "Build.RequestedForId", "Build.SourceBranch"),
    *("Build.SourceBranchName", "Build.SourceVersion", "System.CollectionId", "System.CollectionUri"),
    *("System.DefinitionId", "System.HostType", "System.PullRequest.IsFork", "System.TeamProject"),
    "System.TeamProjectId",
)
"""Those of the page's column "Available in templates?"."""
SAMPLE = {
    "Build.BuildId": "1001",
    "Build.BuildNumber": "20261102.1",
    "Build.ContainerId": "12",
    "Build.DefinitionName": "batch_ai",
    "Build.DefinitionVersion": "1",
    "Build.QueuedBy": "Microsoft.VisualStudio.Services.TFS",
    "Build.QueuedById": "00000002-0000-8888-8000-000000000000",
    "Build.Repository.Clean": "False",
    "Build.Repository.Git.SubmoduleCheckout": "False",
    "Build.Repository.ID": "00000000-0000-0000-0000-000000000001",
    "Build.Repository.Name": "batch_ai",
    "Build.Repository.Provider": "TfsGit",
    "Build.Repository.Uri": "https://dev.azure.com/rehearsal/batch_ai/_git/batch_ai",
    "Build.RequestedFor": "A release engineer",
    "Build.RequestedForEmail": "release@example.com",
    "Build.RequestedForId": "00000000-0000-0000-0000-000000000002",
    "Build.SourceVersion": "0" * 40,
    "Build.SourceVersionMessage": "A commit",
    "System.CollectionId": "00000000-0000-0000-0000-000000000003",
    "System.CollectionUri": "https://dev.azure.com/rehearsal/",
    "System.DefinitionId": "1",
    "System.HostType": "build",
    "System.PipelineStartTime": "2026-11-02 03:00:00+00:00",
    "System.PullRequest.IsFork": "False",
    "System.TeamFoundationCollectionUri": "https://dev.azure.com/rehearsal/",
    "System.TeamProject": "batch_ai",
    "System.TeamProjectId": "00000000-0000-0000-0000-000000000004",
}
"""Values of one run."""
OF_THE_AGENT = {
    "Agent.HomeDirectory": "/home/vsts/agents",
    "Agent.Id": "8",
    "Agent.MachineName": "rehearsal",
    "Agent.Name": "Azure Pipelines 1",
    "Agent.OS": "Linux",
    "Agent.OSArchitecture": "X64",
    "Agent.Version": "4.275.0",
}


def of_run(number: int, reason: str, branch: str, **more: str) -> dict[str, str]:
    """The variables of a run.

    Args:
        number: Its number; the id of the build follows from it.
        reason: Why it runs: ``IndividualCI``, ``BatchedCI``, ``PullRequest``, ``Schedule`` or ``Manual``.
        branch: What it builds, such as ``refs/heads/main``.
        **more: Others, with two underscores in place of each dot.
    """
    build = 1000 + number
    return {
        **SAMPLE,
        "Build.BuildId": str(build),
        "Build.BuildNumber": f"20261102.{number}",
        "Build.BuildUri": f"vstfs:///Build/Build/{build}",
        "Build.Reason": reason,
        "Build.SourceBranch": branch,
        "Build.SourceBranchName": branch.rsplit("/", maxsplit=1)[-1],
        **{name.replace("__", "."): value for name, value in more.items()},
    }


def for_templates(variables: Mapping[str, str]) -> dict[str, str]:
    """Those of a run's variables that are there when the YAML is compiled."""
    return {name: value for name, value in variables.items() if name in IN_TEMPLATES}


def refuse_unknown(name: str) -> None:
    """Refuse a variable that would be Azure DevOps' own and is not there.

    Raises:
        NotPlayedError: It is one.
    """
    if name.lower().startswith(SYSTEM) and not name.lower().startswith(NOT_ALWAYS_SET):
        raise NotPlayedError(f"the predefined variable {name!r} is not there, or not yet at this place")
