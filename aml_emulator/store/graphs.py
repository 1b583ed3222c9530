"""What pipelines of SDK v1 are made of: data types, modules, data sources, and the graphs that join them."""

from typing import Any

from aml_emulator.store.database import Database, Row, new_id, now


class Graphs:
    """All graphs of a state and their parts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def data_types(self, workspace: str) -> list[Row]:
        """Return the data types that a workspace has made itself."""
        return self._database.all("select * from data_types where workspace = ?", workspace)

    def save_data_type(self, workspace: str, identifier: str, document: dict[str, Any]) -> None:
        """Keep a data type, in the place of one of the same id."""
        row = {"workspace": workspace, "id": identifier, "document": document}
        self._database.insert("data_types", row, replace=True)

    def add_part(
        self, table: str, workspace: str, identifier_hash: str | None, entity: dict[str, Any], document: dict[str, Any]
    ) -> None:
        """Keep a module or a data source.

        Args:
            table: ``modules`` or ``data_sources``.
            workspace: Id of the workspace.
            identifier_hash: By what the SDK finds it again.
            entity: Its own fields, with ``Id`` and ``CreatedDate``.
            document: What is answered for it.
        """
        row = {
            "id": entity["Id"],
            "workspace": workspace,
            "identifier_hash": identifier_hash,
            "created": entity["CreatedDate"],
            "document": document,
        }
        self._database.insert(table, row)

    def module(self, module: str) -> dict[str, Any]:
        """Return a module's document; NotFoundError when there is none of that id."""
        return self._document("modules", "Module", module)

    def data_source(self, source: str) -> dict[str, Any]:
        """Return a data source's document; NotFoundError when there is none of that id."""
        return self._document("data_sources", "DataSource", source)

    def _document(self, table: str, kind: str, identifier: str) -> dict[str, Any]:
        row = self._database.find(table, {"id": identifier}, kind=kind, key=identifier)
        return row["document"]  # type: ignore[no-any-return]

    def by_hash(self, table: str, workspace: str, identifier_hash: str) -> dict[str, Any] | None:
        """Return the document of the newest part of the same content, or None."""
        key = {"workspace": workspace, "identifier_hash": identifier_hash}
        row = self._database.first(table, key, order="created desc")
        return row["document"] if row else None

    def add(self, workspace: str, graph: dict[str, Any], interface: dict[str, Any]) -> str:
        """Keep a graph with its interface; return its id."""
        identifier = new_id()
        document = {
            **graph,
            "Id": identifier,
            "EntityStatus": "0",
            "CreatedDate": now(),
            "LastModifiedDate": now(),
        }
        row = {"id": identifier, "workspace": workspace, "document": document, "interface": interface}
        self._database.insert("graphs", row)
        return identifier

    def find(self, graph: str) -> Row:
        """Return a graph with its interface; NotFoundError when there is none of that id."""
        return self._database.find("graphs", {"id": graph}, kind="Graph", key=graph)
