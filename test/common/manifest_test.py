"""What a manifest says of a folder, and manifests that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from src.common.committed_folder import read_manifest, verify_files
from src.common.errors import DataError, IntegrityError
from src.common.manifest import MANIFEST_FORMAT, MANIFEST_NAME, Manifest
from src.common.sealed_json import seal
from test.support.committed import KIND, OLD, write


@pytest.mark.parametrize(("exists", "found"), [(False, "no folder"), (True, f"no {MANIFEST_NAME}")])
def test_where_nothing_was_committed_the_command_is_named(tmp_path: Path, exists: bool, found: str) -> None:
    folder = tmp_path / "results"
    if exists:
        folder.mkdir()
    with pytest.raises(DataError, match="there is no results here") as caught:
        read_manifest(folder, kind=KIND, made_by="python train.py")
    assert found in str(caught.value)
    assert "run: python train.py" in str(caught.value)


def test_a_folder_of_another_kind_is_refused(tmp_path: Path) -> None:
    write(tmp_path, OLD)
    with pytest.raises(IntegrityError, match=r"something else(.|\n)*results(.|\n)*model"):
        read_manifest(tmp_path, kind="model", made_by="test")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        seal({"format": 3, "kind": "results", "facts": {}, "files": {}}),
        seal({"format": 2, "kind": "results", "files": {}}),
        seal({"format": 2, "kind": "results", "facts": {}, "files": []}),
        seal({"format": 2, "kind": "results", "facts": {}, "files": {"a": {"bytes": 1}}}),
        seal({"format": 2, "kind": "results", "facts": {}, "files": {"a": 1}}),
        seal({"format": 2, "kind": "results", "facts": 7, "files": {}}),
        seal({"kind": "results", "facts": {}, "files": {}}),
        '{"format": 2, "kind": "results", "facts": {}, "files": {}}',
        "\xff",
    ],
)
def test_a_damaged_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST_NAME).write_bytes(text.encode("latin-1"))
    with pytest.raises(IntegrityError, match="the manifest can't be read"):
        read_manifest(tmp_path, kind=KIND, made_by="test")


@pytest.mark.parametrize("name", ["a.csv", "sub/deep/gone.csv"])
def test_changed_and_missing_files_are_named(tmp_path: Path, name: str) -> None:
    write(tmp_path, OLD)
    manifest = read_manifest(tmp_path, kind=KIND, made_by="test")
    (tmp_path / name).write_text("OLD")
    with pytest.raises(IntegrityError, match=f"{name} was changed"):
        verify_files(tmp_path, manifest)
    (tmp_path / name).unlink()
    with pytest.raises(IntegrityError, match=f"{name} is missing"):
        verify_files(tmp_path, manifest)


def test_every_flipped_bit_of_a_file_is_seen(tmp_path: Path) -> None:
    write(tmp_path, {"a.csv": "1,2\n"})
    manifest = read_manifest(tmp_path, kind=KIND, made_by="test")
    content = (tmp_path / "a.csv").read_bytes()
    for bit in range(len(content) * 8):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        (tmp_path / "a.csv").write_bytes(flipped)
        with pytest.raises(IntegrityError, match=r"a\.csv was changed"):
            verify_files(tmp_path, manifest)


def test_every_flipped_bit_of_a_manifest_is_seen(tmp_path: Path) -> None:
    write(tmp_path, {"a.csv": "1,2\n"})
    content = (tmp_path / MANIFEST_NAME).read_bytes()
    for bit in range(len(content) * 8):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        (tmp_path / MANIFEST_NAME).write_bytes(flipped)
        with pytest.raises(IntegrityError, match="the manifest can't be read"):
            read_manifest(tmp_path, kind=KIND, made_by="test")


def test_a_manifest_is_the_same_text_for_the_same_content(tmp_path: Path) -> None:
    write(tmp_path / "one", OLD)
    write(tmp_path / "other", dict(reversed(OLD.items())))
    one, other = (read_manifest(tmp_path / name, kind=KIND, made_by="test") for name in ("one", "other"))
    assert one.to_json() == other.to_json() == (tmp_path / "one" / MANIFEST_NAME).read_text(encoding="utf-8")
    assert one.version == other.version
    assert len(one.version) == 12
    assert Manifest.from_json(one.to_json().encode()) == one
    write(tmp_path / "one", {**OLD, "a.csv": "olD"})
    assert read_manifest(tmp_path / "one", kind=KIND, made_by="test").version != other.version


@pytest.mark.parametrize("name", ["../a", "/a", "a/../../b", "", "."])
def test_a_manifest_that_names_files_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    entry = {"bytes": 1, "sha256": ""}
    document = {"format": MANIFEST_FORMAT, "kind": KIND, "facts": {}, "files": {name: entry}}
    (tmp_path / MANIFEST_NAME).write_text(seal(document), encoding="utf-8")
    with pytest.raises(IntegrityError, match="the manifest can't be read") as caught:
        read_manifest(tmp_path, kind=KIND, made_by="x")
    assert "a file outside the folder" in str(caught.value)
