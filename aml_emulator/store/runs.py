"""Run history: experiments, runs and their children, metrics."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aml_emulator.errors import NotFoundError
from aml_emulator.store.database import Database, Row, new_id, now

FINAL = frozenset({"Completed", "Failed", "Canceled"})

# fields of a run that have a column of their own; all others are kept in the document
_COLUMNS = {
    "status": "status",
    "startTimeUtc": "started",
    "endTimeUtc": "ended",
    "parentRunId": "parent",
    "error": "error",
    "runType": "type",
}


class Runs:
    """All runs of a state."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ensure_experiment(self, workspace: str, name: str) -> Row:
        """Return the experiment of that name, made if it is not there."""
        with self._database.transaction():
            row = self._database.one("select * from experiments where workspace = ? and name = ?", workspace, name)
            if row is None:
                row = {"id": new_id(), "workspace": workspace, "name": name, "created": now(), "document": {}}
                self._database.insert("experiments", row)
        return row

    def experiment(self, workspace: str, key: str) -> Row:
        """Return the experiment of that name or id; 404 when there is none."""
        row = self._database.one(
            "select * from experiments where workspace = ? and (name = ? or id = ?)", workspace, key, key
        )
        if row is None:
            raise NotFoundError("Experiment", key)
        return row

    def experiment_name(self, workspace: str, key: str) -> str:
        """Return the name of the experiment of an id; what is no id is a name."""
        row = self._database.first("experiments", {"workspace": workspace, "id": key})
        return str(row["name"]) if row else key

    def change_experiment(self, row: Row, document: dict[str, Any]) -> Row:
        """Keep another document for an experiment: its description, its tags, when it was archived."""
        self._database.update("experiments", {"id": row["id"]}, {"document": document})
        return {**row, "document": document}

    def experiments(self, workspace: str, *, until: str) -> list[Row]:
        """Return the experiments that were made up to a time, newest first."""
        return self._database.all(
            "select * from experiments where workspace = ? and created <= ? order by created desc, rowid desc",
            workspace,
            until,
        )

    def create(
        self,
        workspace: str,
        experiment: str,
        *,
        run: str,
        kind: str = "",
        parent: str | None = None,
        status: str = "NotStarted",
        tags: dict[str, str] | None = None,
        properties: dict[str, str] | None = None,
        document: dict[str, Any] | None = None,
    ) -> Row:
        """Add a run to an experiment, which is made if it is not there.

        Args:
            workspace: Id of the workspace.
            experiment: Name of the experiment.
            run: Id of the new run.
            kind: Its type, as in ``azureml.StepRun``.
            parent: Id of its parent.
            status: Its first status.
            tags: Its tags.
            properties: Its properties.
            document: Its other fields: name, target, script name and so on.

        Returns:
            The run.
        """
        with self._database.transaction():
            home = self.ensure_experiment(workspace, experiment)
            above = self.find(workspace, parent) if parent else None
            counted = self._database.one(
                "select coalesce(max(number), 0) as last from runs where workspace = ?", workspace
            )
            row: Row = {
                "id": run,
                "workspace": workspace,
                "experiment": home["id"],
                "parent": parent,
                "root": above["root"] if above else run,
                "number": (counted or {"last": 0})["last"] + 1,
                "type": kind,
                "status": status,
                "created": now(),
                "tags": tags or {},
                "properties": properties or {},
                "document": document or {},
            }
            self._database.insert("runs", row)
        return self.find(workspace, run)

    def get(self, workspace: str, run: str) -> Row | None:
        """Return a run, or None."""
        return self._database.one("select * from runs where workspace = ? and id = ?", workspace, run)

    def find(self, workspace: str | None, run: str) -> Row:
        """Return a run, of any workspace for None; NotFoundError when there is none of that id."""
        key = {"id": run} if workspace is None else {"workspace": workspace, "id": run}
        return self._database.find("runs", key, kind="Run", key=run)

    def at_root(self, workspace: str, *, most: int) -> list[Row]:
        """Return the newest runs that have no parent, each with the name of its experiment."""
        return self._database.all(
            "select r.*, e.name as experiment_name from runs r join experiments e on e.id = r.experiment"
            " where r.workspace = ? and r.parent is null order by r.number desc limit ?",
            workspace,
            most,
        )

    def under_way(self, kind: str) -> list[Row]:
        """Return the runs of a type that have not ended."""
        return self._database.all(
            "select * from runs where type = ? and status not in ('Completed', 'Failed', 'Canceled')", kind
        )

    def below(self, workspace: str, root: str) -> list[Row]:
        """Return a run with all runs below it."""
        return self._database.all("select * from runs where workspace = ? and root = ?", workspace, root)

    def change(self, workspace: str, run: str, changes: dict[str, Any]) -> None:
        """Change columns of a run."""
        self._database.update("runs", {"workspace": workspace, "id": run}, changes)

    def patch(self, workspace: str, run: str, fields: dict[str, Any]) -> Row:
        """Change a run as a client asks: tags and properties are added to, other fields replaced."""
        with self._database.transaction():
            row = self.find(workspace, run)
            changes: dict[str, Any] = {}
            document = dict(row["document"])
            for name, value in fields.items():
                if value is None or name == "runId":
                    continue
                if name in ("tags", "properties"):
                    changes[name] = {**row[name], **value}
                elif name in _COLUMNS:
                    changes[_COLUMNS[name]] = value
                else:
                    document[name] = value
            self.change(workspace, run, {**changes, "document": document})
        return self.find(workspace, run)

    def delete_tags(self, workspace: str, run: str, names: list[str]) -> None:
        """Take tags off a run."""
        with self._database.transaction():
            tags = self.find(workspace, run)["tags"]
            kept = {name: value for name, value in tags.items() if name not in names}
            self.change(workspace, run, {"tags": kept})

    def start(self, workspace: str, run: str) -> None:
        """Let a run be Running from now on, unless it has ended."""
        row = self.find(workspace, run)
        if row["status"] not in FINAL:
            status = "CancelRequested" if row["status"] == "CancelRequested" else "Running"
            self.change(workspace, run, {"status": status, "started": row["started"] or now()})

    def request_cancel(self, workspace: str, run: str) -> None:
        """Note that a run is to end; it goes on until it does."""
        if self.find(workspace, run)["status"] not in FINAL:
            self.change(workspace, run, {"status": "CancelRequested"})

    def end(self, workspace: str, run: str, status: str, error: dict[str, Any] | None = None) -> None:
        """Let a run be over; what it ended with first stays."""
        row = self.find(workspace, run)
        if row["status"] in FINAL:
            return
        changes: dict[str, Any] = {"status": status, "ended": now()}
        if error is not None:
            changes["error"] = error
        self.change(workspace, run, changes)

    def children(self, workspace: str, run: str) -> list[Row]:
        """Return the runs directly below a run, in the order they were made."""
        return self._database.all(
            "select * from runs where workspace = ? and parent = ? order by number", workspace, run
        )

    def of_experiment(self, experiment: str, *, until: str) -> list[Row]:
        """Return the runs of an experiment that were made up to a time, newest first."""
        return self._database.all(
            "select * from runs where experiment = ? and created <= ? order by number desc", experiment, until
        )

    def add_warning(self, workspace: str, run: str, source: str, message: str) -> None:
        """Note a warning of a run."""
        row = {"workspace": workspace, "run": run, "source": source, "message": message, "created": now()}
        self._database.insert("run_warnings", row)

    def warnings(self, workspace: str, run: str) -> list[Row]:
        """Return the warnings of a run."""
        return self._database.all(
            "select source, message from run_warnings where workspace = ? and run = ? order by created",
            workspace,
            run,
        )

    def add_metrics(self, workspace: str, run: str, metrics: Sequence[Mapping[str, Any]]) -> None:
        """Keep a batch of metrics, in the order they came."""
        with self._database.transaction():
            for metric in metrics:
                self._database.insert(
                    "metrics",
                    {
                        "workspace": workspace,
                        "run": run,
                        "name": metric["name"],
                        "columns": metric.get("columns") or {},
                        "properties": metric.get("properties") or {},
                        "value": json.dumps(metric.get("value") or []),
                    },
                )

    def metrics(self, workspace: str, run: str, name: str | None = None) -> list[Row]:
        """Return the batches of a run's metrics, or of one metric, in the order they came."""
        rows = self._database.all(
            "select * from metrics where workspace = ? and run = ? and (? is null or name = ?) order by sequence",
            workspace,
            run,
            name,
            name,
        )
        return [{**row, "value": json.loads(row["value"])} for row in rows]
