from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_service import fingerprints
from ml_service.fingerprints import committed_digest, content_digest, source_digest
from ml_service.pipeline import Step
from ml_service.pipelines.batchai_training_pipeline import batchai_training_pipeline
from ml_service.script_source import imported_files
from src.common.committed_folder import NEXT, replace_folder
from src.common.manifest import MANIFEST_NAME
from src.common.settings import PROJECT_ROOT

SCRIPT = """
import json, parts.early
import numpy as np
from parts import listed, words as other

def late() -> None:
    from parts.deep.inner import something
    import alone
"""
FILES = {
    "run/script.py": SCRIPT,
    "run/near.py": "",
    "parts/__init__.py": "from parts import by_init",
    "parts/by_init.py": "",
    "parts/early.py": "from parts.early_too import *",
    "parts/early_too.py": "import parts.early",
    "parts/listed.py": "",
    "parts/words/__init__.py": "",
    "parts/deep/__init__.py": "",
    "parts/deep/inner.py": "from . import beside\nfrom .. import above\nfrom ..words import word",
    "parts/deep/beside.py": "",
    "parts/above.py": "",
    "parts/unused.py": "",
    "alone.py": "def broken(:",
    "script.py": "",
    "requirements/compute.txt": "numpy==1.26.4\n",
    "data/one.yml": "a: 1",
    "data/two.yml": "b: 2",
    "data/folder.yml/three.txt": "",
}
IMPORTED = [
    "alone.py",
    "parts/__init__.py",
    "parts/above.py",
    "parts/by_init.py",
    "parts/deep/__init__.py",
    "parts/deep/beside.py",
    "parts/deep/inner.py",
    "parts/early.py",
    "parts/early_too.py",
    "parts/listed.py",
    "parts/words/__init__.py",
    "run/script.py",
]
STEP = Step("step", "run/script.py", files=("data/*.yml", "nowhere/*"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path


def test_every_import_is_found_wherever_it_stands(root: Path) -> None:
    found = imported_files(root / "run" / "script.py", root)
    assert [path.relative_to(root).as_posix() for path in found] == IMPORTED


def test_a_file_that_is_no_python_imports_nothing(root: Path) -> None:
    for content in (b"def broken(:", b"import parts\0", b"\xff\xfe\x00"):
        (root / "run" / "near.py").write_bytes(content)
        assert imported_files(root / "run" / "near.py", root) == [root / "run" / "near.py"]


@pytest.mark.parametrize("step", batchai_training_pipeline().steps, ids=lambda step: step.name)
def test_the_modules_that_a_real_step_needs_are_found(step: Step) -> None:
    files = imported_files(PROJECT_ROOT / step.script, PROJECT_ROOT)
    found = {path.relative_to(PROJECT_ROOT).as_posix() for path in files}
    assert {step.script, "src/__init__.py", "src/common/settings.py", "src/common/committed_folder.py"} <= found
    assert "src/data_preparation/batchai/prepared_data.py" in found, "imported inside a function"
    assert not [name for name in found if not name.startswith("src/")]


CHANGES: dict[str, tuple[Callable[[Path], object], set[str]]] = {
    "nothing": (lambda root: None, set()),
    "the script": (lambda root: (root / "run" / "script.py").write_text(SCRIPT + "# more"), {"code"}),
    "an imported module": (lambda root: (root / "parts" / "deep" / "beside.py").write_text("x = 1"), {"code"}),
    "a package": (lambda root: (root / "parts" / "deep" / "__init__.py").write_text("x = 1"), {"code"}),
    "a module that nothing imports": (lambda root: (root / "parts" / "unused.py").write_text("x = 1"), set()),
    "a module beside the script": (lambda root: (root / "run" / "near.py").write_text("x = 1"), set()),
    "a new module that an import meant": (lambda root: (root / "json.py").touch(), {"code"}),
    "the time of a file": (lambda root: os.utime(root / "parts" / "early.py", (1, 1)), set()),
    "a data file": (lambda root: (root / "data" / "one.yml").write_text("a: 2"), {"data files"}),
    "a new data file": (lambda root: (root / "data" / "three.yml").touch(), {"data files"}),
    "a lost data file": (lambda root: (root / "data" / "two.yml").unlink(), {"data files"}),
    "the name of a data file": (lambda root: (root / "data/two.yml").rename(root / "data/2.yml"), {"data files"}),
    "another file there": (lambda root: (root / "data" / "note.txt").touch(), set()),
    "a folder there": (lambda root: (root / "data" / "empty.yml").mkdir(), set()),
    "the libraries": (lambda root: (root / "requirements" / "compute.txt").write_text("numpy==2"), {"environment"}),
    "no pinned libraries": (lambda root: (root / "requirements" / "compute.txt").unlink(), {"environment"}),
}


@pytest.mark.parametrize(("change", "changed"), CHANGES.values(), ids=CHANGES)
def test_digests_change_exactly_when_they_should(
    root: Path, change: Callable[[Path], object], changed: set[str]
) -> None:
    def digests() -> dict[str, str]:
        return {
            "code": fingerprints.code_digest(STEP, root),
            "data files": fingerprints.data_files_digest(STEP, root),
            "environment": fingerprints.environment_digest(root),
        }

    before = digests()
    change(root)
    after = digests()
    assert {name for name in after if after[name] != before[name]} == changed


def test_another_python_is_another_environment(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprints.environment_digest(root)
    monkeypatch.setattr("platform.python_version", lambda: "3.0.1")
    assert fingerprints.environment_digest(root) != before


@given(st.dictionaries(st.text(), st.lists(st.text()) | st.integers() | st.none()))
def test_a_digest_does_not_depend_on_the_order_of_keys(document: dict[str, object]) -> None:
    backwards = dict(reversed(document.items()))
    assert fingerprints.digest(document) == fingerprints.digest(backwards)
    assert fingerprints.digest({**document, "one more\n": 1}) != fingerprints.digest(document)


def touched(path: Path) -> None:
    state = path.stat()
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1_000_000_000))


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        (lambda root: None, False),
        (lambda root: touched(root / "data" / "one.yml"), True),
        (lambda root: (root / "data" / "one.yml").write_text("longer than before"), True),
        (lambda root: (root / "data" / "new").touch(), True),
        (lambda root: (root / "alone.py").unlink(), True),
        (lambda root: (root / "alone.py").rename(root / "alone2.py"), True),
        (lambda root: (root / "parts" / "empty").mkdir(), False),
        (lambda root: (root / "dangling").symlink_to(root / "nowhere"), True),
    ],
)
def test_a_source_folder_is_known_by_names_sizes_and_times(
    root: Path, change: Callable[[Path], object], *, differs: bool
) -> None:
    before = source_digest(str(root))
    change(root)
    assert before is not None
    assert (source_digest(str(root)) != before) is differs


