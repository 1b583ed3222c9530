"""Everything that one emulator remembers, in one place."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from aml_emulator.store.artifacts import Artifacts
from aml_emulator.store.blobs import BlobStore
from aml_emulator.store.database import Database
from aml_emulator.store.datasets import Datasets
from aml_emulator.store.graphs import Graphs
from aml_emulator.store.pipelines import Endpoints, Pipelines, Schedules
from aml_emulator.store.resources import Computes, Datastores, Environments, Models
from aml_emulator.store.runs import Runs
from aml_emulator.store.snapshots import Snapshots
from aml_emulator.store.workspaces import Workspaces


class Store:
    """The records of a state, one attribute for each kind.

    Args:
        path: The SQLite file.
        blobs: Where content lies.
        public: The storage of others that folders here stand for, by host.
    """

    def __init__(self, path: Path, blobs: BlobStore, public: Mapping[str, BlobStore]) -> None:
        self._database = Database(path)
        self.blobs = blobs
        self.public = public
        self.workspaces = Workspaces(self._database)
        self.computes = Computes(self._database)
        self.datastores = Datastores(self._database)
        self.environments = Environments(self._database)
        self.runs = Runs(self._database)
        self.artifacts = Artifacts(self._database, blobs)
        self.snapshots = Snapshots(self._database, blobs)
        self.graphs = Graphs(self._database)
        self.pipelines = Pipelines(self._database)
        self.endpoints = Endpoints(self._database)
        self.schedules = Schedules(self._database)
        self.datasets = Datasets(self._database)
        self.models = Models(self._database)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make what is written inside the block appear together or not at all; blocks may be nested."""
        with self._database.transaction():
            yield

    def setting(self, name: str, default: str) -> str:
        """Return a setting of this state, which becomes ``default`` when it is asked for first."""
        return self._database.setting(name, default)

    def close(self) -> None:
        """Close the files."""
        for blobs in (self.blobs, *self.public.values()):
            blobs.close()
        self._database.close()
