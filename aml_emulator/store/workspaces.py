"""Workspaces: what everything else belongs to."""

from dataclasses import dataclass

from aml_emulator.store.database import Database, Row, new_id, now
from aml_emulator.store.resources import Datastores


@dataclass(frozen=True)
class Workspace:
    """One workspace.

    Attributes:
        id: Its GUID, by which the SDK keys its caches.
        subscription: Id of the subscription.
        group: Name of the resource group.
        name: Its name.
        created: When it was made.
    """

    id: str
    subscription: str
    group: str
    name: str
    created: str

    @property
    def scope(self) -> str:
        """The workspace's resource id in Azure Resource Manager."""
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.name}"
        )

    @property
    def blob_container(self) -> str:
        """The container of its default datastore."""
        return f"azureml-blobstore-{self.id}"


def _workspace(row: Row) -> Workspace:
    return Workspace(row["id"], row["subscription"], row["resource_group"], row["name"], row["created"])


class Workspaces:
    """All workspaces of a state."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ensure(self, subscription: str, group: str, name: str) -> Workspace:
        """Return the workspace of that name, made with its default datastore if it is not there."""
        key = {"subscription": subscription, "resource_group": group, "name": name}
        with self._database.transaction():
            row = self._database.first("workspaces", key)
            if row is None:
                row = {"id": new_id(), **key, "created": now()}
                self._database.insert("workspaces", row)
                store = Datastores(self._database)
                store.save(row["id"], "workspaceblobstore", _workspace(row).blob_container, is_default=True)
        return _workspace(row)

    def find(self, subscription: str, group: str, name: str) -> Workspace:
        """Return a workspace; NotFoundError when there is none of that name."""
        key = {"subscription": subscription, "resource_group": group, "name": name}
        kind = "The resource 'Microsoft.MachineLearningServices/workspaces'"
        return _workspace(self._database.find("workspaces", key, kind=kind, key=name))

    def all(self) -> list[Workspace]:
        """Return all workspaces, oldest first."""
        return [_workspace(row) for row in self._database.all("select * from workspaces order by created")]
