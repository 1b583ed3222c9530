"""Runs of a script without a pipeline: what ``Experiment.submit`` makes of a ``ScriptRunConfig``."""

from typing import Any

from aml_emulator import names
from aml_emulator.executor.records import ScriptRecord
from aml_emulator.executor.task import DatasetSource, InputPort, OutputPort, PathSource, PlanError, Source, Task
from aml_emulator.fields import Fields
from aml_emulator.v1.graph import argument_of, not_imitated, variables_of
from aml_emulator.web.messages import Request
from aml_emulator.web.router import Routes

ROUTES = Routes("/execution/v1.0{ws}/experiments/{experiment}")

_FIELDS = "Configuration SnapshotId TargetDetails TelemetryValues ParentRunId"


@ROUTES.post("/snapshotrun", takes=_FIELDS)
def start_script(request: Request) -> Any:
    """Start a script whose source folder has been uploaded; a compute of any name is this machine."""
    sent = request.document()
    run = names.run(request.query.get("runId"))
    store, workspace = request.store, request.workspace
    snapshot = store.snapshots.find(workspace.id, sent.required("SnapshotId"))
    default = store.datastores.default(workspace.id)["name"]
    task = compile_script(run, snapshot["id"], sent.object("Configuration"), default_datastore=default)
    parent = sent.text("ParentRunId")
    root = store.runs.find(workspace.id, parent)["root"] if parent else run
    record = ScriptRecord(store, workspace, root, request["experiment"], task, run, parent=parent)
    request.site.scheduler.submit_script(record)
    return {"runId": run}


def compile_script(run: str, snapshot: str, configuration: Fields, *, default_datastore: str) -> Task:
    """Return a run configuration as a task.

    Args:
        run: Id of the run.
        snapshot: Id of the snapshot of its source folder.
        configuration: The run configuration.
        default_datastore: The datastore of outputs that name none.

    Raises:
        PlanError: It has neither a script nor a command, or names data that is not described.
    """
    inputs = tuple(_inputs(configuration))
    outputs = tuple(_outputs(configuration, default_datastore))
    script, command = configuration.text("script"), configuration.get("command")
    if command:
        program, *arguments = ["bash", "-c", " ".join(command) if isinstance(command, list) else command]
    elif script:
        program, arguments = None, configuration.texts("arguments")
    else:
        raise PlanError("the run configuration has neither a script nor a command")
    values = [{"ValueType": "Literal", "Value": argument} for argument in arguments]
    limit = configuration.whole("maxRunDurationSeconds")
    return Task(
        id=run,
        name=run,
        kind="ScriptRun",
        code=snapshot,
        script=None if program else names.inner_path(script),
        command=program,
        arguments=tuple(argument_of(value, run, {}, inputs, outputs) for value in values),
        variables=variables_of(configuration),
        inputs=inputs,
        outputs=outputs,
        limit_seconds=float(limit) if limit else None,
        nodes=configuration.whole("nodeCount") or 1,
        target=configuration.text("target"),
        not_imitated=tuple(not_imitated(configuration, inputs)),
        run_definition=configuration,
    )


def _inputs(configuration: Fields) -> list[InputPort]:
    ports = []
    for name, one in configuration.object("data").items():
        location = one.object("dataLocation")
        path = location.object("dataPath")
        source: Source
        if identifier := location.object("dataset").text("id"):
            source = DatasetSource(saved=identifier)
        elif datastore := path.text("datastoreName"):
            source = PathSource(datastore, path.text("relativePath") or "")
        else:
            raise PlanError(f"input '{name}' is neither a dataset nor a path of a datastore")
        mode = (one.text("mechanism") or "mount").lower()
        ports.append(InputPort(names.name(name, "input"), mode, source))
    for name, one in configuration.object("dataReferences").items():
        source = PathSource(one.required("dataStoreName"), one.text("pathOnDataStore") or "")
        ports.append(InputPort(names.name(name, "input"), (one.text("mode") or "mount").lower(), source))
    return ports


def _outputs(configuration: Fields, default_datastore: str) -> list[OutputPort]:
    ports = []
    for name, one in configuration.object("outputData").items():
        path = one.object("outputLocation").object("dataPath")
        registration = one.object("additionalOptions").object("registrationOptions")
        ports.append(
            OutputPort(
                name=names.name(name, "output"),
                kind="AnyDirectory",
                datastore=path.text("datastoreName") or default_datastore,
                path=path.text("relativePath") or "dataset/{run-id}/{output-name}",
                is_folder=True,
                registration={"Name": registration["name"], **registration} if registration.get("name") else None,
            )
        )
    return ports
