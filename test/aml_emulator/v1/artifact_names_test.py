"""Files of any name, up and down, from a client and from a step: what they hold comes back under their name."""

from pathlib import Path
from typing import Any

import pytest

from test.aml_emulator.support import ended, python_step, step_of, submit

NAMES = ("a b", "location=x", "a+b", "a&b", "it's", "(1)", "100%", "grün", "~7E", "a#b")
# azureml-core 1.61 sends the path of a single file unquoted, so that it ends at '#' before it leaves the client
SINGLE = NAMES[:-1]

SCRIPT = """
import os
from azureml.core import Run
run = Run.get_context()
names, single = {names!r}, {single!r}
os.makedirs("outputs", exist_ok=True)
for name in names:
    with open("outputs/" + name, "w") as file:
        file.write(name)
    with open("single", "w") as file:
        file.write(name)
    run.upload_file("kept/" + name, "single")
os.mkdir("down")
run.flush()
for name in single:
    run.download_file("kept/" + name, "down/" + name)
    assert open("down/" + name).read() == name
"""


def test_files_of_a_client_keep_their_names(workspace: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from azureml.core import Experiment, Model

    monkeypatch.chdir(tmp_path)
    source = tmp_path / "source"
    source.mkdir()
    for name in NAMES:
        (source / name).write_text(name, encoding="utf-8")
    run = Experiment(workspace, "names").start_logging(snapshot_directory=None)
    for name in SINGLE:
        run.upload_file(f"single/{name}", str(source / name))
        run.download_file(f"single/{name}", str(tmp_path / "one"))
        assert (tmp_path / "one").read_text(encoding="utf-8") == name
    run.upload_folder("folder", str(source))
    run.download_files(prefix="folder", output_directory=str(tmp_path / "down"))
    assert {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "down" / "folder").iterdir()} == {
        name: name for name in NAMES
    }
    run.complete()
    model = Model.register(workspace, str(source), "named")
    path = Path(model.download(str(tmp_path / "model")))
    assert {file.name: file.read_text(encoding="utf-8") for file in path.iterdir()} == {name: name for name in NAMES}


def test_files_of_a_step_keep_their_names(workspace: Any, tmp_path: Path) -> None:
    run = submit([python_step(tmp_path, "names", SCRIPT.format(names=NAMES, single=SINGLE))])
    assert ended(run) == "Finished", run.get_details()["error"]
    step = step_of(run, "names")
    for folder in ("outputs", "kept"):
        assert {f"{folder}/{name}" for name in NAMES} <= set(step.get_file_names())
        step.download_files(prefix=folder, output_directory=str(tmp_path / "down"))
        for name in NAMES:
            assert (tmp_path / "down" / folder / name).read_text(encoding="utf-8") == name


def test_sources_of_any_name_reach_the_step(workspace: Any, tmp_path: Path) -> None:
    script = f"assert [open(name).read() for name in {NAMES!r}] == list({NAMES!r})"
    step = python_step(tmp_path, "sources", script)
    for name in NAMES:
        (tmp_path / "source_sources" / name).write_text(name, encoding="utf-8")
    run = submit([step])
    assert ended(run) == "Finished", run.get_details()["error"]
