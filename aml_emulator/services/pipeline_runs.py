"""Pipeline runs: submitting, watching node by node, cancelling."""

import json
from typing import Any

from aml_emulator.errors import InvalidError, NotFoundError
from aml_emulator.services.pipeline_endpoints import endpoint_row, endpoint_versions
from aml_emulator.services.pipelines import ACTIVE
from aml_emulator.store.database import Row
from aml_emulator.store.pipelines import NODE_STATUS, RUN_STATUS
from aml_emulator.web.messages import Reply, Request
from aml_emulator.web.router import Routes

ROUTES = Routes("/pipelines/v1.0{ws}")


def _document(row: Row) -> dict[str, Any]:
    sent = row["document"]
    return {
        "Id": row["id"],
        "Description": sent.get("Description"),
        "Status": {
            "StatusCode": str(RUN_STATUS.index(row["status"])),
            "StatusDetail": None,
            "CreationTime": row["created"],
            "EndTime": row["ended"],
        },
        "GraphId": row["graph"],
        "IsSubmitted": row["status"] != "NotStarted",
        "HasErrors": row["status"] == "Failed",
        "HasWarnings": False,
        "UploadState": "Completed",
        "ParameterAssignments": sent.get("ParameterAssignments") or {},
        "DataSetDefinitionValueAssignments": sent.get("DataSetDefinitionValueAssignments") or {},
        "RunHistoryExperimentName": sent["ExperimentName"],
        "PipelineId": row["pipeline"],
        "RunSource": sent.get("RunSource") or "Unavailable",
        "RunType": sent.get("RunType") or "HTTP",
        "tags": sent.get("tags") or {},
        "Properties": sent.get("Properties") or {},
        "EntityStatus": "0",
        "CreatedDate": row["created"],
        "LastModifiedDate": row["ended"] or row["created"],
    }


def _create(request: Request, graph: str, *, pipeline: Row | None, sent: dict[str, Any]) -> Row:
    """Add a pipeline run and its run in the history, both not started."""
    site, workspace = request.site, request.workspace.id
    experiment = sent.get("ExperimentName")
    if not experiment:
        raise InvalidError("ExperimentName is missing: a run belongs to an experiment")
    kept = {name: value for name, value in sent.items() if value is not None}
    if pipeline is not None:
        for name in ("DataSetDefinitionValueAssignments", "ParameterAssignments", "DataPathAssignments"):
            kept[name] = {**(pipeline["document"].get(name) or {}), **(kept.get(name) or {})}
        kept.setdefault("ContinueRunOnStepFailure", pipeline["document"].get("ContinueRunOnStepFailure"))
    properties = {
        "azureml.runsource": "azureml.PipelineRun",
        "runSource": sent.get("RunSource") or "Unavailable",
        "runType": sent.get("RunType") or "HTTP",
        "azureml.parameters": json.dumps(kept.get("ParameterAssignments") or {}),
        **(sent.get("Properties") or {}),
    }
    if pipeline is not None:
        properties["azureml.pipelineid"] = pipeline["id"]
    name = sent.get("Description") or experiment
    with site.database.transaction():
        row = site.pipelines.create_run(workspace, graph, pipeline=pipeline["id"] if pipeline else None, document=kept)
        site.runs.create(
            workspace,
            experiment,
            run=row["id"],
            kind="azureml.PipelineRun",
            parent=request.query.get("parentRunId"),
            tags=sent.get("tags") or {},
            properties=properties,
            document={"name": name, "displayName": name, "description": sent.get("Description")},
        )
    return row


@ROUTES.post("/PipelineRuns/Unsubmitted/CreationInfoWithGraph")
def create_run(request: Request) -> Any:
    """Keep a graph as a run that will be submitted with the next call."""
    sent = request.document()
    info = sent.get("CreationInfo") or {}
    experiment = request.query.get("experimentName") or info.get("RunHistoryExperimentName")
    graph = request.site.pipelines.add_graph(request.workspace.id, sent["Graph"], sent.get("GraphInterface") or {})
    # here the SDK calls by another name what a submission calls ContinueRunOnStepFailure
    info["ContinueRunOnStepFailure"] = info.get("ContinueExperimentOnNodeFailure")
    return _document(_create(request, graph, pipeline=None, sent={**info, "ExperimentName": experiment}))


@ROUTES.post("/PipelineRuns/Submit/{id}")
def submit_run(request: Request) -> Any:
    """Start a run that was created before."""
    row = request.site.pipelines.run(request.workspace.id, request["id"])
    request.site.scheduler.submit(request.workspace, row["id"])


def _submit_published(request: Request, pipeline: Row) -> Any:
    if pipeline["status"] != ACTIVE:
        raise InvalidError(f"pipeline '{pipeline['name']}' ({pipeline['id']}) is {pipeline['status']}")
    row = _create(request, pipeline["graph"], pipeline=pipeline, sent=request.json() or {})
    request.site.scheduler.submit(request.workspace, row["id"])
    return _document(request.site.pipelines.run(request.workspace.id, row["id"]))


@ROUTES.post("/PipelineRuns/PipelineSubmit/{id}")
def submit_pipeline(request: Request) -> Any:
    """Start a run of a published pipeline: the SDK's call and the REST trigger alike."""
    return _submit_published(request, request.site.pipelines.published(request.workspace.id, request["id"]))


