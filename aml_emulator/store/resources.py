"""What a workspace is furnished with: computes, datastores, environments."""

from typing import Any

from aml_emulator.errors import NotFoundError
from aml_emulator.store.database import Database, Row, new_id, now


class Computes:
    """The clusters of all workspaces."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, workspace: str, name: str, document: dict[str, Any]) -> Row:
        """Keep a cluster, in the place of one of the same name."""
        row = {"workspace": workspace, "name": name, "created": now(), "document": document}
        self._database.insert("computes", row, replace=True)
        return row

    def change(self, row: Row, document: dict[str, Any]) -> Row:
        """Keep another document for a cluster."""
        self._database.insert("computes", {**row, "document": document}, replace=True)
        return {**row, "document": document}

    def find(self, workspace: str, name: str) -> Row:
        """Return a cluster; NotFoundError when there is none of that name."""
        return self._database.find("computes", {"workspace": workspace, "name": name}, kind="Compute", key=name)

    def all(self, workspace: str, *, until: str) -> list[Row]:
        """Return the clusters that were made up to a time, by name."""
        return self._database.all(
            "select * from computes where workspace = ? and created <= ? order by name", workspace, until
        )

    def delete(self, workspace: str, name: str) -> None:
        """Forget a cluster; NotFoundError when there is none of that name."""
        self._database.remove("computes", {"workspace": workspace, "name": name}, kind="Compute", key=name)


class Datastores:
    """The datastores of all workspaces: names for blob containers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, workspace: str, name: str, container: str, *, is_default: bool = False) -> Row:
        """Keep a datastore, in the place of one of the same name."""
        with self._database.transaction():
            key = {"workspace": workspace, "name": name}
            known = self._database.first("datastores", key)
            row = {
                **key,
                "container": container,
                "is_default": known["is_default"] if known else int(is_default),
                "created": now(),
            }
            self._database.insert("datastores", row, replace=True)
        return row

    def find(self, workspace: str, name: str) -> Row:
        """Return a datastore; NotFoundError when there is none of that name."""
        return self._database.find("datastores", {"workspace": workspace, "name": name}, kind="Datastore", key=name)

    def default(self, workspace: str) -> Row:
        """Return the default datastore; NotFoundError when there is none."""
        return self._database.find(
            "datastores", {"workspace": workspace, "is_default": 1}, kind="Datastore", key="default"
        )

    def set_default(self, workspace: str, name: str) -> None:
        """Make a datastore the default one; NotFoundError when there is none of that name."""
        with self._database.transaction():
            self.find(workspace, name)
            self._database.update("datastores", {"workspace": workspace}, {"is_default": 0})
            self._database.update("datastores", {"workspace": workspace, "name": name}, {"is_default": 1})

    def all(self, workspace: str) -> list[Row]:
        """Return the datastores, by name."""
        return self._database.all("select * from datastores where workspace = ? order by name", workspace)

    def delete(self, workspace: str, name: str) -> None:
        """Forget a datastore, whose content stays; NotFoundError when there is none of that name."""
        self._database.remove("datastores", {"workspace": workspace, "name": name}, kind="Datastore", key=name)


class Environments:
    """The environments of all workspaces: numbered versions of names."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def versions(self, workspace: str, name: str) -> list[Row]:
        """Return the versions of an environment, latest first."""
        return self._database.all(
            "select * from environments where workspace = ? and name = ? order by number desc", workspace, name
        )

    def register(self, workspace: str, name: str, document: dict[str, Any], *, version: str | None) -> Row:
        """Keep an environment as a new version, unless the latest is the same."""
        with self._database.transaction():
            rows = self.versions(workspace, name)
            if rows and rows[0]["document"] == document and version in (None, rows[0]["version"]):
                return rows[0]
            number = (rows[0]["number"] if rows else 0) + 1
            row = {
                "workspace": workspace,
                "name": name,
                "version": version or str(number),
                "number": number,
                "created": now(),
                "document": document,
            }
            self._database.insert("environments", row, replace=True)
        return row

    def find(self, workspace: str, name: str, version: str | None) -> Row:
        """Return a version of an environment, or its latest; NotFoundError when there is none."""
        for row in self.versions(workspace, name):
            if version in (None, row["version"]):
                return row
        raise NotFoundError("Environment", f"{name}:{version or 'latest'}")

    def latest(self, workspace: str, *, until: str) -> list[Row]:
        """Return the latest version of each environment, of those made up to a time, by name."""
        rows = self._database.all(
            "select * from environments where workspace = ? and created <= ? order by name, number", workspace, until
        )
        return list({row["name"]: row for row in rows}.values())


class Models:
    """The model registry: assets, which name files, and models, which are numbered versions of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create_asset(self, workspace: str, document: dict[str, Any]) -> Row:
        """Keep an asset."""
        row = {
            "id": new_id().replace("-", ""),
            "workspace": workspace,
            "run": document.get("runid") or document.get("runId"),
            "created": now(),
            "document": document,
        }
        self._database.insert("assets", row)
        return row

    def assets(self, workspace: str, *, run: str | None, name: str | None) -> list[Row]:
        """Return the assets of a run or of a name, newest first; None takes all."""
        rows = self._database.all(
            "select * from assets where workspace = ? and (? is null or run = ?) order by created desc",
            workspace,
            run,
            run,
        )
        return [row for row in rows if name in (None, row["document"].get("name"))]

    def asset(self, workspace: str, identifier: str) -> Row:
        """Return an asset; NotFoundError when there is none of that id."""
        return self._database.find("assets", {"workspace": workspace, "id": identifier}, kind="Asset", key=identifier)

    def register(self, workspace: str, name: str, document: dict[str, Any]) -> Row:
        """Keep a model as the next version of its name; a deleted version's number is not given again."""
        with self._database.transaction():
            key = {"workspace": workspace, "name": name}
            used = self._database.first("model_versions_used", key)
            version = (used["version"] if used else 0) + 1
            self._database.insert("model_versions_used", {**key, "version": version}, replace=True)
            row = {
                **key,
                "version": version,
                "run": document.get("runId"),
                "tags": document.get("kvTags") or {},
                "properties": document.get("properties") or {},
                "created": now(),
                "modified": now(),
                "document": document,
            }
            self._database.insert("models", row)
        return row

    def all(self, workspace: str, *, name: str | None = None, run: str | None = None, until: str = "9") -> list[Row]:
        """Return the models of a name or a run that were registered up to a time, newest first."""
        return self._database.all(
            "select * from models where workspace = ? and (? is null or name = ?) and (? is null or run = ?)"
            " and created <= ? order by created desc, version desc",
            workspace,
            name,
            name,
            run,
            run,
            until,
        )

    def find(self, workspace: str, identifier: str) -> Row:
        """Return the model of an id as in ``name:1``; NotFoundError when there is none."""
        return self._database.find("models", _model_key(workspace, identifier), kind="Model", key=identifier)

    def change(self, workspace: str, identifier: str, changes: dict[str, Any]) -> Row:
        """Change columns of a model."""
        self._database.update("models", _model_key(workspace, identifier), {**changes, "modified": now()})
        return self.find(workspace, identifier)

    def delete(self, workspace: str, identifier: str) -> None:
        """Forget one version of a model; NotFoundError when there is none."""
        self._database.remove("models", _model_key(workspace, identifier), kind="Model", key=identifier)


def _model_key(workspace: str, identifier: str) -> dict[str, Any]:
    name, _, version = identifier.rpartition(":")
    return {"workspace": workspace, "name": name, "version": int(version) if version.isdecimal() else -1}
