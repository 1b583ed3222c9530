"""Compiles a graph of SDK v1, its parameters and its data into tasks for the executor.

Pure: documents in, tasks out. The documents are those of the pipelines service; their enumerations come as
numbers or as names, depending on the version of the SDK.
"""

import re
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from aml_emulator import fields, names
from aml_emulator.executor.task import (
    Argument,
    DatasetSource,
    InputPath,
    InputPort,
    NodeOutput,
    OutputPath,
    OutputPort,
    PathSource,
    PlanError,
    Source,
    Task,
)

_PARALLEL_SCRIPT = "driver/amlbi_main.py"
_CONSUMED = "DatasetConsumptionConfig:"
_PRODUCED = "DatasetOutputConfig:"
_REFERENCE = re.compile(r"\$AZUREML_DATAREFERENCE_(\w+)")


def _listed(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return document.get(name) or []


def _named(documents: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {document["Name"]: document for document in documents}


def _assigned(assignment: dict[str, Any], values: dict[str, str | None]) -> str | None:
    """Return the value of a parameter assignment."""
    kind = str(assignment.get("ValueType", "0"))
    if kind in ("1", "GraphParameterName"):
        name = assignment["Value"]
        if name not in values:
            raise PlanError(f"the graph has no parameter '{name}'")
        return values[name]
    if kind in ("2", "Concatenate"):
        parts = [_assigned(part, values) for part in assignment.get("AssignmentsToConcatenate") or []]
        return "".join(part or "" for part in parts)
    return assignment.get("Value")


def _dataset(value: dict[str, Any], parameter: str | None) -> Source:
    if literal := value.get("LiteralValue"):
        return PathSource(literal["DataStoreName"], literal.get("RelativePath") or "")
    if saved := value.get("SavedDataSetReference"):
        return DatasetSource(saved=saved["Id"])
    if registered := value.get("DataSetReference"):
        return DatasetSource(
            dataset=registered.get("Id"), name=registered.get("Name"), version=registered.get("Version")
        )
    raise PlanError(f"the dataset parameter '{parameter}' has no value")


def _sources(graph: dict[str, Any], interface: dict[str, Any], sent: dict[str, Any]) -> dict[str, Source | str]:
    """Return where each dataset node's data is; for a data source, its id."""
    datasets = {one["Name"]: one.get("DefaultValue") or {} for one in _listed(interface, "DataPathParameterList")} | (
        sent.get("DataSetDefinitionValueAssignments") or {}
    )
    paths = {one["Name"]: one.get("DefaultValue") or {} for one in _listed(interface, "DataPathParameters")} | (
        sent.get("DataPathAssignments") or {}
    )
    found: dict[str, Source | str] = {}
    for node in _listed(graph, "DatasetNodes"):
        definition = node.get("DataSetDefinition") or {}
        parameter = definition.get("ParameterName")
        if definition:
            value = datasets.get(parameter) if parameter else definition.get("Value")
            found[node["Id"]] = _dataset(value or {}, parameter)
        elif node.get("DataPathParameterName"):
            value = paths.get(node["DataPathParameterName"]) or {}
            found[node["Id"]] = PathSource(value.get("DataStoreName", ""), value.get("RelativePath") or "")
        else:
            found[node["Id"]] = str(node.get("DatasetId"))
    return found


def _outputs(node: dict[str, Any], structured: dict[str, Any], default_datastore: str) -> tuple[OutputPort, ...]:
    settings = _named(_listed(node, "ModuleOutputSettings"))
    ports = []
    for output in _listed(structured, "Outputs"):
        if output.get("SkipProcessing"):
            continue
        chosen = settings.get(output["Name"]) or {}
        options = chosen.get("DatasetOutputOptions") or (output.get("DatasetOutput") or {}).get("DatasetOutputOptions")
        registration = chosen.get("DatasetRegistration") or (output.get("DatasetOutput") or {}).get(
            "DatasetRegistration"
        )
        ports.append(
            OutputPort(
                name=names.name(output["Name"], "output"),
                kind=output.get("DataTypeId") or "AnyFile",
                datastore=chosen.get("DataStoreName") or output.get("DataStoreName") or default_datastore,
                path=(options or {}).get("PathOnDatastore") or "azureml/{run-id}/{output-name}",
                is_folder=options is not None,
                registration=registration if (registration or {}).get("Name") else None,
            )
        )
    return tuple(ports)


def _inputs(
    node: dict[str, Any], structured: dict[str, Any], arrivals: dict[tuple[str, str], Source]
) -> tuple[InputPort, ...]:
    settings = _named(_listed(node, "ModuleInputSettings"))
    ports = []
    for port in _listed(structured, "Inputs"):
        if port.get("SkipProcessing"):
            continue
        chosen = settings.get(port["Name"]) or {}
        source = arrivals.get((node["Id"], port["Name"]))
        if source is None and not port.get("IsOptional"):
            raise PlanError(f"input '{port['Name']}' is not connected")
        ports.append(
            InputPort(
                name=names.name(port["Name"], "input"),
                mode=(chosen.get("DataStoreMode") or port.get("DataStoreMode") or "mount").lower(),
                source=source,
                path_on_compute=_place(chosen.get("PathOnCompute") or port.get("PathOnCompute")),
            )
        )
    return tuple(ports)


def _place(path: str | None) -> str | None:
    """Return where an input is to lie on the compute: an absolute path as it is, another below its code."""
    return names.inner_path(path) if path and not path.startswith("/") else path


def compile_graph(
    graph: dict[str, Any],
    interface: dict[str, Any],
    sent: dict[str, Any],
    *,
    modules: Mapping[str, dict[str, Any]],
    data_sources: Mapping[str, dict[str, Any]],
    default_datastore: str,
) -> list[Task]:
    """Compile a graph.

    Args:
        graph: The graph.
        interface: Its parameters with their defaults.
        sent: What was submitted: assignments of parameters and of datasets.
        modules: The modules that its nodes name, by id.
        data_sources: The data sources that its nodes name, by id.
        default_datastore: The datastore of outputs that name none.

    Returns:
        Its nodes as tasks, in an order in which each comes after those that it needs.

    Raises:
        PlanError: A parameter or an input has no value, or the graph has a circle.
    """
    given = {one["Name"]: one.get("DefaultValue") for one in _listed(interface, "Parameters")}
    given |= sent.get("ParameterAssignments") or {}
    # the SDK sends texts, somebody's REST call may send numbers
    values = {name: value if value is None else str(value) for name, value in given.items()}
    documents = {node["Id"]: node for node in _listed(graph, "ModuleNodes")}
    after, arrivals = _connections(graph, documents, _sources(graph, interface, sent), data_sources)
    tasks = {}
    for identifier, document in documents.items():
        module = modules[document["ModuleId"]]["Data"]
        structured = module["StructuredInterface"]
        assignments = _listed(document, "ModuleParameters") + _listed(document, "ModuleMetadataParameters")
        tasks[identifier] = _task(
            document,
            module,
            parameters={one["Name"]: _assigned(one, values) for one in assignments},
            inputs=_inputs(document, structured, arrivals),
            outputs=_outputs(document, structured, default_datastore),
            after=frozenset(after[identifier]),
        )
    try:
        return [tasks[identifier] for identifier in TopologicalSorter(after).static_order()]
    except CycleError as error:
        circle = ", ".join(tasks[identifier].name for identifier in error.args[1][1:])
        raise PlanError(f"these steps wait for each other: {circle}") from None


def _task(
    document: dict[str, Any],
    module: dict[str, Any],
    *,
    parameters: dict[str, str | None],
    inputs: tuple[InputPort, ...],
    outputs: tuple[OutputPort, ...],
    after: frozenset[str],
) -> Task:
    structured, name = module["StructuredInterface"], module["Name"]
    runconfig = fields.parse(document.get("Runconfig") or "{}")
    script = parameters.get("Script")
    limit = parameters.get("MaxRunDurationSeconds") or runconfig.get("maxRunDurationSeconds")
    arguments: list[Argument] = []
    for argument in _listed(structured, "Arguments"):
        arguments.append(argument_of(argument, name, parameters, inputs, outputs))
    declared = [one for one in _listed(structured, "Parameters") if one.get("SetEnvironmentVariable")]
    shown = {name: structured.get(name) for name in ("Inputs", "Outputs", "Arguments", "Parameters")}
    environment = runconfig.get("environment") or {}
    return Task(
        id=document["Id"],
        name=name,
        kind=module.get("StepType") or "PythonScriptStep",
        code=str(module["DataLocation"]["StorageId"]),
        script=names.inner_path(script) if script else None,
        command=parameters.get("Command"),
        spread=script == _PARALLEL_SCRIPT,
        arguments=tuple(arguments),
        variables={**variables_of(runconfig), **_parameter_variables(declared, parameters)},
        parameters={one["Name"]: parameters[one["Name"]] for one in declared if one["Name"] in parameters},
        inputs=inputs,
        outputs=outputs,
        after=after,
        retries=int((runconfig.get("paralleltask") or {}).get("maxRetriesPerWorker") or 0),
        limit_seconds=float(limit) if limit else None,
        nodes=int(runconfig.get("nodeCount") or 1),
        target=parameters.get("Target"),
        reusable=bool(module.get("IsDeterministic")) and not document.get("RegenerateOutput"),
        definition={"structured": shown, "parameters": parameters, "runconfig": runconfig},
        not_imitated=tuple(not_imitated(runconfig, inputs)),
        properties={"azureml.moduleid": module["Id"], "emulator.environment": str(environment.get("name") or "")},
        run_definition={**runconfig, "script": script, "target": parameters.get("Target")},
    )


def argument_of(
    argument: dict[str, Any],
    step: str,
    parameters: dict[str, str | None],
    inputs: tuple[InputPort, ...],
    outputs: tuple[OutputPort, ...],
) -> Argument:
    """Return an argument as the executor takes it.

    Args:
        argument: Its document.
        step: The name of the step, for errors.
        parameters: The step's parameters.
        inputs: Its inputs.
        outputs: Its outputs.

    Raises:
        PlanError: It names an input, an output or a parameter that there is not.
    """
    kind, value = str(argument.get("ValueType")), str(argument.get("Value") or "")
    if kind in ("Literal", "0") and value.startswith(_CONSUMED):
        kind, value = "Input", value.removeprefix(_CONSUMED)
    elif kind in ("Literal", "0") and value.startswith(_PRODUCED):
        kind, value = "Output", value.removeprefix(_PRODUCED)
    places: dict[str, Argument] = {port.name: InputPath(port.name) for port in inputs if port.source is not None}
    written: dict[str, Argument] = {port.name: OutputPath(port.name) for port in outputs}
    known: dict[str, Mapping[str, Argument]] = {
        "Parameter": {name: found or "" for name, found in parameters.items()},
        "Input": places,
        "Output": written,
    }
    if kind in ("NestedList", "4"):
        nested = argument.get("NestedArgumentList") or []
        return tuple(argument_of(inner, step, parameters, inputs, outputs) for inner in nested)
    kind = {"1": "Parameter", "2": "Input", "3": "Output"}.get(kind, kind)
    if kind not in known:
        # the split leaves the names of references at every second place
        pieces = _REFERENCE.split(value)
        found = {**places, **written}
        texts = [
            found.get(piece, f"$AZUREML_DATAREFERENCE_{piece}") if place % 2 else piece
            for place, piece in enumerate(pieces)
        ]
        return value if len(pieces) == 1 else tuple(texts)
    if value not in known[kind]:
        raise PlanError(f"step '{step}' has no {kind.lower()} '{value}' for its arguments")
    return known[kind][value]


def variables_of(runconfig: dict[str, Any]) -> dict[str, str]:
    """Return the environment variables that a run configuration asks for."""
    variables: dict[str, str] = {}
    for chosen in (
        (runconfig.get("environment") or {}).get("environmentVariables"),
        runconfig.get("environmentVariables"),
    ):
        variables |= {name: str(value) for name, value in (chosen or {}).items()}
    return variables


def _parameter_variables(declared: list[dict[str, Any]], parameters: dict[str, str | None]) -> dict[str, str]:
    """Return the environment variables that hold the parameters of a step."""
    return {
        one.get("EnvironmentVariableOverride") or f"AML_PARAMETER_{one['Name']}": parameters.get(one["Name"]) or ""
        for one in declared
    }


def not_imitated(runconfig: dict[str, Any], inputs: tuple[InputPort, ...]) -> list[str]:
    """Return what a step asks for and one machine cannot give."""
    asked = []
    environment = runconfig.get("environment") or {}
    docker = (environment.get("docker") or {}).get("baseImage")
    python = environment.get("python") or {}
    if docker and (runconfig.get("docker") or {}).get("useDocker"):
        asked.append(f"docker image {docker}")
    if python.get("condaDependencies") and not python.get("userManagedDependencies"):
        asked.append("conda environment")
    nodes = int(runconfig.get("nodeCount") or 1)
    if nodes > 1:
        asked.append(f"{nodes} nodes")
    if (runconfig.get("communicator") or "None") not in ("None", "ParallelTask"):
        asked.append(f"communicator {runconfig['communicator']}")
    asked += [
        f"input '{port.name}' at {port.path_on_compute}"
        for port in inputs
        if (port.path_on_compute or "").startswith("/")
    ]
    return asked


def _connections(
    graph: dict[str, Any],
    documents: dict[str, dict[str, Any]],
    datasets: dict[str, Source | str],
    data_sources: Mapping[str, dict[str, Any]],
) -> tuple[dict[str, set[str]], dict[tuple[str, str], Source]]:
    """Return which nodes each node comes after, and what arrives at each node's inputs."""
    after: dict[str, set[str]] = {identifier: set() for identifier in documents}
    arrivals: dict[tuple[str, str], Source] = {}
    for edge in _listed(graph, "Edges"):
        source, target = edge.get("SourceOutputPort") or {}, edge.get("DestinationInputPort") or {}
        if target.get("NodeId") not in documents:
            continue
        key = (target["NodeId"], target["PortName"])
        if source.get("NodeId") in documents:
            after[target["NodeId"]].add(source["NodeId"])
            arrivals[key] = NodeOutput(source["NodeId"], source["PortName"])
        elif source.get("NodeId") in datasets:
            found = datasets[source["NodeId"]]
            arrivals[key] = _path(data_sources[found]) if isinstance(found, str) else found
    return after, arrivals


def _path(data_source: dict[str, Any]) -> PathSource:
    return PathSource(data_source.get("DataStoreName") or "", data_source.get("PathOnDataStore") or "")