@ROUTES.post("/PipelineRuns/PipelineEndpointSubmit/Id/{id}", "/PipelineRuns/PipelineEndpointSubmit/Id/{id}/{version}")
def submit_endpoint(request: Request) -> Any:
    """Start a run of the version asked for of an endpoint, or of its default version."""
    endpoint = endpoint_row(request, identifier=request["id"])
    if endpoint["status"] != ACTIVE:
        raise InvalidError(f"pipeline endpoint '{endpoint['name']}' is {endpoint['status']}")
    asked = request.parameters.get("version") or request.query.get("pipelineVersion")
    wanted = asked or endpoint["default_version"]
    for version in endpoint_versions(request, endpoint["id"]):
        if version["version"] == wanted:
            pipeline = request.site.pipelines.published(request.workspace.id, version["pipeline"])
            return _submit_published(request, pipeline)
    raise NotFoundError(f"Version of pipeline endpoint '{endpoint['name']}'", wanted)


@ROUTES.get("/PipelineRuns/Pipeline/{id}")
def list_runs(request: Request) -> Any:
    """Answer the runs of a published pipeline."""
    return [_document(row) for row in request.site.pipelines.runs_of(request.workspace.id, request["id"])]


@ROUTES.get("/PipelineRuns/{id}")
def get_run(request: Request) -> Any:
    """Answer one pipeline run."""
    return _document(request.site.pipelines.run(request.workspace.id, request["id"]))


@ROUTES.delete("/PipelineRuns/{id}/Execution")
def cancel_run(request: Request) -> Any:
    """Cancel a pipeline run; a run that is over stays as it is."""
    request.site.scheduler.cancel(request.workspace, request["id"])


def _node_status(row: Row) -> dict[str, Any]:
    reuse = None
    if row["reused_run"]:
        reuse = {"RunId": row["reused_run"], "NodeId": row["node"]}
    return {
        "StatusCode": str(NODE_STATUS.index(row["status"])),
        "StatusDetail": None,
        "CreationTime": row["created"],
        "ScheduleTime": row["created"],
        "StartTime": row["started"],
        "EndTime": row["ended"],
        "RunId": row["run"],
        "ReuseInfo": reuse,
        "HasWarnings": False,
    }


def _node(request: Request) -> Row:
    """Return the node that the body names: a path of ids, of which the last counts."""
    path = request.json()
    run = request.site.pipelines.run(request.workspace.id, request["id"])
    return request.site.pipelines.node(run["id"], path[-1] if isinstance(path, list) else path)


@ROUTES.post("/PipelineRuns/{id}/Graph/AllNodes/Status")
def all_node_statuses(request: Request) -> Any:
    """Answer how each node does."""
    run = request.site.pipelines.run(request.workspace.id, request["id"])
    return {row["node"]: _node_status(row) for row in request.site.pipelines.nodes(run["id"])}


@ROUTES.post("/PipelineRuns/{id}/Graph/AllNodes/StatusCode")
def all_node_status_codes(request: Request) -> Any:
    """Answer the status of each node."""
    run = request.site.pipelines.run(request.workspace.id, request["id"])
    return {row["node"]: str(NODE_STATUS.index(row["status"])) for row in request.site.pipelines.nodes(run["id"])}


@ROUTES.post("/PipelineRuns/{id}/Graph/Node/Status")
def node_status(request: Request) -> Any:
    """Answer how a node does."""
    return _node_status(_node(request))


@ROUTES.post("/PipelineRuns/{id}/Graph/Node/StatusCode")
def node_status_code(request: Request) -> Any:
    """Answer the status of a node."""
    return str(NODE_STATUS.index(_node(request)["status"]))


@ROUTES.post("/PipelineRuns/{id}/Outputs")
def node_outputs(request: Request) -> Any:
    """Answer where the outputs of a node lie."""
    return {name: _output(output) for name, output in _node(request)["outputs"].items()}


def _output(output: dict[str, Any]) -> dict[str, Any]:
    return {
        "DataTypeId": output["type"],
        "DataLocation": {
            "StorageType": "0",
            "DataReference": {
                "Type": "1",
                "AzureBlobReference": {
                    "Container": output["container"],
                    "Uri": "",
                    "Account": "devstoreaccount1",
                    "RelativePath": output["path"],
                    "AmlDataStoreName": output["datastore"],
                },
            },
        },
    }


@ROUTES.get("/PipelineRuns/{id}/PipelineRunOutputs/{name}")
def pipeline_output(request: Request) -> Any:
    """Answer where a named output of the whole pipeline lies."""
    run = request.site.pipelines.run(request.workspace.id, request["id"])
    graph = request.site.pipelines.graph(run["graph"])["document"]
    for edge in graph.get("Edges") or []:
        if (edge.get("DestinationInputPort") or {}).get("GraphPortName") == request["name"]:
            source = edge["SourceOutputPort"]
            outputs = request.site.pipelines.node(run["id"], source["NodeId"])["outputs"]
            if source["PortName"] in outputs:
                return _output(outputs[source["PortName"]])
    raise NotFoundError("Pipeline output", request["name"])


@ROUTES.post("/PipelineRuns/{id}/Graph/Shareable/{stream}")
def node_log(request: Request) -> Any:
    """Answer what a node has written up to now: STDOUT, STDERR, or both in JobLog."""
    row = _node(request)
    names = {"stdout": "stdout.txt", "stderr": "stderr.txt", "joblog": "driver.txt"}
    name = names.get(request["stream"].lower())
    if name is None:
        raise NotFoundError("Log", request["stream"])
    path = request.site.folder / "runs" / str(row["reused_run"] or row["run"]) / "logs" / name
    return Reply(path.read_bytes() if row["run"] and path.exists() else b"", content_type="text/plain")
