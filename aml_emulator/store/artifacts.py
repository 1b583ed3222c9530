"""Artifacts: files that belong to a run or to a model, and where their content lies."""

from pathlib import Path

from aml_emulator import names
from aml_emulator.store.blobs import BlobStore, blob_name
from aml_emulator.store.database import Database, Row, now

CONTAINER = "azureml"


def run_container(run: str) -> str:
    """Return the artifact container of a run."""
    return f"dcid.{run}"


class Artifacts:
    """All artifacts of a state."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs

    def register(self, workspace: str, origin: str, container: str, path: str, *, blob: str | None = None) -> Row:
        """Note an artifact, in the place of one with the same path.

        Args:
            workspace: Id of the workspace.
            origin: Where it comes from, as in ``ExperimentRun``.
            container: Which run or upload it belongs to.
            path: Its path there.
            blob: Where its content lies, when it shares that with another artifact.

        Returns:
            The artifact.
        """
        path = names.inner_path(path)
        row = {
            "workspace": workspace,
            "origin": origin,
            "container": container,
            "path": path,
            "blob_container": CONTAINER,
            "blob": blob or blob_name(origin, container, path),
            "created": now(),
        }
        self._database.insert("artifacts", row, replace=True)
        return row

    def write(self, workspace: str, run: str, path: str, content: bytes) -> None:
        """Make an artifact of a run out of bytes."""
        row = self.register(workspace, "ExperimentRun", run_container(run), path)
        self._blobs.put(row["blob_container"], row["blob"], content)

    def write_file(self, workspace: str, run: str, path: str, source: Path) -> None:
        """Make an artifact of a run out of a file."""
        row = self.register(workspace, "ExperimentRun", run_container(run), path)
        self._blobs.put_file(row["blob_container"], row["blob"], source)

    def read(self, row: Row) -> bytes:
        """Return an artifact's content."""
        return self._blobs.get(row["blob_container"], row["blob"])

    def find(self, workspace: str, origin: str, container: str, path: str) -> Row:
        """Return an artifact; 404 when there is none."""
        where = {"workspace": workspace, "origin": origin, "container": container, "path": names.inner_path(path)}
        return self._database.find("artifacts", where, kind="Artifact", key=f"{origin}/{container}/{path}")

    def below(self, workspace: str, origin: str, container: str, prefix: str = "") -> list[Row]:
        """Return the artifacts of a container whose path begins with a prefix, by path."""
        return self._database.all(
            "select * from artifacts where workspace = ? and origin = ? and container = ?"
            " and substr(path, 1, ?) = ? order by path",
            workspace,
            origin,
            container,
            len(prefix),
            prefix,
        )

    def of_run(self, workspace: str, run: str) -> list[Row]:
        """Return the artifacts of a run, by path."""
        return self.below(workspace, "ExperimentRun", run_container(run))

    def address(self, row: Row) -> str:
        """Return the signed address of an artifact's content."""
        return self._blobs.signed_url(row["blob_container"], row["blob"])
