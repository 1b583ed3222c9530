"""Snapshots: the source folders of steps, file by file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aml_emulator import names
from aml_emulator.errors import InvalidError
from aml_emulator.store.blobs import BlobStore
from aml_emulator.store.database import Database, Row, now

CONTAINER = "snapshots"
EMPTY = "00000000-0000-0000-0000-000000000000"


def _children(node: dict[str, Any]) -> dict[str, Any]:
    return node.get("children") or node.get("Children") or {}


def _files(node: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, child in _children(node).items():
        path = names.relative_path(f"{above}{name}", "file of a snapshot")
        if (child.get("type") or child.get("Type")) == "Directory":
            yield from _files(child, f"{path}/")
        else:
            yield path, str(child.get("hash") or child.get("Hash") or "")


class Snapshots:
    """All snapshots of a state."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs

    def create(
        self,
        workspace: str,
        snapshot: str,
        *,
        parent: str | None,
        tree: dict[str, Any],
        uploaded: dict[str, str],
    ) -> None:
        """Keep a snapshot.

        Args:
            workspace: Id of the workspace.
            snapshot: Its id, which the client chose.
            parent: The snapshot that files not uploaded now are taken from.
            tree: The tree of its folder, with each file's hash.
            uploaded: Address of the content of each file uploaded now, by path.

        Raises:
            InvalidError: when the parent is not known, 400 when a file is neither uploaded nor in the parent.
        """
        inherited: dict[str, Row] = {}
        if parent and parent != EMPTY:
            self.find(workspace, parent)
            inherited = {row["path"]: row for row in self._rows(parent)}
        rows = []
        for path, digest in _files(tree):
            if path in uploaded:
                container, blob = self._blobs.split_url(uploaded[path])
                if container != CONTAINER:
                    raise InvalidError(f"snapshot {snapshot}: the content of '{path}' lies in another container")
            elif path in inherited:
                container, blob = inherited[path]["blob_container"], inherited[path]["blob"]
            else:
                raise InvalidError(f"snapshot {snapshot}: file '{path}' was neither uploaded nor in its parent")
            rows.append(
                {
                    "snapshot": snapshot,
                    "path": path,
                    "hash": digest,
                    "blob_container": container,
                    "blob": blob,
                }
            )
        with self._database.transaction():
            self._database.insert(
                "snapshots",
                {"id": snapshot, "workspace": workspace, "parent": parent, "created": now(), "tree": tree},
                replace=True,
            )
            for row in rows:
                self._database.insert("snapshot_files", row, replace=True)

    def find(self, workspace: str, snapshot: str) -> Row:
        """Return a snapshot; 404 when there is none of that id."""
        return self._database.find("snapshots", {"workspace": workspace, "id": snapshot}, kind="Snapshot", key=snapshot)

    def hashes(self, snapshot: str) -> list[tuple[str, str]]:
        """Return path and hash of each file, by path: what the snapshot's content is."""
        return [(row["path"], row["hash"]) for row in self._rows(snapshot)]

    def contents(self, snapshot: str) -> Iterator[tuple[str, bytes]]:
        """Yield path and content of each file."""
        for row in self._rows(snapshot):
            yield row["path"], self._blobs.get(row["blob_container"], row["blob"])

    def restore(self, snapshot: str, folder: Path) -> None:
        """Write the files of a snapshot into a folder."""
        for path, content in self.contents(snapshot):
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    def _rows(self, snapshot: str) -> list[Row]:
        return self._database.all("select * from snapshot_files where snapshot = ? order by path", snapshot)
