"""The model registry through the SDK."""

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model of two files; the SDK registers files below the working folder only."""
    monkeypatch.chdir(tmp_path)
    model = tmp_path / "model"
    model.mkdir()
    (model / "weights.json").write_text("[1]", encoding="utf-8")
    (model / "manifest.json").write_text("{}", encoding="utf-8")
    return model


def test_versions_are_counted_and_found(workspace: Any, folder: Path) -> None:
    from azureml.core import Model

    first = Model.register(workspace, str(folder), "counted", tags={"stage": "old"}, properties={"rmse": "2"})
    second = Model.register(
        workspace,
        str(folder),
        "counted",
        tags={"stage": "new"},
        properties={"rmse": "1"},
        description="better",
    )
    assert (first.version, second.version) == (1, 2)
    latest = Model(workspace, "counted")
    assert (latest.version, latest.description, latest.tags) == (2, "better", {"stage": "new"})
    assert Model(workspace, "counted", version=1).properties == {"rmse": "2"}
    assert Model(workspace, id="counted:1").version == 1
    assert Model(workspace, "counted", tags=[["stage", "old"]]).version == 1

    def listed(**query: Any) -> list[int]:
        return [model.version for model in Model.list(workspace, name="counted", **query)]

    assert listed() == [2, 1]
    assert listed(tags=["stage"]) == [2, 1]
    assert listed(tags=[["stage", "old"]]) == [1]
    assert listed(properties=[["rmse", "1"]]) == [2]
    assert listed(latest=True) == [2]
    assert Model.list(workspace, name="absent") == []
    with pytest.raises(Exception, match="ModelNotFound"):
        Model(workspace, "absent")


def test_a_model_comes_back_as_it_went(workspace: Any, folder: Path, tmp_path: Path) -> None:
    from azureml.core import Model

    model = Model.register(workspace, str(folder), "downloaded")
    path = Path(model.download(str(tmp_path / "down")))
    assert sorted(file.name for file in path.iterdir()) == ["manifest.json", "weights.json"]
    single = Model.register(workspace, str(folder / "weights.json"), "single")
    assert Path(single.download(str(tmp_path / "down"))).read_text(encoding="utf-8") == "[1]"


def test_tags_and_properties_change(workspace: Any, folder: Path) -> None:
    from azureml.core import Model

    model = Model.register(workspace, str(folder), "changed", tags={"a": "1"})
    model.add_tags({"b": "2"})
    model.remove_tags(["a"])
    model.add_properties({"p": "1"})
    model.update(description="words")
    found = Model(workspace, "changed")
    assert (found.tags, found.properties, found.description) == ({"b": "2"}, {"p": "1"}, "words")


def test_a_deleted_version_does_not_come_back(workspace: Any, folder: Path) -> None:
    from azureml.core import Model

    model = Model.register(workspace, str(folder), "deleted")
    model.delete()
    assert Model.list(workspace, name="deleted") == []
    assert Model.register(workspace, str(folder), "deleted").version == 2


def test_a_run_registers_its_own_files(workspace: Any, folder: Path) -> None:
    from azureml.core import Experiment, Model

    run = Experiment(workspace, "models").start_logging(snapshot_directory=None)
    run.upload_folder("outputs/model", str(folder))
    model = run.register_model("from-run", model_path="outputs/model", tags={"k": "v"})
    run.complete()
    assert model.run_id == run.id
    assert [one.id for one in Model.list(workspace, run_id=run.id)] == [model.id]


def test_more_models_than_one_page(workspace: Any, folder: Path) -> None:
    from azureml.core import Model

    model = Model.register(workspace, str(folder), "many")
    for _ in range(4):
        Model._register_with_asset(workspace, "many", model.url.removeprefix("aml://asset/"))
    from azureml._restclient.models_client import ModelsClient

    pages = ModelsClient(workspace.service_context).query(name="many", count=2)
    assert [one.version for one in pages] == [5, 4, 3, 2, 1]
