from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.common.errors import DataError, IntegrityError
from src.common.files import temporary_sibling
from src.common.local_registry import RECORD, LocalRegistry
from src.common.manifest import MANIFEST_NAME, Manifest
from src.common.model_registry import RegisteredModel, fetch
from src.common.replaceable import REGISTRY_MARK
from src.common.settings import PROJECT_ROOT
from test.support.kill_points import kill_at_every_call
from test.support.registered import committed, downloaded
from test.support.trees import read_tree

HOSTILE = ("..", ".", "...", "a/b", "../../x", "/etc", "a\\b", "CON", "nul.txt", "x.", " ", "%2e", "%", "~", "ä", "\0")
WINDOWS_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


@pytest.fixture
def registry(tmp_path: Path) -> LocalRegistry:
    return LocalRegistry(tmp_path / "registry")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return committed(tmp_path / "model")


def numbers(registry: LocalRegistry, name: str) -> list[int]:
    """The versions that are there, found one by one."""
    newest = registry.newest(name)
    most = 0 if newest is None else newest.version
    return [version for version in range(1, most + 1) if registry.get(name, version) is not None]


def test_versions_count_up_and_are_found(registry: LocalRegistry, model: Path) -> None:
    assert registry.newest("batchai") is None
    assert registry.get("batchai", 1) is None
    tags = [{"commit": commit, "note": f"ä {commit}"} for commit in ("a", "b", "a", "c")]
    given_back = [registry.register(model, "batchai", each) for each in tags]
    assert given_back == [RegisteredModel("batchai", n, each) for n, each in enumerate(tags, start=1)]
    assert registry.newest("batchai") == given_back[3]
    assert [registry.get("batchai", version) for version in range(6)] == [None, *given_back, None]
    assert registry.find("batchai", tag="commit", value="a") == given_back[2]
    assert registry.find("batchai", tag="commit", value="d") is None
    assert registry.find("batchai", tag="absent", value="a") is None
    assert registry.newest("other") is None
    assert registry.register(model, "other", {}).version == 1


def test_ten_comes_after_nine(registry: LocalRegistry, model: Path) -> None:
    for _ in range(11):
        registry.register(model, "batchai", {})
    newest = registry.newest("batchai")
    assert newest is not None
    assert newest.version == 11


def test_a_version_given_up_by_hand_is_not_missed(registry: LocalRegistry, model: Path) -> None:
    for _ in range(3):
        registry.register(model, "batchai", {})
    (registry.root / "batchai" / "2").rename(registry.root / "given-up")
    (registry.root / "batchai" / "notes").mkdir()
    assert numbers(registry, "batchai") == [1, 3]
    assert registry.register(model, "batchai", {}).version == 4


def test_what_is_downloaded_is_what_was_registered(registry: LocalRegistry, tmp_path: Path) -> None:
    model = committed(tmp_path / "model")
    first = read_tree(model)
    one = registry.register(model, "batchai", {})
    second = read_tree(committed(model, {"other.csv": bytes(range(256))}))
    two = registry.register(model, "batchai", {})
    assert first != second
    assert downloaded(registry, one) == first
    assert downloaded(registry, two) == second
    assert fetch(registry, "batchai", tmp_path / "fetched") == two
    assert fetch(registry, "batchai", tmp_path / "fetched", version=1) == one
    fetched = read_tree(tmp_path / "fetched")
    assert {**fetched, MANIFEST_NAME: b""} == {**first, MANIFEST_NAME: b""}
    manifest = Manifest.from_json(fetched[MANIFEST_NAME])
    assert manifest.version == Manifest.from_json(first[MANIFEST_NAME]).version
    assert manifest.made == {"registered_as": "batchai 1"}


def test_what_changed_after_it_was_committed_is_not_registered(registry: LocalRegistry, model: Path) -> None:
    (model / "model.json").write_bytes(b'{"slope": 2}\n')
    with pytest.raises(IntegrityError, match="is not what was written") as caught:
        registry.register(model, "batchai", {})
    assert "model.json was changed" in str(caught.value)
    assert registry.newest("batchai") is None
    assert read_tree(registry.root) == {}


@pytest.mark.parametrize("file", ["model.json", "part/table.csv", "manifest.json"])
@pytest.mark.parametrize("damage", ["flip", "remove"])
def test_a_damaged_version_is_refused(registry: LocalRegistry, tmp_path: Path, file: str, damage: str) -> None:
    one = registry.register(committed(tmp_path / "model"), "batchai", {})
    committed(tmp_path / "fetched", {"before.csv": b"1"})
    before = read_tree(tmp_path / "fetched")
    path = registry.root / "batchai" / "1" / "model" / file
    content = path.read_bytes()
    if damage == "flip":
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    else:
        path.unlink()
    with pytest.raises(IntegrityError, match=r"^batchai version 1 is not what was registered\n") as caught:
        fetch(registry, "batchai", tmp_path / "fetched")
    assert "name another version" in str(caught.value)
    assert read_tree(tmp_path / "fetched") == before
    with pytest.raises(IntegrityError), registry.files(one):
        pytest.fail("it was given")
    assert registry.register(committed(tmp_path / "model"), "batchai", {}).version == 2


@pytest.mark.parametrize("content", [b"", b'{"tags": ', b"[]", b"{}", b'{"tags": 1}', b"\xff\xfe", None])
def test_a_damaged_record_is_refused_and_hides_no_other_version(
    registry: LocalRegistry, model: Path, content: bytes | None
) -> None:
    one = registry.register(model, "batchai", {"k": "1"})
    registry.register(model, "batchai", {"k": "2"})
    record = registry.root / "batchai" / "2" / RECORD
    if content is None:
        record.unlink()
    else:
        record.write_bytes(content)
    for version in (None, 2):
        with pytest.raises(IntegrityError, match="record of a registered model can't be read") as caught:
            fetch(registry, "batchai", model, version=version)
        assert str(record) in str(caught.value)
        assert "delete the folder" in str(caught.value)
    assert registry.get("batchai", 1) == one
    assert registry.register(model, "batchai", {}).version == 3


