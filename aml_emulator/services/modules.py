"""What graphs are made of: data types, modules and data sources."""

from typing import Any

from aml_emulator.errors import NotFoundError
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


@ROUTES.get("/DataTypes")
def list_data_types(request: Request) -> Any:
    """Answer the data types: the built-in ones and the workspace's own."""
    rows = request.site.database.all("select * from data_types where workspace = ?", request.workspace.id)
    own = {row["id"]: row["document"] for row in rows}
    return [_data_type(name) for name in _BUILT_IN if name not in own] + list(own.values())


@ROUTES.post("/DataTypes")
@ROUTES.put("/DataTypes/{id}")
def save_data_type(request: Request) -> Any:
    """Keep a data type."""
    document = {"EntityStatus": "0", **request.json()}
    request.site.database.insert(
        "data_types",
        {"workspace": request.workspace.id, "id": document["Id"], "document": document},
        replace=True,
    )
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
    """Keep a module: a step's script, its interface and its snapshot."""
    sent = request.document()
    entity = {
        **sent,
        "Id": new_id(),
        "EntityStatus": "0",
        "UploadState": "Completed",
        "CreatedDate": now(),
        "LastModifiedDate": now(),
        "DataLocation": {"StorageType": "Snapshot", "StorageId": sent.get("StorageId")},
    }
    request.site.database.insert(
        "modules",
        {
            "id": entity["Id"],
            "workspace": request.workspace.id,
            "identifier_hash": sent.get("IdentifierHash"),
            "created": entity["CreatedDate"],
            "document": {"Data": entity, "Interface": _interface(sent["StructuredInterface"])},
        },
    )
    return entity


@ROUTES.get("/Modules/{id}")
def get_module(request: Request) -> Any:
    """Answer one module."""
    return request.site.pipelines.module(request["id"])["document"]


@ROUTES.get("/Modules/Hash/{hash}")
def find_module(request: Request) -> Any:
    """Answer the newest module of the same content, or nothing."""
    row = request.site.database.one(
        "select * from modules where workspace = ? and identifier_hash = ? order by created desc",
        request.workspace.id,
        request["hash"],
    )
    return Reply(status=204) if row is None else row["document"]


@ROUTES.post("/DataSources")
def create_data_source(request: Request) -> Any:
    """Keep a data source: a path on a datastore."""
    sent = request.document()
    entity = {
        **sent,
        "Id": new_id(),
        "EntityStatus": "0",
        "UploadState": "Completed",
        "CreatedDate": now(),
        "LastModifiedDate": now(),
        "DataLocation": {
            "StorageType": "0",
            "DataReference": {
                "Type": "1",
                "AzureBlobReference": {
                    "AmlDataStoreName": sent.get("DataStoreName"),
                    "RelativePath": sent.get("PathOnDataStore"),
                },
            },
        },
    }
    request.site.database.insert(
        "data_sources",
        {
            "id": entity["Id"],
            "workspace": request.workspace.id,
            "identifier_hash": sent.get("IdentifierHash"),
            "created": entity["CreatedDate"],
            "document": entity,
        },
    )
    return entity


@ROUTES.get("/DataSources/{id}")
def get_data_source(request: Request) -> Any:
    """Answer one data source."""
    row = request.site.database.one("select * from data_sources where id = ?", request["id"])
    if row is None:
        raise NotFoundError("DataSource", request["id"])
    return row["document"]


@ROUTES.get("/DataSources/Hash/{hash}")
def find_data_source(request: Request) -> Any:
    """Answer the newest data source of the same path, or nothing."""
    row = request.site.database.one(
        "select * from data_sources where workspace = ? and identifier_hash = ? order by created desc",
        request.workspace.id,
        request["hash"],
    )
    return Reply(status=204) if row is None else row["document"]


@ROUTES.get("/Graphs/{id}")
def get_graph(request: Request) -> Any:
    """Answer a graph."""
    return request.site.pipelines.graph(request["id"])["document"]


@ROUTES.get("/Graphs/{id}/Interface")
def get_graph_interface(request: Request) -> Any:
    """Answer a graph's parameters."""
    return request.site.pipelines.graph(request["id"])["interface"]
