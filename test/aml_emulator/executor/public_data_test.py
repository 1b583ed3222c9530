"""Data in the storage of others: a folder that stands for it, and a clear error where there is none."""

from pathlib import Path
from typing import Any

import pytest

from aml_emulator.runtime.stack import Stack
from test.aml_emulator.support import PUBLIC, ended, python_step, step_of, submit

READ = """
import pathlib, sys
print(sorted(path.name for path in pathlib.Path(sys.argv[1]).rglob("*.csv")))
"""


def test_a_folder_stands_for_public_data(workspace: Any, tmp_path: Path) -> None:
    from azureml.core import Dataset

    table = Dataset.Tabular.from_delimited_files(f"https://{PUBLIC}/demo/table.csv", validate=False)
    assert table.to_pandas_dataframe()["v"].tolist() == [1, 2]
    files = Dataset.File.from_files(f"https://{PUBLIC}/demo/**/*.csv", validate=False)
    assert sorted(files.to_path()) == ["/deep/other.csv", "/table.csv"]
    consumed = files.as_named_input("files").as_mount()
    run = submit([python_step(tmp_path, "reads", READ, arguments=[consumed], inputs=[consumed])])
    assert ended(run) == "Finished", run.get_details()["error"]
    assert step_of(run, "reads").get_stdout_log() == "['other.csv', 'table.csv']\n"


def test_data_that_is_not_here_is_told_at_once(sdk: Stack, workspace: Any, tmp_path: Path) -> None:
    from azureml.core import Dataset

    foreign = "https://elsewhere.blob.core.windows.net/demo/table.csv"
    with pytest.raises(Exception, match="requested stream was not found"):
        Dataset.Tabular.from_delimited_files(foreign, validate=False).to_pandas_dataframe()
    assert sdk.site.destinations.counts()["refused"]["elsewhere.blob.core.windows.net"] > 0
    consumed = Dataset.File.from_files(foreign, validate=False).as_named_input("files").as_mount()
    run = submit([python_step(tmp_path, "reads", READ, arguments=[consumed], inputs=[consumed])])
    assert ended(run) == "Failed"
    message = run.get_details()["error"]["error"]["message"]
    assert "start it with --public elsewhere.blob.core.windows.net=FOLDER" in message
