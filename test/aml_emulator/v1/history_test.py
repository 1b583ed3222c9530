"""Runs that a client keeps itself: metrics, artifacts, tags, children, endings."""

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def experiment(workspace: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    # at its end, a run uploads the folder outputs of the working folder
    monkeypatch.chdir(tmp_path)
    from azureml.core import Experiment

    return Experiment(workspace, "history")


@pytest.fixture
def run(experiment: Any) -> Any:
    return experiment.start_logging(snapshot_directory=None)


def test_metrics_of_every_kind_come_back(run: Any, tmp_path: Path) -> None:
    run.log("scalar", 1.5)
    for value in (1, 2, 3):
        run.log("series", value)
    run.log_list("list", [0.25, 0.5])
    run.log_row("row", x=1, y=2.5)
    run.log_table("table", {"x": [1, 2], "y": [3, 4]})
    run.log("text", "α")
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    run.log_image("image", path=str(picture))
    run.complete()
    metrics = run.get_metrics()
    image = metrics.pop("image")
    assert metrics == {
        "scalar": 1.5,
        "series": [1, 2, 3],
        "list": [0.25, 0.5],
        "row": {"x": 1, "y": 2.5},
        "table": {"x": [1, 2], "y": [3, 4]},
        "text": "α",
    }
    assert image.startswith("aml://artifactId/ExperimentRun/dcid.")
    assert run.get_status() == "Completed"
    assert run.get_metrics(name="scalar") == {"scalar": 1.5}
    assert run.get_metrics(name="absent") == {}


def test_files_of_a_run_are_kept(run: Any, tmp_path: Path) -> None:
    source = tmp_path / "folder"
    (source / "deep").mkdir(parents=True)
    (source / "a.txt").write_text("a", encoding="utf-8")
    (source / "deep" / "b.txt").write_text("b", encoding="utf-8")
    run.upload_file("outputs/one.txt", str(source / "a.txt"))
    run.upload_folder("outputs/model", str(source))
    assert sorted(run.get_file_names()) == [
        "outputs/model/a.txt",
        "outputs/model/deep/b.txt",
        "outputs/one.txt",
    ]
    run.download_file("outputs/one.txt", str(tmp_path / "one.txt"))
    assert (tmp_path / "one.txt").read_text(encoding="utf-8") == "a"
    run.download_files(prefix="outputs/model", output_directory=str(tmp_path / "down"))
    assert (tmp_path / "down" / "outputs" / "model" / "deep" / "b.txt").read_text(encoding="utf-8") == "b"
    with pytest.raises(Exception, match=r"absent\.txt"):
        run.download_file("absent.txt", str(tmp_path / "absent.txt"))
    run.complete()


def test_tags_and_properties_are_added_and_removed(run: Any, experiment: Any) -> None:
    run.tag("quality", "good")
    run.set_tags({"quality": "better", "build": "7"})
    run.add_properties({"author": "a"})
    run.remove_tags(["quality"])
    assert run.get_tags() == {"build": "7"}
    assert run.get_properties()["author"] == "a"
    run.complete()
    assert [one.id for one in experiment.get_runs(tags={"build": "7"})] == [run.id]
    assert list(experiment.get_runs(tags={"build": "8"})) == []


def test_children_belong_to_their_parent(run: Any) -> None:
    child = run.child_run("child")
    child.log("x", 1)
    child.complete()
    grandchild = child.child_run("grandchild")
    grandchild.complete()
    run.complete()
    assert [one.id for one in run.get_children()] == [child.id]
    assert {one.id for one in run.get_children(recursive=True)} == {child.id, grandchild.id}
    assert child.parent.id == run.id
    assert run.get_metrics(recursive=True)[child.id] == {"x": 1}


def test_a_run_fails_with_its_reason(run: Any) -> None:
    run.fail(error_details="the reactor leaked", error_code="UserError")
    details = run.get_details()
    assert run.get_status() == "Failed"
    assert details["error"]["error"]["message"] == "the reactor leaked"


def test_a_run_is_cancelled(run: Any) -> None:
    run.cancel()
    assert run.get_status() == "Canceled"


def test_experiments_are_listed_and_archived(workspace: Any) -> None:
    from azureml.core import Experiment
    from azureml.core.experiment import ViewType

    kept, archived = Experiment(workspace, "kept"), Experiment(workspace, "archived")
    archived.archive()
    assert kept.id != archived.id
    names = {one.name for one in Experiment.list(workspace, view_type=ViewType.All)}
    assert {"kept", "archived"} <= names
    assert archived.archived_time


def test_a_run_of_another_name_is_not_there(workspace: Any, experiment: Any) -> None:
    from azureml.core import Run

    with pytest.raises(Exception, match="was not found"):
        Run(experiment, "absent")


def test_a_run_gets_a_new_token(run: Any) -> None:
    document = run._client.run.get_token()
    assert document.token.count(".") == 2
    assert document.expiry_time_utc > datetime.now(timezone.utc)
    run.complete()
