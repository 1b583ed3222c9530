"""Brings a step its data, and takes its outputs away."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aml_emulator.errors import NotFoundError
from aml_emulator.executor.task import DatasetSource, InputPort, NodeOutput, OutputPort, PathSource, PlanError
from aml_emulator.executor.transfer import (
    Pattern,
    download,
    download_path,
    read_patterns,
    relative_paths,
    safe_join,
    upload,
)
from aml_emulator.store.blobs import BlobStore
from aml_emulator.store.database import Row
from aml_emulator.store.store import Store
from aml_emulator.store.workspaces import Workspace


def folder_dataflow(workspace: Workspace, datastore: str, path: str) -> dict[str, Any]:
    """Return the definition of a file dataset of all that lies below a path of a datastore."""
    uri = (
        f"azureml://subscriptions/{workspace.subscription}/resourcegroups/{workspace.group}"
        f"/workspaces/{workspace.name}/datastores/{datastore}/paths/{path.strip('/')}/**"
    )
    return {"blocks": [], "meta": {"RsDataflow": f'---\ntype: mltable\npaths:\n  - pattern: "{uri}"\n'}}


def _times(folder: Path) -> dict[Path, int]:
    """Return when each file below a folder was changed last."""
    return {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}


@dataclass
class Data:
    """The data of one task of one run.

    Attributes:
        store: The records of the state.
        workspace: The workspace.
        pipeline_run: Id of the pipeline run.
        lineage: Which datasets came in, as the run's details list them.
        results: Which datasets the outputs are, as the run's details list them.
    """

    store: Store
    workspace: Workspace
    pipeline_run: str
    lineage: list[dict[str, Any]] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)
    _mounted: dict[Path, tuple[PathSource, dict[Path, int]]] = field(default_factory=dict)

    def identify(self, port: InputPort) -> str:
        """Return a text that changes when other data comes in at a port."""
        source = port.source
        if isinstance(source, NodeOutput):
            row = self.store.pipelines.node(self.pipeline_run, source.node)
            return f"{row['reused_run'] or row['run']}/{source.port}"
        if isinstance(source, DatasetSource):
            return str(self._saved(source)["content_hash"])
        return repr(source)

    def deliver(self, port: InputPort, folder: Path) -> str:
        """Bring the data of an input; return what stands for it: a local path, or a dataset's id."""
        source = port.source
        if isinstance(source, NodeOutput):
            location = self.store.pipelines.node(self.pipeline_run, source.node)["outputs"][source.port]
            source = PathSource(location["datastore"], location["path"])
        if isinstance(source, PathSource):
            if port.mode == "direct":
                dataflow = folder_dataflow(self.workspace, source.datastore, source.path)
                row = self.store.datasets.save(self.workspace.id, "file", dataflow, properties={})
                self._note(port, row["id"])
                return str(row["id"])
            place = download_path(self.store.blobs, self._container(source.datastore), source.path, folder)
            if port.mode == "mount" and place.is_dir():
                self._mounted[place] = (source, _times(place))
            return str(place)
        if not isinstance(source, DatasetSource):
            raise PlanError(f"input '{port.name}' is not connected")
        row = self._saved(source)
        self._note(port, row["id"])
        if port.mode == "direct":
            return str(row["id"])
        if row["type"] != "file":
            raise PlanError(f"input '{port.name}' is a tabular dataset, which cannot be delivered by {port.mode}")
        return str(self._deliver_files(row["definition"], port, folder))

    def location(self, port: OutputPort, run: str) -> dict[str, Any]:
        """Return where an output of a run goes."""
        path = port.path.replace("{run-id}", run).replace("{output-name}", port.name)
        return {
            "type": port.kind,
            "datastore": port.datastore,
            "container": self._container(port.datastore),
            "path": path.strip("/"),
        }

    def take(self, port: OutputPort, source: Path, location: dict[str, Any]) -> int:
        """Upload what a step wrote at an output, and register it where the step asks for that."""
        count = upload(self.store.blobs, source, location["container"], location["path"])
        if not port.is_folder:
            return count
        dataflow = folder_dataflow(self.workspace, location["datastore"], location["path"])
        with self.store.transaction():
            again = port.registration is not None
            saved = self.store.datasets.save(self.workspace.id, "file", dataflow, properties={}, again=again)
            if port.registration is not None:
                self.store.datasets.register(
                    self.workspace.id,
                    port.registration["Name"],
                    saved["id"],
                    description=port.registration.get("Description"),
                    tags=port.registration.get("Tags"),
                    new_version=True,
                )
        details = {"outputName": port.name}
        self.results.append(
            {"identifier": {"savedId": saved["id"]}, "outputType": "RunOutput", "outputDetails": details}
        )
        return count

    def return_changes(self) -> None:
        """Upload what the task wrote into paths of a datastore that were mounted."""
        for folder, (source, before) in self._mounted.items():
            for file, changed in _times(folder).items():
                if before.get(file) != changed:
                    path = f"{source.path}/{file.relative_to(folder).as_posix()}".strip("/")
                    self.store.blobs.put_file(self._container(source.datastore), path, file)

    def _deliver_files(self, definition: str, port: InputPort, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        patterns = read_patterns(definition)
        alone = len(patterns) == 1
        target = folder
        for pattern in patterns:
            blobs, container = self._place(pattern)
            listed = blobs.list(container, pattern.folder)
            names = [item.name for item in listed if pattern.matches(item.name)]
            paths = relative_paths(pattern, names, alone=alone)
            files = [(name, safe_join(folder, path)) for name, path in paths.items()]
            download(blobs, container, files)
            # a dataset of one file is mounted as that file, and downloaded into a folder
            if alone and names == [pattern.path] and port.mode == "mount":
                target = files[0][1]
        return target

    def _saved(self, source: DatasetSource) -> Row:
        datasets, workspace = self.store.datasets, self.workspace.id
        if source.saved:
            return datasets.saved(workspace, source.saved)
        number = int(source.version) if source.version else None
        version = datasets.version(workspace, dataset=source.dataset, name=source.name, number=number)
        return datasets.saved(workspace, version["saved"])

    def _place(self, pattern: Pattern) -> tuple[BlobStore, str]:
        """Return the storage and the container that a pattern's blobs lie in."""
        if pattern.host is None:
            return self.store.blobs, self._container(pattern.datastore)
        if pattern.host not in self.store.public:
            raise PlanError(
                f"{pattern.host} is another account's storage, which the emulator does not reach: "
                f"start it with --public {pattern.host}=FOLDER to have a folder stand for it"
            )
        return self.store.public[pattern.host], pattern.datastore

    def _container(self, datastore: str) -> str:
        try:
            return str(self.store.datastores.find(self.workspace.id, datastore)["container"])
        except NotFoundError:
            raise PlanError(f"the workspace has no datastore '{datastore}'") from None

    def _note(self, port: InputPort, saved: str) -> None:
        self.lineage.append(
            {
                "identifier": {"savedId": saved},
                "consumptionType": "RunInput",
                "inputDetails": {"inputName": port.name, "mechanism": port.mode.capitalize()},
            }
        )
