"""What graphs are made of: data types, modules and data sources."""

from typing import Any

from aml_emulator import names
from aml_emulator.store.database import new_id, now
from aml_emulator.web.messages import Reply, Request
from aml_emulator.web.router import Routes

ROUTES = Routes("/pipelines/v1.0{ws}")

_BUILT_IN = (
    "AnyFile",
    "AnyDirectory",
    "AzureBlobReference",
    "AzureDataLakeReference",
    "AzureDataLakeGen2Reference",
    "AzureFilesReference",
    "AzureSqlDatabaseReference",
    "AzurePostgresDatabaseReference",
    "AzureMySqlDatabaseReference",
    "AzureMLDataset",
    "DBFSReference",
)
_STRING = "3"


def _data_type(name: str) -> dict[str, Any]:
    return {
        "Id": name,
        "Name": name,
        "Description": name,
        "IsDirectory": name == "AnyDirectory",
        "ParentDataTypeIds": [],
        "EntityStatus": "0",
    }


def _uploaded(sent: dict[str, Any], location: dict[str, Any]) -> dict[str, Any]:
    """What was sent, as the service keeps it."""
    facts = {"Id": new_id(), "EntityStatus": "0", "UploadState": "Completed"}
    return {**sent, **facts, "CreatedDate": now(), "LastModifiedDate": now(), "DataLocation": location}


def _newest(request: Request, table: str) -> Any:
    found = request.store.graphs.by_hash(table, request.workspace.id, request["hash"])
    return Reply(status=204) if found is None else found


@ROUTES.get("/DataTypes")
def list_data_types(request: Request) -> Any:
    """Answer the data types: the built-in ones and the workspace's own."""
    own = {row["id"]: row["document"] for row in request.store.graphs.data_types(request.workspace.id)}
    return [_data_type(name) for name in _BUILT_IN if name not in own] + list(own.values())


@ROUTES.post("/DataTypes")
@ROUTES.put("/DataTypes/{id}")
def save_data_type(request: Request) -> Any:
    """Keep a data type."""
    document = {"EntityStatus": "0", **request.document()}
    request.store.graphs.save_data_type(request.workspace.id, names.name(document["Id"]), document)
    return document


def _parameters(listed: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    return [
        {
            "Name": parameter["Name"],
            "DefaultValue": parameter.get("DefaultValue"),
            "IsOptional": parameter.get("IsOptional"),
            "Type": _STRING,
        }
        for parameter in listed or []
    ]


def _interface(structured: dict[str, Any]) -> dict[str, Any]:
    """Derive what a graph sees of a module from how the module was defined."""
    return {
        "Parameters": _parameters(structured.get("Parameters")),
        "MetadataParameters": _parameters(structured.get("MetadataParameters")),
        "Ports": {
            "Inputs": [
                {
                    "Name": port["Name"],
                    "DataTypesIds": port.get("DataTypeIdsList"),
                    "IsOptional": port.get("IsOptional"),
                }
                for port in structured.get("Inputs") or []
            ],
            "Outputs": [
                {"Name": port["Name"], "DataTypeId": port.get("DataTypeId")} for port in structured.get("Outputs") or []
            ],
        },
    }


@ROUTES.post("/Modules")
def create_module(request: Request) -> Any:
    """Keep a module: a step's script, its interface and its snapshot, which has to be there."""
    sent = request.document()
    if snapshot := sent.text("StorageId"):
        request.store.snapshots.find(request.workspace.id, snapshot)
    entity = _uploaded(sent, {"StorageType": "Snapshot", "StorageId": sent.get("StorageId")})
    document = {"Data": entity, "Interface": _interface(sent.object("StructuredInterface"))}
    request.store.graphs.add_part("modules", request.workspace.id, sent.text("IdentifierHash"), entity, document)
    return entity


@ROUTES.get("/Modules/{id}")
def get_module(request: Request) -> Any:
    """Answer one module."""
    return request.store.graphs.module(request["id"])


@ROUTES.get("/Modules/Hash/{hash}")
def find_module(request: Request) -> Any:
    """Answer the newest module of the same content, or nothing."""
    return _newest(request, "modules")


@ROUTES.post("/DataSources")
def create_data_source(request: Request) -> Any:
    """Keep a data source: a path on a datastore."""
    sent = request.document()
    blob = {"AmlDataStoreName": sent.get("DataStoreName"), "RelativePath": sent.get("PathOnDataStore")}
    reference = {"Type": "1", "AzureBlobReference": blob}
    entity = _uploaded(sent, {"StorageType": "0", "DataReference": reference})
    request.store.graphs.add_part("data_sources", request.workspace.id, sent.text("IdentifierHash"), entity, entity)
    return entity


@ROUTES.get("/DataSources/{id}")
def get_data_source(request: Request) -> Any:
    """Answer one data source."""
    return request.store.graphs.data_source(request["id"])


@ROUTES.get("/DataSources/Hash/{hash}")
def find_data_source(request: Request) -> Any:
    """Answer the newest data source of the same path, or nothing."""
    return _newest(request, "data_sources")


@ROUTES.get("/Graphs/{id}")
def get_graph(request: Request) -> Any:
    """Answer a graph."""
    return request.store.graphs.find(request["id"])["document"]


@ROUTES.get("/Graphs/{id}/Interface")
def get_graph_interface(request: Request) -> Any:
    """Answer a graph's parameters."""
    return request.store.graphs.find(request["id"])["interface"]
