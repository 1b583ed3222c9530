"""Published pipelines, endpoints that lead to them, and their runs node by node."""

from collections.abc import Iterable, Mapping
from typing import Any

from aml_emulator.errors import ConflictError, NotFoundError
from aml_emulator.store.database import Database, Row, new_id, now

FINAL = frozenset({"Failed", "Finished", "Canceled", "Bypassed"})
ACTIVE = "Active"


class Pipelines:
    """All published pipelines and pipeline runs of a state."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def publish(self, workspace: str, graph: str, *, name: str, version: str | None, document: dict[str, Any]) -> Row:
        """Keep a graph as a published pipeline."""
        row = {
            "id": new_id(),
            "workspace": workspace,
            "name": name,
            "version": version,
            "status": ACTIVE,
            "graph": graph,
            "created": now(),
            "modified": now(),
            "document": document,
        }
        self._database.insert("pipelines", row)
        return row

    def published(self, workspace: str | None, pipeline: str) -> Row:
        """Return a published pipeline, of any workspace for None; NotFoundError when there is none of that id."""
        key = {"id": pipeline} if workspace is None else {"workspace": workspace, "id": pipeline}
        return self._database.find("pipelines", key, kind="Pipeline", key=pipeline)

    def all_published(self, workspace: str, *, until: str) -> list[Row]:
        """Return the pipelines that were published up to a time, newest first."""
        return self._database.all(
            "select * from pipelines where workspace = ? and created <= ? order by created desc, rowid desc",
            workspace,
            until,
        )

    def set_status(self, pipeline: str, status: str) -> None:
        """Change the status of a published pipeline."""
        self._database.update("pipelines", {"id": pipeline}, {"status": status, "modified": now()})

    def create_run(
        self, workspace: str, graph: str, nodes: Iterable[str], *, pipeline: str | None, document: dict[str, Any]
    ) -> Row:
        """Add a pipeline run with its nodes, not started."""
        identifier = new_id()
        with self._database.transaction():
            run = {
                "id": identifier,
                "workspace": workspace,
                "graph": graph,
                "pipeline": pipeline,
                "status": "NotStarted",
                "created": now(),
                "document": document,
            }
            self._database.insert("pipeline_runs", run)
            for node in nodes:
                row = {
                    "pipeline_run": identifier,
                    "node": node,
                    "status": "NotStarted",
                    "created": now(),
                    "outputs": {},
                }
                self._database.insert("pipeline_nodes", row)
        return self.run(workspace, identifier)

    def run(self, workspace: str, run: str) -> Row:
        """Return a pipeline run; NotFoundError when there is none of that id."""
        return self._database.find("pipeline_runs", {"workspace": workspace, "id": run}, kind="PipelineRun", key=run)

    def get_run(self, workspace: str, run: str) -> Row | None:
        """Return a pipeline run, or None."""
        return self._database.first("pipeline_runs", {"workspace": workspace, "id": run})

    def runs_of(self, workspace: str, pipeline: str) -> list[Row]:
        """Return the runs of a published pipeline, newest first."""
        return self._database.all(
            "select * from pipeline_runs where workspace = ? and pipeline = ? order by created desc",
            workspace,
            pipeline,
        )

    def under_way(self) -> list[Row]:
        """Return the pipeline runs of all workspaces that have begun and not ended."""
        return self._database.all("select * from pipeline_runs where status = 'Running'")

    def change_run(self, run: str, changes: Mapping[str, Any]) -> None:
        """Change columns of a pipeline run."""
        self._database.update("pipeline_runs", {"id": run}, changes)

    def begin(self, run: str) -> None:
        """Let a pipeline run be under way; ConflictError when it was begun before."""
        if not self._database.update("pipeline_runs", {"id": run, "status": "NotStarted"}, {"status": "Running"}):
            raise ConflictError(f"pipeline run {run} was submitted before")

    def nodes(self, run: str) -> list[Row]:
        """Return the nodes of a pipeline run."""
        return self._database.all("select * from pipeline_nodes where pipeline_run = ? order by rowid", run)

    def node(self, run: str, node: str) -> Row:
        """Return a node of a pipeline run; NotFoundError when there is none of that id."""
        return self._database.find("pipeline_nodes", {"pipeline_run": run, "node": node}, kind="Node", key=node)

    def node_of(self, step_run: str) -> Row | None:
        """Return the node that a step's run belongs to, or None."""
        return self._database.first("pipeline_nodes", {"run": step_run})

    def change_node(self, run: str, node: str, changes: Mapping[str, Any]) -> None:
        """Change columns of a node."""
        self._database.update("pipeline_nodes", {"pipeline_run": run, "node": node}, changes)

    def reusable(self, workspace: str, reuse_key: str) -> Row | None:
        """Return the newest finished node with that key that was really run, or None."""
        return self._database.one(
            "select n.* from pipeline_nodes n join pipeline_runs r on r.id = n.pipeline_run"
            " where r.workspace = ? and n.reuse_key = ? and n.status = 'Finished' and n.reused_run is null"
            " order by n.ended desc",
            workspace,
            reuse_key,
        )


