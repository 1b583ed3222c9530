"""Workspaces: what everything else belongs to."""

from dataclasses import dataclass

from aml_emulator.errors import NotFoundError
from aml_emulator.store.database import Database, Row, new_id, now


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
        row = self._database.one(
            "select * from workspaces where subscription = ? and resource_group = ? and name = ?",
            subscription,
            group,
            name,
        )
        if row is not None:
            return _workspace(row)
        workspace = Workspace(new_id(), subscription, group, name, now())
        with self._database.transaction():
            self._database.insert(
                "workspaces",
                {
                    "id": workspace.id,
                    "subscription": subscription,
                    "resource_group": group,
                    "name": name,
                    "created": workspace.created,
                },
            )
            self._database.insert(
                "datastores",
                {
                    "workspace": workspace.id,
                    "name": "workspaceblobstore",
                    "container": workspace.blob_container,
                    "is_default": 1,
                    "created": workspace.created,
                },
            )
        return workspace

    def find(self, subscription: str, group: str, name: str) -> Workspace:
        """Return a workspace; 404 when there is none of that name."""
        row = self._database.one(
            "select * from workspaces where subscription = ? and resource_group = ? and name = ?",
            subscription,
            group,
            name,
        )
        if row is None:
            raise NotFoundError("The resource 'Microsoft.MachineLearningServices/workspaces'", name)
        return _workspace(row)

    def by_id(self, workspace_id: str) -> Workspace:
        """Return the workspace of an id; 404 when there is none."""
        row = self._database.one("select * from workspaces where id = ?", workspace_id)
        if row is None:
            raise NotFoundError("Workspace", workspace_id)
        return _workspace(row)

    def all(self) -> list[Workspace]:
        """Return all workspaces, oldest first."""
        return [_workspace(row) for row in self._database.all("select * from workspaces order by created")]