def test_a_url_can_not_be_known_and_a_missing_folder_is_empty(tmp_path: Path) -> None:
    assert source_digest("https://account.blob.core.windows.net/container") is None
    assert source_digest(str(tmp_path / "missing")) == source_digest(str(tmp_path))


@pytest.fixture
def committed(tmp_path: Path) -> Path:
    folder = tmp_path / "committed"
    with replace_folder(folder, kind="trial") as staged:
        staged.write("one.csv", "1\n")
        staged.write("deep/two.csv", "22\n")
    return folder


def manifest_with(folder: Path, **changes: object) -> None:
    document = json.loads((folder / MANIFEST_NAME).read_text())
    (folder / MANIFEST_NAME).write_text(json.dumps({**document, **changes}))


def change_unseen(path: Path, content: bytes) -> None:
    """Change a file, but neither its size nor its time."""
    before = path.stat()
    assert len(content) == before.st_size
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_the_same_content_has_the_same_digest(committed: Path) -> None:
    before = committed_digest(committed)
    assert before is not None
    for content, same in (("22\n", True), ("23\n", False)):
        with replace_folder(committed, kind="trial") as staged:
            staged.write("one.csv", "1\n")
            staged.write("deep/two.csv", content)
        assert (committed_digest(committed) == before) is same


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: (folder / MANIFEST_NAME).unlink(),
        lambda folder: (folder / MANIFEST_NAME).write_text("{"),
        lambda folder: (folder / MANIFEST_NAME).write_text("[]"),
        lambda folder: (folder / MANIFEST_NAME).write_bytes(b"\xff"),
        lambda folder: manifest_with(folder, format=0),
        lambda folder: manifest_with(folder, files=None),
        lambda folder: manifest_with(folder, files={"one.csv": {"bytes": 2}}),
        lambda folder: (folder / "one.csv").unlink(),
        lambda folder: (folder / "deep" / "two.csv").unlink(),
        lambda folder: (folder / "one.csv").write_text("12\n"),
        lambda folder: (folder / "one.csv").write_text(""),
        lambda folder: change_unseen(folder / "one.csv", b"2\n"),
        lambda folder: change_unseen(folder / "deep" / "two.csv", b"23\n"),
        lambda folder: folder.rename(folder.with_name("moved")),
    ],
)
def test_what_is_not_whole_has_no_digest(committed: Path, harm: Callable[[Path], object]) -> None:
    harm(committed)
    assert committed_digest(committed) is None


def test_a_file_in_the_place_of_the_folder_has_no_digest(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert committed_digest(tmp_path / "file") is None


def test_an_interrupted_commit_is_carried_on(committed: Path) -> None:
    whole = committed_digest(committed)
    coming = committed / NEXT
    coming.mkdir()
    (committed / "one.csv").rename(coming / "one.csv")
    shutil.copyfile(committed / MANIFEST_NAME, coming / MANIFEST_NAME)
    assert committed_digest(committed) == whole
    assert not coming.exists()


def test_a_damaged_commit_has_no_digest(committed: Path) -> None:
    (committed / NEXT).mkdir()
    (committed / NEXT / MANIFEST_NAME).write_text("{")
    assert committed_digest(committed) is None


def test_other_files_in_a_committed_folder_do_not_matter(committed: Path) -> None:
    before = committed_digest(committed)
    (committed / ".gitignore").write_text("*\n")
    (committed / "notes.txt").touch()
    assert committed_digest(committed) == before


def test_a_folder_is_known_by_what_it_holds(tmp_path: Path) -> None:
    assert content_digest(tmp_path / "missing") == content_digest(tmp_path)
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "a.csv").write_bytes(b"1")
    before = content_digest(tmp_path)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "b.csv").touch()
    (tmp_path / "1" / ".lock").touch()
    assert content_digest(tmp_path) == before
    change_unseen(tmp_path / "1" / "a.csv", b"2")
    assert content_digest(tmp_path) != before