class Endpoints:
    """All pipeline endpoints of a state: one name that leads to one version of several published pipelines."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self, workspace: str, name: str, pipeline: str, *, description: str | None, properties: dict[str, Any]
    ) -> Row:
        """Make an endpoint whose version 0 is a published pipeline; ConflictError when the name is taken."""
        row = {
            "id": new_id(),
            "workspace": workspace,
            "name": name,
            "description": description,
            "default_version": "0",
            "status": ACTIVE,
            "created": now(),
            "modified": now(),
            "properties": properties,
        }
        with self._database.transaction():
            if self._database.first("pipeline_endpoints", {"workspace": workspace, "name": name}):
                raise ConflictError(f"a pipeline endpoint named '{name}' already exists")
            self._database.insert("pipeline_endpoints", row)
            version = {"endpoint": row["id"], "version": "0", "pipeline": pipeline}
            self._database.insert("pipeline_endpoint_versions", version)
        return row

    def find(self, workspace: str, *, identifier: str | None = None, name: str | None = None) -> Row:
        """Return an endpoint by its id or by its name; NotFoundError when there is none."""
        row = self._database.one(
            "select * from pipeline_endpoints where workspace = ? and (id = ? or name = ?)", workspace, identifier, name
        )
        if row is None:
            raise NotFoundError("PipelineEndpoint", identifier or name or "")
        return row

    def all(self, workspace: str, *, until: str) -> list[Row]:
        """Return the endpoints that were made up to a time, newest first."""
        return self._database.all(
            "select * from pipeline_endpoints where workspace = ? and created <= ? order by created desc, rowid desc",
            workspace,
            until,
        )

    def versions(self, endpoint: str) -> list[Row]:
        """Return the versions of an endpoint, lowest first."""
        return self._database.all(
            "select * from pipeline_endpoint_versions where endpoint = ? order by cast(version as integer)", endpoint
        )

    def change(self, endpoint: str, changes: dict[str, Any], versions: Mapping[str, str]) -> None:
        """Change columns of an endpoint, and which pipeline each version leads to."""
        with self._database.transaction():
            self._database.update("pipeline_endpoints", {"id": endpoint}, {**changes, "modified": now()})
            self._database.execute("delete from pipeline_endpoint_versions where endpoint = ?", endpoint)
            for version, pipeline in versions.items():
                row = {"endpoint": endpoint, "version": version, "pipeline": pipeline}
                self._database.insert("pipeline_endpoint_versions", row)


class Schedules:
    """All schedules of a state."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, workspace: str, *, pipeline: str | None, endpoint: str | None, document: dict[str, Any]) -> Row:
        """Keep a schedule of a pipeline or of an endpoint."""
        row = {
            "id": new_id(),
            "workspace": workspace,
            "pipeline": pipeline,
            "endpoint": endpoint,
            "status": ACTIVE,
            "created": now(),
            "modified": now(),
            "document": document,
        }
        self._database.insert("schedules", row)
        return row

    def find(self, workspace: str, schedule: str) -> Row:
        """Return a schedule; NotFoundError when there is none of that id."""
        return self._database.find("schedules", {"workspace": workspace, "id": schedule}, kind="Schedule", key=schedule)

    def all(
        self, workspace: str, *, pipeline: str | None = None, endpoint: str | None = None, until: str = "9"
    ) -> list[Row]:
        """Return the schedules of a pipeline, of an endpoint or of all, made up to a time, newest first."""
        return self._database.all(
            "select * from schedules where workspace = ? and (? is null or pipeline = ?)"
            " and (? is null or endpoint = ?) and created <= ? order by created desc, rowid desc",
            workspace,
            pipeline,
            pipeline,
            endpoint,
            endpoint,
            until,
        )

    def change(self, row: Row, *, status: str, document: dict[str, Any]) -> Row:
        """Keep another status and document for a schedule."""
        changes = {"status": status, "document": {**row["document"], **document}, "modified": now()}
        self._database.update("schedules", {"id": row["id"]}, changes)
        return {**row, **changes}
