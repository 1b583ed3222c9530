"""Names from outside: what passes can be a folder, a blob or a header without leaving its place."""

import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aml_emulator import names
from aml_emulator.errors import InvalidError


@given(text=st.text(max_size=300))
def test_a_path_that_passes_stays_in_its_folder(text: str) -> None:
    for check in (names.relative_path, names.inner_path, names.name, names.run):
        try:
            passed = check(text)
        except InvalidError:
            continue
        assert Path("/folder") in Path(f"/folder/{passed}").parents
        assert ".." not in Path(passed).parts
        assert passed.replace("/", "").isprintable()


@pytest.mark.parametrize("run", [str(uuid.UUID(int=7)), "train_1700000000_0ab1c2d3", "a" * 256, "7"])
def test_ids_that_the_sdk_makes_are_runs(run: str) -> None:
    assert names.run(run) == run


@pytest.mark.parametrize("value", [None, 7, [], {}])
def test_what_is_no_text_is_no_name(value: object) -> None:
    for check in (names.name, names.run, names.tenant, names.container, names.relative_path, names.inner_path):
        with pytest.raises(InvalidError, match="has to be a text"):
            check(value)


# "Naming and referencing containers, blobs, and metadata", REST reference of Azure Storage
@pytest.mark.parametrize("container", ["a-b", "azureml-blobstore-1", "a" * 63, "$root"])
def test_containers_that_azure_storage_takes_pass(container: str) -> None:
    assert names.container(container) == container


@pytest.mark.parametrize("container", ["ab", "A-b", "a--b", "-ab", "ab-", "a_b", "a" * 64, "a/b", "a.b"])
def test_containers_that_azure_storage_refuses_do_not_pass(container: str) -> None:
    with pytest.raises(InvalidError, match="cannot be a blob container"):
        names.container(container)