@settings(max_examples=40, deadline=None)
@given(names=st.lists(st.sampled_from(HOSTILE) | st.text(min_size=1, max_size=40), min_size=2, max_size=3, unique=True))
def test_any_name_stays_inside_the_registry_and_comes_back(names: list[str]) -> None:
    with TemporaryDirectory() as temporary:
        around = Path(temporary)
        model = committed(around / "model")
        registry = LocalRegistry(around / "inside" / "registry")
        for name in names:
            try:
                registered = registry.register(model, name, {"name": name})
            except DataError as error:  # too long once it is encoded, or no Unicode
                assert "name" in str(error)  # noqa: PT017
                continue
            assert registered == RegisteredModel(name, 1, {"name": name})
            assert registry.newest(name) == registry.get(name, 1) == registered
            assert registry.find(name, tag="name", value=name) == registered
            assert downloaded(registry, registered) == read_tree(model)
        assert {entry.name for entry in around.iterdir()} == {"model", "inside"}
        assert [entry.name for entry in (around / "inside").iterdir()] == ["registry"]
        homes = [entry.name for entry in registry.root.iterdir() if entry.name != REGISTRY_MARK]
        assert not [home for home in homes if home.startswith(".") or WINDOWS_DEVICE.fullmatch(home)]
        assert all([version.name for version in home.iterdir()] == ["1"] for home in registry.root.glob("[!.]*"))


def test_a_name_that_is_no_folder_is_refused(registry: LocalRegistry, model: Path) -> None:
    for name in ("", "x" * 300, "\udc80"):
        with pytest.raises(DataError):
            registry.register(model, name, {})
    assert not registry.root.exists()


REGISTER_OFTEN = """
import sys
from pathlib import Path
from src.common.local_registry import LocalRegistry

root, model, who, times = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
print("ready", flush=True)
sys.stdin.readline()
for _ in range(times):
    print(LocalRegistry(root).register(model, "batchai", {"who": who}).version, flush=True)
"""


def test_processes_that_register_at_the_same_time_each_get_a_whole_version(tmp_path: Path) -> None:
    root, people, times = tmp_path / "registry", 5, 6
    models = [committed(tmp_path / f"model{who}", {f"{who}.csv": b"%d" % who * 9000}) for who in range(people)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", REGISTER_OFTEN, str(root), str(model), str(who), str(times)],
            cwd=PROJECT_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for who, model in enumerate(models)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.communicate()[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0] * people
    registry = LocalRegistry(root)
    assert sorted(int(version) for versions in told for version in versions) == list(range(1, people * times + 1))
    for who, versions in enumerate(told):
        for version in versions:
            model = registry.get("batchai", int(version))
            assert model == RegisteredModel("batchai", int(version), {"who": str(who)})
            assert downloaded(registry, model) == read_tree(models[who])
    assert {entry.name for entry in (root / "batchai").iterdir()} == {version for own in told for version in own}


REGISTER = """
from src.common.local_registry import LocalRegistry
def action(folder):
    LocalRegistry(folder / "registry").register(folder / "model", "batchai", {"which": "killed"})
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_anywhere_leaves_a_whole_version_or_none(tmp_path: Path) -> None:
    ready = tmp_path / "templates" / "ready"
    old = read_tree(committed(ready / "model", {"old.csv": b"old"}))
    LocalRegistry(ready / "registry").register(ready / "model", "batchai", {"which": "old"})
    new = read_tree(committed(ready / "model"))
    (left,) = kill_at_every_call(REGISTER, tmp_path / "templates", tmp_path / "left")
    seen = set()
    for folder in left:
        registry = LocalRegistry(folder / "registry")
        newest = registry.newest("batchai")
        assert newest is not None
        seen.add(newest.version)
        assert newest.tags == {"which": "old" if newest.version == 1 else "killed"}
        assert downloaded(registry, newest) == (old if newest.version == 1 else new)
        third = registry.register(folder / "model", "batchai", {"which": "next"})
        assert third.version == newest.version + 1
        assert downloaded(registry, third) == new
        assert numbers(registry, "batchai") == list(range(1, third.version + 1))
    assert seen == {1, 2}
    assert len(left) > 10


def test_what_a_killed_one_left_is_swept(registry: LocalRegistry, model: Path) -> None:
    registry.register(model, "batchai", {})
    home = registry.root / "batchai"
    (temporary_sibling(home / "2") / "model").mkdir(parents=True)
    assert registry.register(model, "batchai", {}).version == 2
    assert {entry.name for entry in home.iterdir()} == {"1", "2"}


@pytest.mark.parametrize("place", ["1/model", "1", "7", "7/model", ".", "../other", ".."])
def test_nothing_is_written_into_the_registry(registry: LocalRegistry, model: Path, place: str) -> None:
    registry.register(model, "batchai", {})
    before = read_tree(registry.root)
    with pytest.raises(DataError, match=r"the folder for the results (is|holds|lies in)"):
        committed(registry.root / "batchai" / place, {"other.csv": b"1"})
    assert read_tree(registry.root) == before


def test_the_record_is_for_people_too(registry: LocalRegistry, model: Path) -> None:
    registry.register(model, "größe", {"decision": "besser"})
    (record,) = registry.root.rglob(RECORD)
    document = json.loads(record.read_text(encoding="utf-8"))
    assert (document["name"], document["tags"]) == ("größe", {"decision": "besser"})
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", document["registered"])
