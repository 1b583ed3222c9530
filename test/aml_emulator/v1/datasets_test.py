"""Datasets through the SDK: defined, registered, found, read back."""

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def uploaded(workspace: Any, tmp_path: Path) -> Any:
    """A folder of two CSV files and one other on the default datastore."""
    folder = tmp_path / "up"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.csv").write_text("id,x\n007,1\nNA,2\n", encoding="utf-8")
    (folder / "deep" / "b.csv").write_text("id,x\n1.0,3\n", encoding="utf-8")
    (folder / "notes.txt").write_text("no table", encoding="utf-8")
    store = workspace.get_default_datastore()
    store.upload(str(folder), target_path="datasets", show_progress=False, overwrite=True)
    return store


def test_a_file_dataset_has_versions_by_name(workspace: Any, uploaded: Any) -> None:
    from azureml.core import Dataset
    from azureml.exceptions import UserErrorException

    first = Dataset.File.from_files((uploaded, "datasets/a.csv"), validate=False)
    registered = first.register(workspace, "files", description="one file", tags={"k": "v"})
    assert (registered.name, registered.version) == ("files", 1)
    with pytest.raises(UserErrorException, match="already a dataset registered"):
        Dataset.File.from_files((uploaded, "datasets"), validate=False).register(workspace, "files")
    second = Dataset.File.from_files((uploaded, "datasets"), validate=False)
    assert second.register(workspace, "files", create_new_version=True).version == 2
    assert Dataset.get_by_name(workspace, "files").version == 2
    found = Dataset.get_by_name(workspace, "files", version=1)
    assert (found.version, found.description, found.tags) == (1, "one file", {"k": "v"})
    assert found.to_path() == ["/a.csv"]
    assert Dataset.get_by_id(workspace, found.id).name == "files"
    with pytest.raises(UserErrorException, match="Cannot find dataset"):
        Dataset.get_by_name(workspace, "files", version=3)
    with pytest.raises(UserErrorException, match="Cannot find dataset"):
        Dataset.get_by_name(workspace, "absent")
    assert "files" in Dataset.get_all(workspace)


def test_files_are_downloaded_where_the_engine_puts_them(workspace: Any, uploaded: Any, tmp_path: Path) -> None:
    from azureml.core import Dataset

    dataset = Dataset.File.from_files((uploaded, "datasets/**/*.csv"), validate=False)
    assert sorted(dataset.to_path()) == ["/a.csv", "/deep/b.csv"]
    dataset.download(str(tmp_path / "down"))
    assert (tmp_path / "down" / "deep" / "b.csv").read_text(encoding="utf-8") == "id,x\n1.0,3\n"


def test_a_table_keeps_its_keys(workspace: Any, uploaded: Any) -> None:
    from azureml.core import Dataset

    table = Dataset.Tabular.from_delimited_files((uploaded, "datasets/a.csv"), validate=False, infer_column_types=False)
    registered = table.register(workspace, "table")
    frame = Dataset.get_by_name(workspace, "table").to_pandas_dataframe()
    assert frame.to_dict("list") == {"id": ["007", "NA"], "x": ["1", "2"]}
    registered.update(description="new words", tags={"a": "1"})
    found = Dataset.get_by_name(workspace, "table")
    assert (found.description, found.tags) == ("new words", {"a": "1"})
    found.add_tags({"b": "2"})
    assert Dataset.get_by_name(workspace, "table").tags == {"a": "1", "b": "2"}
    found.unregister_all_versions()
    assert "table" not in Dataset.get_all(workspace)
