"""What a pipeline run is to do: a graph, its parameters and its data, resolved for the executor.

Pure: documents in, plan out. The documents are those of the pipelines service; their enumerations come as
numbers or as names, depending on the version of the SDK.
"""

from __future__ import annotations

import json
from typing import Any

from aml_emulator import names
from aml_emulator.executor.nodes import (
    DatasetSource,
    InputPort,
    Node,
    NodeOutput,
    OutputPort,
    PathSource,
    PlanError,
    Source,
)


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


def build_plan(
    graph: dict[str, Any],
    interface: dict[str, Any],
    sent: dict[str, Any],
    *,
    modules: dict[str, dict[str, Any]],
    data_sources: dict[str, dict[str, Any]],
    default_datastore: str,
) -> list[Node]:
    """Resolve a graph.

    Args:
        graph: The graph.
        interface: Its parameters with their defaults.
        sent: What was submitted: assignments of parameters and of datasets.
        modules: The modules that its nodes name, by id.
        data_sources: The data sources that its nodes name, by id.
        default_datastore: The datastore of outputs that name none.

    Returns:
        Its nodes, in an order in which each comes after those that it needs.

    Raises:
        PlanError: A parameter or an input has no value, or the graph has a circle.
    """
    values = {one["Name"]: one.get("DefaultValue") for one in _listed(interface, "Parameters")}
    values |= sent.get("ParameterAssignments") or {}
    documents = {node["Id"]: node for node in _listed(graph, "ModuleNodes")}
    after, arrivals = _connections(graph, documents, _sources(graph, interface, sent), data_sources)
    nodes = {}
    for identifier, document in documents.items():
        module = modules[document["ModuleId"]]["Data"]
        structured = module["StructuredInterface"]
        assignments = _listed(document, "ModuleParameters") + _listed(document, "ModuleMetadataParameters")
        nodes[identifier] = Node(
            id=identifier,
            name=module["Name"],
            module=module,
            parameters={one["Name"]: _assigned(one, values) for one in assignments},
            inputs=_inputs(document, structured, arrivals),
            outputs=_outputs(document, structured, default_datastore),
            after=frozenset(after[identifier]),
            runconfig=json.loads(document.get("Runconfig") or "{}"),
            reusable=bool(module.get("IsDeterministic")) and not document.get("RegenerateOutput"),
        )
    return _ordered(nodes)


def _connections(
    graph: dict[str, Any],
    documents: dict[str, dict[str, Any]],
    datasets: dict[str, Source | str],
    data_sources: dict[str, dict[str, Any]],
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


def _ordered(nodes: dict[str, Node]) -> list[Node]:
    ordered: list[Node] = []
    done: set[str] = set()
    while len(ordered) < len(nodes):
        ready = [node for node in nodes.values() if node.id not in done and node.after <= done]
        if not ready:
            circle = ", ".join(node.name for node in nodes.values() if node.id not in done)
            raise PlanError(f"these steps wait for each other: {circle}")
        ordered += ready
        done |= {node.id for node in ready}
    return ordered
