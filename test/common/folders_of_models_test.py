"""The folder of a model in that of another: written, left alone, and no part of the results that it lies in."""

from __future__ import annotations

from pathlib import Path

import pytest

from src.common.committed_folder import open_committed, replace_folder
from src.common.errors import DataError
from src.common.models import model_names
from src.common.sources.blob_storage import StorageCredentials
from src.common.sources.cloning import clone
from test.support.trees import read_tree

NO_SIGN_IN = StorageCredentials("", "", "")


def write(folder: Path, kind: str, text: str) -> None:
    with replace_folder(folder, kind=kind) as staged:
        staged.write("a.txt", text)


@pytest.mark.parametrize("inner_first", [True, False])
def test_each_is_replaced_without_the_other(tmp_path: Path, inner_first: bool) -> None:
    outer, inner = tmp_path / "results", tmp_path / "results" / "helloworld"
    folders = [(inner, "one"), (outer, "two")] if inner_first else [(outer, "two"), (inner, "one")]
    for _ in range(2):
        for folder, kind in folders:
            write(folder, kind, kind)
    assert set(open_committed(outer, kind="two").manifest.files) == {"a.txt"}
    assert (inner / "a.txt").read_text() == "one"


def test_a_folder_that_is_no_models_is_refused_there(tmp_path: Path) -> None:
    write(tmp_path / "results", "two", "")
    with pytest.raises(DataError, match="lies in another one"):
        write(tmp_path / "results" / "nobody", "one", "")


def test_results_with_the_name_of_a_model_do_not_take_its_place(tmp_path: Path) -> None:
    write(tmp_path / "results" / "helloworld", "one", "one")
    with (
        pytest.raises(DataError, match="files that no step wrote"),
        replace_folder(tmp_path / "results", kind="two") as s,
    ):
        s.write("helloworld/a.txt", "two")
    assert (tmp_path / "results" / "helloworld" / "a.txt").read_text() == "one"


def test_a_clone_leaves_the_copy_of_another_model_alone(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name / "plant").mkdir(parents=True)
        (tmp_path / name / "plant" / "a.csv").write_text(name)
    target = tmp_path / "copy"
    for source, folder in (("first", target), ("second", target / "helloworld"), ("first", target)):
        clone(str(tmp_path / source), folder, credentials=NO_SIGN_IN, connections=1)
    kept = read_tree(target)
    assert (kept["plant/a.csv"], kept["helloworld/plant/a.csv"]) == (b"first", b"second")


def test_the_models_are_those_that_declare_settings() -> None:
    assert {"batchai", "helloworld"} <= set(model_names())
