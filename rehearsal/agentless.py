"""What the agentless task of the extension "Machine Learning (classic)" does: one REST call, then asking until the end.

    python -m rehearsal.agentless PIPELINE_ID EXPERIMENT PARAMETERS

Exit status: 0 finished, 11 failed, 13 cancelled; all else is no end of a run. The task itself is closed source; its
call is that of the REST interface
of published pipelines: https://learn.microsoft.com/azure/machine-learning/how-to-deploy-pipelines
"""

from __future__ import annotations

import json
import sys
from time import sleep

FINISHED, FAILED, CANCELLED = 0, 11, 13


def main(pipeline_id: str, experiment: str, parameters: str) -> int:
    """Start a published pipeline and wait. Returns the exit status.

    Args:
        pipeline_id: The id of the published pipeline.
        experiment: The experiment to run it in.
        parameters: The members of a JSON object, without its braces.
    """
    import requests
    from azureml.pipeline.core import PipelineRun, PublishedPipeline

    from src.common.azureml_adapter import connect
    from src.common.settings import Settings, every_setting

    workspace = connect(every_setting(Settings))
    published = PublishedPipeline.get(workspace, pipeline_id)
    body = {"ExperimentName": experiment, **json.loads(f"{{{parameters}}}")}
    header = workspace.service_context.get_auth().get_authentication_header()
    answer = requests.post(published.endpoint, json=body, headers=header, timeout=60)
    answer.raise_for_status()
    run = PipelineRun.get(workspace, answer.json()["Id"])
    print(f"started run {run.id}", flush=True)
    while (status := run.get_status()) not in ("Finished", "Failed", "Canceled"):
        sleep(0.5)
    print(f"the run ended: {status}", flush=True)
    return {"Finished": FINISHED, "Failed": FAILED}.get(status, CANCELLED)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
