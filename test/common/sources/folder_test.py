from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from src.common.errors import DataError
from src.common.settings import PROJECT_ROOT
from src.common.sources.folder import CHUNK_BYTES, FolderSource
from test.support.trees import change_later


def fill(root: Path, names: list[str]) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")


def test_all_files_are_listed_with_their_size_and_version(tmp_path: Path) -> None:
    fill(tmp_path, ["b/x.csv", "a.csv", "b/c/ü y.csv"])
    (tmp_path / "empty").mkdir()
    files = {file.name: file for file in FolderSource(tmp_path).list()}
    assert sorted(files) == ["a.csv", "b/c/ü y.csv", "b/x.csv"]
    assert files["a.csv"].size == 5
    os.utime(tmp_path / "a.csv", ns=(0, 10**18 + 1))
    again = {file.name: file for file in FolderSource(tmp_path).list()}
    assert again["a.csv"].version != files["a.csv"].version
    assert again["b/x.csv"] == files["b/x.csv"]


def test_hidden_files_and_folders_are_not_taken(tmp_path: Path) -> None:
    fill(tmp_path, ["a.csv", ".hidden", ".git/config", "b/.DS_Store", "b/x.csv"])
    assert [file.name for file in FolderSource(tmp_path).list()] == ["a.csv", "b/x.csv"]


def test_a_large_file_comes_in_parts(tmp_path: Path) -> None:
    content = bytes(range(256)) * (CHUNK_BYTES // 100)
    (tmp_path / "a.csv").write_bytes(content)
    source = FolderSource(tmp_path)
    chunks = list(source.chunks(source.list()[0]))
    assert len(chunks) > 1
    assert b"".join(chunks) == content


@pytest.mark.parametrize("name", ["nowhere", "a.csv"])
def test_what_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    fill(tmp_path, ["a.csv"])
    with pytest.raises(DataError, match=f"the input folder does not exist(.|\n)*{name}(.|\n)*INPUT_URL"):
        FolderSource(tmp_path / name)


def test_its_identity_is_its_path(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert FolderSource(tmp_path / "a" / ".." / "a").identity == (tmp_path.resolve() / "a").as_posix()


@pytest.mark.skipif(sys.platform == "win32", reason="links take a right of their own")
def test_a_link_to_a_file_of_the_folder_is_taken(tmp_path: Path) -> None:
    fill(tmp_path, ["b/x.csv"])
    (tmp_path / "link.csv").symlink_to(tmp_path / "b/x.csv")
    assert [file.name for file in FolderSource(tmp_path).list()] == ["link.csv", "b/x.csv"]


@pytest.mark.skipif(sys.platform == "win32", reason="links take a right of their own")
@pytest.mark.parametrize("aim", ["../outside/secret.csv", "../outside", "nowhere", "b", "..", "."])
def test_a_link_that_leads_elsewhere_is_refused_by_name(tmp_path: Path, aim: str) -> None:
    """Passed over without a word, a plant's exports would be missing; followed, others' files would come in."""
    fill(tmp_path, ["outside/secret.csv", "source/a.csv", "source/b/x.csv"])
    (tmp_path / "source" / "link").symlink_to(aim)
    source = FolderSource(tmp_path / "source")
    (link,) = (file for file in source.list() if file.name == "link")
    with pytest.raises(DataError, match="a link leads elsewhere") as caught:
        list(source.chunks(link))
    assert "'link'" in str(caught.value)


def test_a_file_that_was_changed_since_it_was_listed_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, ["a.csv"])
    source = FolderSource(tmp_path)
    (listed,) = source.list()
    change_later(tmp_path / "a.csv", b"other")
    with pytest.raises(DataError, match="a file was changed while it was cloned"):
        list(source.chunks(listed))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_what_is_no_file_is_not_taken(tmp_path: Path) -> None:
    """Reading a pipe that nobody writes to would never end."""
    fill(tmp_path, ["a.csv"])
    os.mkfifo(tmp_path / "pipe")
    assert [file.name for file in FolderSource(tmp_path).list()] == ["a.csv"]


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has no such permissions")
def test_a_folder_that_can_not_be_read_is_an_error() -> None:
    """Asked by a process that is not root, since root may read everything."""
    source = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from src.common.sources.folder import FolderSource\n"
        "if os.geteuid() == 0:\n"
        "    os.setuid(65534)\n"
        "FolderSource(Path(sys.argv[1])).list()\n"
    )
    with TemporaryDirectory() as folder:
        fill(Path(folder), ["a.csv", "b/x.csv"])
        Path(folder).chmod(0o755)
        (Path(folder) / "b").chmod(0)
        command = [sys.executable, "-c", source, folder]
        done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
        (Path(folder) / "b").chmod(0o700)
    assert done.returncode == 1
    assert "PermissionError" in done.stderr
    assert f"{folder}/b" in done.stderr
