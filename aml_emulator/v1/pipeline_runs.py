"""Pipeline runs: submitting, watching node by node, cancelling."""

import json
from functools import partial
from typing import Any

from aml_emulator.errors import InvalidError, NotFoundError
from aml_emulator.executor.task import Task
from aml_emulator.store.database import Row
from aml_emulator.store.pipelines import ACTIVE
from aml_emulator.store.store import Store
from aml_emulator.v1.graph import compile_graph
from aml_emulator.web.messages import Reply, Request
from aml_emulator.web.router import Routes

ROUTES = Routes("/pipelines/v1.0{ws}")

# the order of the service's enumerations; the SDK reads their numbers
RUN_STATUS = ("NotStarted", "Running", "Failed", "Finished", "Canceled")
NODE_STATUS = (
    "NotStarted",
    "Queued",
    "Running",
    "Failed",
    "Finished",
    "Canceled",
    "PartiallyExecuted",
    "Bypassed",
)


_SUBMISSION = (
    "ExperimentName Description RunSource RunType ParameterAssignments DataPathAssignments"
    " DataSetDefinitionValueAssignments ContinueRunOnStepFailure EnableNotification tags StepTags Properties"
)


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
    store, workspace = request.store, request.workspace.id
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
    nodes = [node["Id"] for node in store.graphs.find(graph)["document"].get("ModuleNodes") or []]
    with store.transaction():
        row = store.pipelines.create_run(
            workspace, graph, nodes, pipeline=pipeline["id"] if pipeline else None, document=kept
        )
        store.runs.create(
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


@ROUTES.post("/PipelineRuns/Unsubmitted/CreationInfoWithGraph", takes="CreationInfo Graph GraphInterface")
def create_run(request: Request) -> Any:
    """Keep a graph as a run that will be submitted with the next call."""
    sent = request.document()
    info = sent.object("CreationInfo")
    experiment = request.query.get("experimentName") or info.get("RunHistoryExperimentName")
    graph = request.store.graphs.add(request.workspace.id, sent.object("Graph"), sent.object("GraphInterface"))
    # here the SDK calls by another name what a submission calls ContinueRunOnStepFailure
    info["ContinueRunOnStepFailure"] = info.get("ContinueExperimentOnNodeFailure")
    return _document(_create(request, graph, pipeline=None, sent={**info, "ExperimentName": experiment}))


@ROUTES.post("/PipelineRuns/Submit/{id}")
def submit_run(request: Request) -> Any:
    """Start a run that was created before."""
    _start(request, request.store.pipelines.run(request.workspace.id, request["id"]))


def _start(request: Request, row: Row) -> None:
    request.site.scheduler.submit(request.workspace, row["id"], partial(_compile, request.store, row))


def _compile(store: Store, row: Row) -> list[Task]:
    """Return the tasks of a pipeline run."""
    graph = store.graphs.find(row["graph"])
    nodes = graph["document"].get("ModuleNodes") or []
    sources = [node.get("DatasetId") for node in graph["document"].get("DatasetNodes") or []]
    return compile_graph(
        graph["document"],
        graph["interface"],
        row["document"],
        modules={node["ModuleId"]: store.graphs.module(node["ModuleId"]) for node in nodes},
        data_sources={source: store.graphs.data_source(source) for source in sources if source},
        default_datastore=store.datastores.default(row["workspace"])["name"],
    )


def _submit_published(request: Request, pipeline: Row) -> Any:
    if pipeline["status"] != ACTIVE:
        raise InvalidError(f"pipeline '{pipeline['name']}' ({pipeline['id']}) is {pipeline['status']}")
    row = _create(request, pipeline["graph"], pipeline=pipeline, sent=request.document())
    _start(request, row)
    return _document(request.store.pipelines.run(request.workspace.id, row["id"]))


@ROUTES.post("/PipelineRuns/PipelineSubmit/{id}", takes=_SUBMISSION)
def submit_pipeline(request: Request) -> Any:
    """Start a run of a published pipeline: the SDK's call and the REST trigger alike."""
    return _submit_published(request, request.store.pipelines.published(request.workspace.id, request["id"]))


@ROUTES.post(
    "/PipelineRuns/PipelineEndpointSubmit/Id/{id}",
    "/PipelineRuns/PipelineEndpointSubmit/Id/{id}/{version}",
    takes=_SUBMISSION,
)
def submit_endpoint(request: Request) -> Any:
    """Start a run of the version asked for of an endpoint, or of its default version."""
    return _submit_endpoint(request, request.store.endpoints.find(request.workspace.id, identifier=request["id"]))


@ROUTES.post("/PipelineRuns/PipelineEndpointSubmit/Name", takes=_SUBMISSION)
def submit_endpoint_by_name(request: Request) -> Any:
    """Start a run of the version asked for of the endpoint of a name, or of its default version."""
    name = request.query.get("name", "")
    return _submit_endpoint(request, request.store.endpoints.find(request.workspace.id, name=name))


def _submit_endpoint(request: Request, endpoint: Row) -> Any:
    if endpoint["status"] != ACTIVE:
        raise InvalidError(f"pipeline endpoint '{endpoint['name']}' is {endpoint['status']}")
    asked = request.parameters.get("version") or request.query.get("pipelineVersion")
    wanted = asked or endpoint["default_version"]
    for version in request.store.endpoints.versions(endpoint["id"]):
        if version["version"] == wanted:
            pipeline = request.store.pipelines.published(request.workspace.id, version["pipeline"])
            return _submit_published(request, pipeline)
    raise NotFoundError(f"Version of pipeline endpoint '{endpoint['name']}'", wanted)


@ROUTES.get("/PipelineRuns/Pipeline/{id}")
def list_runs(request: Request) -> Any:
    """Answer the runs of a published pipeline."""
    return [_document(row) for row in request.store.pipelines.runs_of(request.workspace.id, request["id"])]


@ROUTES.get("/PipelineRuns/{id}")
def get_run(request: Request) -> Any:
    """Answer one pipeline run."""
    return _document(request.store.pipelines.run(request.workspace.id, request["id"]))


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
    run = request.store.pipelines.run(request.workspace.id, request["id"])
    return request.store.pipelines.node(run["id"], path[-1] if isinstance(path, list) else path)


@ROUTES.post("/PipelineRuns/{id}/Graph/AllNodes/Status")
def all_node_statuses(request: Request) -> Any:
    """Answer how each node does."""
    run = request.store.pipelines.run(request.workspace.id, request["id"])
    return {row["node"]: _node_status(row) for row in request.store.pipelines.nodes(run["id"])}


@ROUTES.post("/PipelineRuns/{id}/Graph/AllNodes/StatusCode")
def all_node_status_codes(request: Request) -> Any:
    """Answer the status of each node."""
    run = request.store.pipelines.run(request.workspace.id, request["id"])
    return {row["node"]: str(NODE_STATUS.index(row["status"])) for row in request.store.pipelines.nodes(run["id"])}


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
    run = request.store.pipelines.run(request.workspace.id, request["id"])
    graph = request.store.graphs.find(run["graph"])["document"]
    for edge in graph.get("Edges") or []:
        if (edge.get("DestinationInputPort") or {}).get("GraphPortName") == request["name"]:
            source = edge["SourceOutputPort"]
            outputs = request.store.pipelines.node(run["id"], source["NodeId"])["outputs"]
            if source["PortName"] in outputs:
                return _output(outputs[source["PortName"]])
    raise NotFoundError("Pipeline output", request["name"])


@ROUTES.post("/PipelineRuns/{id}/Graph/Shareable/{stream}")
def node_log(request: Request) -> Any:
    """Answer what a node has written up to now: STDOUT, STDERR, or both in JobLog."""
    row = _node(request)
    names = {"stdout": "stdout", "stderr": "stderr", "joblog": "driver"}
    name = names.get(request["stream"].lower())
    if name is None:
        raise NotFoundError("Log", request["stream"])
    path = request.site.machine.log_of(str(row["reused_run"] or row["run"]), name)
    return Reply(path.read_bytes() if row["run"] and path.exists() else b"", content_type="text/plain")
