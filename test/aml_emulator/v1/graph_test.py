"""Graphs resolved: order, parameters, data, and what is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aml_emulator.errors import InvalidError
from aml_emulator.executor.environment import command_arguments, data_variables
from aml_emulator.executor.parallel_entry import bytes_of, parse_arguments
from aml_emulator.executor.task import DatasetSource, NodeOutput, PathSource, PlanError, Task
from aml_emulator.v1.graph import compile_graph


def module(**structured: Any) -> dict[str, Any]:
    return {
        "Data": {
            "Id": "m",
            "Name": "step",
            "IsDeterministic": True,
            "DataLocation": {"StorageId": "s"},
            "StructuredInterface": structured,
        }
    }


def edge(source: str, target: str, port: str = "_run_after_input") -> dict[str, Any]:
    return {
        "SourceOutputPort": {"NodeId": source, "PortName": "out"},
        "DestinationInputPort": {"NodeId": target, "PortName": port},
    }


def plan(
    graph: dict[str, Any],
    *,
    interface: Any = None,
    sent: Any = None,
    modules: Any = None,
    sources: Any = None,
) -> list[Task]:
    return compile_graph(
        graph,
        interface or {},
        sent or {},
        modules=modules or {"m": module()},
        data_sources=sources or {},
        default_datastore="store",
    )


@given(st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda pair: pair[0] < pair[1])))
def test_each_step_comes_after_those_it_needs(pairs: set[tuple[int, int]]) -> None:
    nodes = [{"Id": str(number), "ModuleId": "m"} for number in range(8)]
    edges = [edge(str(a), str(b)) for a, b in pairs]
    order = [int(node.id) for node in plan({"ModuleNodes": nodes, "Edges": edges})]
    assert sorted(order) == list(range(8))
    assert all(order.index(a) < order.index(b) for a, b in pairs)


def test_a_circle_is_refused() -> None:
    nodes = [{"Id": "a", "ModuleId": "m"}, {"Id": "b", "ModuleId": "m"}]
    with pytest.raises(PlanError, match="wait for each other: step, step"):
        plan({"ModuleNodes": nodes, "Edges": [edge("a", "b"), edge("b", "a")]})


def test_parameters_are_put_in() -> None:
    assignments = [
        {"Name": "literal", "ValueType": "0", "Value": "x"},
        {"Name": "given", "ValueType": "1", "Value": "p"},
        {"Name": "default", "ValueType": "GraphParameterName", "Value": "q"},
        {
            "Name": "joined",
            "ValueType": "2",
            "AssignmentsToConcatenate": [{"ValueType": "0", "Value": "a/"}, {"ValueType": "1", "Value": "p"}],
        },
    ]
    interface = {"Parameters": [{"Name": "p", "DefaultValue": "1"}, {"Name": "q", "DefaultValue": "2"}]}
    node = {"Id": "a", "ModuleId": "m", "ModuleParameters": assignments}
    (found,) = plan({"ModuleNodes": [node]}, interface=interface, sent={"ParameterAssignments": {"p": 9}})
    assert found.definition["parameters"] == {"literal": "x", "given": "9", "default": "2", "joined": "a/9"}
    with pytest.raises(PlanError, match="no parameter 'p'"):
        plan({"ModuleNodes": [node]})


def test_data_comes_from_where_the_graph_says() -> None:
    datasets = ("saved", "named", "path", "chosen")
    ports = [{"Name": name, "DataStoreMode": "Mount"} for name in ("step", *datasets)]
    version = {"DataSetReference": {"Name": "n", "Version": "2"}}
    graph = {
        "ModuleNodes": [{"Id": "a", "ModuleId": "first"}, {"Id": "b", "ModuleId": "m"}],
        "DatasetNodes": [
            {"Id": "saved", "DataSetDefinition": {"Value": {"SavedDataSetReference": {"Id": "s"}}}},
            {
                "Id": "named",
                "DataSetDefinition": {"Value": version},
            },
            {"Id": "path", "DatasetId": "source"},
            {"Id": "chosen", "DataSetDefinition": {"ParameterName": "p"}},
        ],
        "Edges": [
            edge("a", "b", "step"),
            *(edge(name, "b", name) for name in datasets),
        ],
    }
    sent = {
        "DataSetDefinitionValueAssignments": {"p": {"LiteralValue": {"DataStoreName": "other", "RelativePath": "r"}}}
    }
    modules = {"first": module(Outputs=[{"Name": "out"}]), "m": module(Inputs=ports)}
    sources = {"source": {"DataStoreName": "store", "PathOnDataStore": "d"}}
    _, node = plan(graph, sent=sent, modules=modules, sources=sources)
    assert {port.name: port.source for port in node.inputs} == {
        "step": NodeOutput("a", "out"),
        "saved": DatasetSource(saved="s"),
        "named": DatasetSource(name="n", version="2"),
        "path": PathSource("store", "d"),
        "chosen": PathSource("other", "r"),
    }
    with pytest.raises(PlanError, match="dataset parameter 'p' has no value"):
        plan(graph, modules=modules, sources=sources)
    with pytest.raises(PlanError, match="input 'step' is not connected"):
        plan({"ModuleNodes": [{"Id": "b", "ModuleId": "m"}]}, modules=modules)


def test_arguments_and_variables_name_paths_and_values() -> None:
    structured = {
        "Arguments": [
            {"ValueType": "Literal", "Value": "--in"},
            {"ValueType": "Literal", "Value": "DatasetConsumptionConfig:data"},
            {"ValueType": "Output", "Value": "out"},
            {"ValueType": "Parameter", "Value": "p"},
            {"ValueType": "Literal", "Value": "$AZUREML_DATAREFERENCE_data/x"},
        ],
        "Parameters": [{"Name": "p", "SetEnvironmentVariable": True}],
        "Inputs": [{"Name": "data"}],
        "Outputs": [{"Name": "out"}],
    }
    node = {"Id": "a", "ModuleId": "m", "ModuleParameters": [{"Name": "p", "Value": "7"}]}
    graph = {
        "ModuleNodes": [node],
        "DatasetNodes": [{"Id": "d", "DataSetDefinition": {"Value": {"SavedDataSetReference": {"Id": "s"}}}}],
        "Edges": [edge("d", "a", "data")],
    }
    (found,) = plan(graph, modules={"m": module(**structured)})
    delivered, written = {"data": "/d"}, {"out": "/o"}
    assert command_arguments(found, delivered, written) == ["--in", "/d", "/o", "7", "/d/x"]
    assert found.variables == {"AML_PARAMETER_p": "7"}
    assert found.not_imitated == ()
    variables = data_variables(found, delivered, written)
    assert (variables["data"], variables["AZUREML_DATAREFERENCE_out"]) == ("/d", "/o")
    with pytest.raises(PlanError, match="has no input 'data'"):
        plan({"ModuleNodes": [node]}, modules={"m": module(Arguments=structured["Arguments"])})


@pytest.mark.parametrize("place", ["../x", "a/../../x", "..", "a\\..\\..\\x", "a\x00"])
@pytest.mark.parametrize("side", ["Inputs", "Outputs"])
def test_no_name_of_a_port_and_no_place_on_the_compute_leads_out(place: str, side: str) -> None:
    graph = {"ModuleNodes": [{"Id": "a", "ModuleId": "m"}]}
    with pytest.raises(InvalidError, match="cannot be"):
        plan(graph, modules={"m": module(**{side: [{"Name": place, "IsOptional": True}]})})
    if side == "Inputs":
        port = {"Name": "in", "IsOptional": True, "PathOnCompute": place}
        with pytest.raises(InvalidError, match="has to stay in its folder"):
            plan(graph, modules={"m": module(Inputs=[port])})


@pytest.mark.parametrize(("size", "count"), [("10", 10), ("1KB", 1024), ("2 mb", 2 * 1024**2), ("1gb", 1024**3)])
def test_sizes_are_read(size: str, count: int) -> None:
    assert bytes_of(size) == count


def test_the_drivers_arguments_are_read() -> None:
    argv = ["--scoring_module_name", "s.py", "--mini_batch_size", "5", "--input_fds_0", "one", "--own", "1"]
    options, inputs = parse_arguments([*argv, "--input_fds_1", "two"])
    assert (options.scoring_module_name, options.mini_batch_size, options.tabular) == ("s.py", "5", False)
    assert inputs == ["one", "two"]
