"""Datasets: definitions of data on datastores, and their registered versions."""

import hashlib
from typing import Any

from aml_emulator.errors import ConflictError, InvalidError, NotFoundError
from aml_emulator.store.database import Database, Row, new_id, now


def _definition(dataflow: dict[str, Any]) -> str:
    """Return the engine's own description inside a dataflow: YAML in the form of an MLTable."""
    definition = (dataflow.get("meta") or {}).get("RsDataflow")
    if not definition:
        raise InvalidError("a dataset is served only with the description that azureml-dataprep 5 makes")
    return str(definition)


class Datasets:
    """All datasets of a state."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(
        self,
        workspace: str,
        kind: str,
        dataflow: dict[str, Any],
        *,
        properties: dict[str, Any],
        again: bool = False,
    ) -> Row:
        """Keep a definition.

        Args:
            workspace: Id of the workspace.
            kind: ``file`` or ``tabular``.
            dataflow: The definition as the SDK sends it.
            properties: Its properties.
            again: Keep it under a new id even where the same is kept already.

        Returns:
            The saved dataset: the one of the same definition, where there is one.
        """
        definition = _definition(dataflow)
        digest = hashlib.sha256(f"{kind}\n{definition}".encode()).hexdigest()
        known = self._database.one(
            "select * from saved_datasets where workspace = ? and content_hash = ? order by created",
            workspace,
            digest,
        )
        if known is not None and not again:
            return known
        row = {
            "id": new_id(),
            "workspace": workspace,
            "type": kind,
            "definition": definition,
            "dataflow": dataflow,
            "properties": properties,
            "content_hash": digest,
            "created": now(),
        }
        self._database.insert("saved_datasets", row)
        return row

    def saved(self, workspace: str, identifier: str) -> Row:
        """Return a saved dataset; 404 when there is none of that id."""
        return self._database.find(
            "saved_datasets", {"workspace": workspace, "id": identifier}, kind="Saved dataset", key=identifier
        )

    def register(
        self,
        workspace: str,
        name: str,
        saved: str,
        *,
        description: str | None = None,
        tags: dict[str, str] | None = None,
        new_version: bool = False,
    ) -> Row:
        """Register a saved dataset under a name.

        Args:
            workspace: Id of the workspace.
            name: The name.
            saved: Id of the saved dataset.
            description: A text about this version.
            tags: Tags of this version.
            new_version: Add a version where the name is taken.

        Returns:
            The version.

        Raises:
            InvalidError: when the name is taken and no new version is asked for.
        """
        with self._database.transaction():
            known = self._database.one("select * from datasets where workspace = ? and name = ?", workspace, name)
            if known is not None and not new_version:
                raise ConflictError(f"there is already a dataset registered under name '{name}'")
            if known is None:
                known = {"id": new_id(), "workspace": workspace, "name": name, "created": now()}
                self._database.insert("datasets", known)
            last = self._database.one(
                "select coalesce(max(version), 0) as version from dataset_versions where dataset = ?",
                known["id"],
            )
            self._database.insert(
                "dataset_versions",
                {
                    "dataset": known["id"],
                    "version": (last or {"version": 0})["version"] + 1,
                    "saved": saved,
                    "description": description,
                    "tags": tags or {},
                    "created": now(),
                },
            )
        return self.version(workspace, name=name)

    def versions(self, workspace: str, *, until: str) -> list[Row]:
        """Return all versions of all registered datasets made up to a time, latest first in each."""
        return self._database.all(f"{_VERSIONS} and v.created <= ? order by d.name, v.version desc", workspace, until)

    def version(
        self,
        workspace: str,
        *,
        name: str | None = None,
        dataset: str | None = None,
        number: int | None = None,
    ) -> Row:
        """Return one version of the dataset of a name or an id, or its latest; 404 when there is none."""
        row = self._database.one(
            f"{_VERSIONS} and (d.name = ? or d.id = ?) and (? is null or v.version = ?) order by v.version desc",
            workspace,
            name,
            dataset,
            number,
            number,
        )
        if row is None:
            raise NotFoundError("Dataset", f"{name or dataset}:{number or 'latest'}")
        return row

    def registered_as(self, workspace: str, saved: str) -> list[Row]:
        """Return the versions that a saved dataset is registered as."""
        return self._database.all(f"{_VERSIONS} and v.saved = ? order by v.version", workspace, saved)

    def update(self, workspace: str, dataset: str, changes: dict[str, Any]) -> Row:
        """Change description or tags of the latest version of a dataset."""
        row = self.version(workspace, dataset=dataset)
        self._database.update("dataset_versions", {"dataset": dataset, "version": row["version"]}, changes)
        return self.version(workspace, dataset=dataset)

    def unregister(self, workspace: str, name: str) -> None:
        """Forget a name with all its versions; what they define stays."""
        with self._database.transaction():
            row = self.version(workspace, name=name)
            self._database.execute("delete from dataset_versions where dataset = ?", row["dataset"])
            self._database.execute("delete from datasets where id = ?", row["dataset"])


_VERSIONS = (
    "select d.name, d.id as dataset, v.version, v.saved, v.description, v.tags, v.created,"
    " s.type, s.definition, s.dataflow, s.properties"
    " from datasets d join dataset_versions v on v.dataset = d.id join saved_datasets s on s.id = v.saved"
    " where d.workspace = ?"
)
