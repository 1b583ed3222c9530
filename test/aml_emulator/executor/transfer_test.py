"""Where the files of a dataset are put: as the SDK's own engine puts them."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aml_emulator.executor.task import PlanError
from aml_emulator.executor.transfer import Pattern, read_patterns, relative_paths, safe_join
from aml_emulator.runtime.stack import Stack
from aml_emulator.store.blobs import BlobStore, blob_name

FILES = ("a.csv", "x/b.csv", "x/y/c.csv", "z/e.csv", "x b/ü.csv")


@pytest.mark.parametrize(
    "paths",
    [
        ("",),
        ("/",),
        ("/**",),
        ("/*",),
        ("/*/*.csv",),
        ("/**/*.csv",),
        ("/a.csv",),
        ("/x/",),
        ("/x/b*",),
        ("/x/", "/z/"),
        ("/a.csv", "/x/y/c.csv"),
        ("/x b/",),
    ],
)
def test_files_are_put_where_the_engine_puts_them(
    sdk: Stack, workspace: Any, tmp_path: Path, paths: tuple[str, ...]
) -> None:
    from azureml.core import Dataset

    store = workspace.get_default_datastore()
    root = "engine"
    for name in FILES:
        path = tmp_path / "up" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("k\n1\n", encoding="utf-8")
    store.upload(str(tmp_path / "up"), target_path=root, show_progress=False, overwrite=False)
    dataset = Dataset.File.from_files([(store, root + path) for path in paths], validate=False)
    saved = dataset._ensure_saved(workspace)
    patterns = read_patterns(sdk.site.store.datasets.saved(workspace._workspace_id, saved)["definition"])
    ours: set[str] = set()
    for pattern in patterns:
        blobs = [f"{root}/{name}" for name in FILES if pattern.matches(f"{root}/{name}")]
        ours |= set(relative_paths(pattern, blobs, alone=len(patterns) == 1).values())
    assert {f"/{path}" for path in ours} == set(dataset.to_path())


def test_a_path_that_is_not_on_a_datastore_is_refused() -> None:
    with pytest.raises(PlanError, match=r"ftp://example\.org/x"):
        read_patterns("paths:\n  - pattern: ftp://example.org/x\n")


@pytest.mark.parametrize(
    "uri",
    ["https://open.blob.core.windows.net/demo/a%20b/*.csv", "wasbs://demo@open.blob.core.windows.net/a%20b/*.csv"],
)
def test_data_of_another_account_is_named_with_its_host(uri: str) -> None:
    expected = Pattern("demo", "a b/*.csv", "open.blob.core.windows.net")
    assert read_patterns(f"paths:\n  - pattern: {uri}\n") == [expected]


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/passwd", ""])
def test_no_blob_leaves_its_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="outside of its folder"):
        safe_join(tmp_path, name)


names = st.lists(
    st.text(alphabet=st.characters(codec="utf-8", exclude_characters="/\x00"), min_size=1, max_size=8).filter(
        lambda part: part not in (".", "..")
    ),
    min_size=1,
    max_size=4,
).map("/".join)


@given(name=names)
def test_a_blob_lies_inside_its_folder(name: str) -> None:
    folder = Path("/folder")
    assert folder in safe_join(folder, name).parents


@given(folder=names, name=names)
def test_a_folder_has_all_that_lies_in_it(folder: str, name: str) -> None:
    pattern = Pattern("store", "".join(character for character in folder if character not in "*?[{"))
    if pattern.folder:
        blob = f"{pattern.folder}/{name}"
        assert pattern.matches(blob)
        assert relative_paths(pattern, [blob], alone=True)[blob].endswith(name.lstrip("/"))


@given(name=names)
def test_a_signed_address_leads_back_to_its_blob(name: str) -> None:
    blobs = BlobStore(1, Path("no-authority"), "a2V5")
    assert blobs.split_url(blobs.signed_url("container", name)) == ("container", name)


@given(name=names, other=names)
def test_a_blobs_name_stands_in_an_address_as_it_is(name: str, other: str) -> None:
    assert quote(blob_name(name)) == blob_name(name)
    assert (blob_name(name) == blob_name(other)) is (name == other)
