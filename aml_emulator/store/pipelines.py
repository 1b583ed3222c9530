"""Pipelines: graphs, what is published of them, and their runs node by node."""

from typing import Any

from aml_emulator.errors import NotFoundError
from aml_emulator.store.database import Database, Row, new_id, now

# the order of the service's enumerations; the SDK reads their numbers
RUN_STATUS = ("NotStarted", "Running", "Failed", "Finished", "Canceled")
NODE_STATUS = (
    "NotStarted",
    "Queued",
    "Running",
    "Failed",
    "Finished",
    "Canceled",
    "PartiallyExecuted",
    "Bypassed",
)
FINAL = frozenset({"Failed", "Finished", "Canceled", "Bypassed"})


class Pipelines:
    """All graphs, published pipelines and pipeline runs of a state."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_graph(self, workspace: str, graph: dict[str, Any], interface: dict[str, Any]) -> str:
        """Keep a graph with its interface; return its id."""
        identifier = new_id()
        document = {
            **graph,
            "Id": identifier,
            "EntityStatus": "0",
            "CreatedDate": now(),
            "LastModifiedDate": now(),
        }
        self._database.insert(
            "graphs", {"id": identifier, "workspace": workspace, "document": document, "interface": interface}
        )
        return identifier

    def graph(self, graph: str) -> Row:
        """Return a graph; 404 when there is none of that id."""
        row = self._database.one("select * from graphs where id = ?", graph)
        if row is None:
            raise NotFoundError("Graph", graph)
        return row

    def module(self, module: str) -> Row:
        """Return a module; 404 when there is none of that id."""
        row = self._database.one("select * from modules where id = ?", module)
        if row is None:
            raise NotFoundError("Module", module)
        return row

    def published(self, workspace: str, pipeline: str) -> Row:
        """Return a published pipeline; 404 when there is none of that id."""
        row = self._database.one("select * from pipelines where workspace = ? and id = ?", workspace, pipeline)
        if row is None:
            raise NotFoundError("Pipeline", pipeline)
        return row

    def create_run(self, workspace: str, graph: str, *, pipeline: str | None, document: dict[str, Any]) -> Row:
        """Add a pipeline run with all nodes of its graph, not started."""
        identifier = new_id()
        nodes = self.graph(graph)["document"].get("ModuleNodes") or []
        with self._database.transaction():
            self._database.insert(
                "pipeline_runs",
                {
                    "id": identifier,
                    "workspace": workspace,
                    "graph": graph,
                    "pipeline": pipeline,
                    "status": "NotStarted",
                    "created": now(),
                    "document": document,
                },
            )
            for node in nodes:
                self._database.insert(
                    "pipeline_nodes",
                    {
                        "pipeline_run": identifier,
                        "node": node["Id"],
                        "status": "NotStarted",
                        "created": now(),
                        "outputs": {},
                    },
                )
        return self.run(workspace, identifier)

    def run(self, workspace: str, run: str) -> Row:
        """Return a pipeline run; 404 when there is none of that id."""
        row = self.get_run(workspace, run)
        if row is None:
            raise NotFoundError("PipelineRun", run)
        return row

    def get_run(self, workspace: str, run: str) -> Row | None:
        """Return a pipeline run, or None."""
        return self._database.one("select * from pipeline_runs where workspace = ? and id = ?", workspace, run)

    def runs_of(self, workspace: str, pipeline: str) -> list[Row]:
        """Return the runs of a published pipeline, newest first."""
        return self._database.all(
            "select * from pipeline_runs where workspace = ? and pipeline = ? order by created desc",
            workspace,
            pipeline,
        )

    def change_run(self, run: str, changes: dict[str, Any]) -> None:
        """Change columns of a pipeline run."""
        self._database.update("pipeline_runs", {"id": run}, changes)

    def nodes(self, run: str) -> list[Row]:
        """Return the nodes of a pipeline run."""
        return self._database.all("select * from pipeline_nodes where pipeline_run = ? order by rowid", run)

    def node(self, run: str, node: str) -> Row:
        """Return a node of a pipeline run; 404 when there is none of that id."""
        row = self._database.one("select * from pipeline_nodes where pipeline_run = ? and node = ?", run, node)
        if row is None:
            raise NotFoundError("Node", node)
        return row

    def change_node(self, run: str, node: str, changes: dict[str, Any]) -> None:
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
