"""ParallelRunStep through the SDK."""

import re
from pathlib import Path
from typing import Any

from test.aml_emulator.support import ended, python_step, step_of, submit, write_scripts

FILES = """
import argparse, os, pathlib

def init():
    global factor
    parser = argparse.ArgumentParser()
    parser.add_argument("--factor", type=int)
    factor = parser.parse_known_args()[0].factor
    print("init in", os.getpid())

def run(mini_batch):
    results = []
    for name in mini_batch:
        text = pathlib.Path(name).read_text()
        if text == "bad":
            continue
        if text == "crash":
            os._exit(9)
        results.append(f"{pathlib.Path(name).name} {int(text) * factor}")
    return results
"""
ROWS = """
def init():
    pass

def run(mini_batch):
    mini_batch["doubled"] = mini_batch["v"].astype(int) * 2
    return mini_batch[["k", "doubled"]]
"""
TALK = """
import os

def init():
    pass

def run(mini_batch):
    for number in range(2000):
        print("said by", os.getpid(), number)
    return mini_batch
"""

PLAN = """
import pathlib, sys

given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
for name, text in {"work/1.txt": "1", "work/2.txt": "2", "work/3.txt": "3", "factors/factor.txt": "10"}.items():
    folder, file = name.split("/")
    pathlib.Path(given["--" + folder], file).write_text(text)
"""
SPREAD = """
import argparse, os, pathlib

def init():
    global factor, made
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--factors", type=pathlib.Path)
    parser.add_argument("--made", type=pathlib.Path)
    given = parser.parse_known_args()[0]
    factor, made = int((given.factors / "factor.txt").read_text()), given.made

def run(mini_batch):
    (name,) = mini_batch
    text = pathlib.Path(name).read_text()
    (made / pathlib.Path(name).name).write_text(f"{int(text) * factor} {os.getpid()} {os.environ['WORD']}")
    return [name]
"""
COLLECT = """
import pathlib, sys

made, total = map(pathlib.Path, sys.argv[2::2])
(total / "total.txt").write_text("\\n".join(file.read_text() for file in sorted(made.iterdir())))
"""


def _step(workspace: Any, folder: Path, script: str, consumed: Any, **options: Any) -> tuple[Any, Any]:
    from azureml.core import Environment
    from azureml.core.conda_dependencies import CondaDependencies
    from azureml.data import OutputFileDatasetConfig
    from azureml.pipeline.steps import ParallelRunConfig, ParallelRunStep

    environment = Environment("parallel")
    environment.python.conda_dependencies = CondaDependencies.create(
        pip_packages=["azureml-core", "azureml-dataset-runtime[pandas,fuse]"]
    )
    output = OutputFileDatasetConfig("scores", destination=(workspace.get_default_datastore(), "scores/{run-id}"))
    configuration = ParallelRunConfig(
        source_directory=write_scripts(folder / "source", {"score.py": script}),
        entry_script="score.py",
        mini_batch_size=options.pop("mini_batch_size", "2"),
        error_threshold=options.pop("error_threshold", -1),
        output_action=options.pop("output_action", "append_row"),
        environment=environment,
        compute_target="cpu-cluster",
        node_count=2,
        process_count_per_node=2,
        run_max_try=2,
        **options,
    )
    step = ParallelRunStep(
        name="score",
        parallel_run_config=configuration,
        inputs=[consumed],
        output=output,
        arguments=["--factor", 10],
        allow_reuse=False,
    )
    return step, output


def _upload(workspace: Any, folder: Path, name: str, files: dict[str, str]) -> Any:
    source = folder / "up" / name
    write_scripts(source, files)
    store = workspace.get_default_datastore()
    store.upload(str(source), target_path=f"parallel/{name}", show_progress=False, overwrite=True)
    return store


def _scores(run: Any, folder: Path) -> list[str]:
    output = step_of(run, "score").get_output_data("scores")
    assert output.download(str(folder / "down")) == 1
    (path,) = (folder / "down").rglob("*.txt")
    return sorted(path.read_text(encoding="utf-8").splitlines())


def test_files_are_scored_in_mini_batches(workspace: Any, tmp_path: Path) -> None:
    from azureml.core import Dataset

    store = _upload(workspace, tmp_path, "files", {**{f"{n}.txt": str(n) for n in range(7)}, "bad.txt": "bad"})
    files = Dataset.File.from_files((store, "parallel/files/"), validate=False).as_named_input("files")
    step, _ = _step(workspace, tmp_path, FILES, files, append_row_file_name="scores.txt")
    run = submit([step])
    assert ended(run) == "Finished"
    assert _scores(run, tmp_path) == [f"{n}.txt {n * 10}" for n in range(7)]
    said = step_of(run, "score").get_stdout_log()
    assert "mini-batches done: 4, failed: 0; items failed: 1" in said
    assert said.count("init in") == 4  # 2 nodes, 2 processes on each


def test_lines_of_workers_that_speak_at_once_stay_whole(workspace: Any, tmp_path: Path) -> None:
    from azureml.core import Dataset

    store = _upload(workspace, tmp_path, "talk", {f"{n}.txt": str(n) for n in range(4)})
    files = Dataset.File.from_files((store, "parallel/talk/"), validate=False).as_named_input("files")
    step, _ = _step(workspace, tmp_path, TALK, files, mini_batch_size="1")
    run = submit([step])
    assert ended(run) == "Finished"
    said = [line for line in step_of(run, "score").get_stdout_log().splitlines() if "said by" in line]
    assert [line for line in said if not re.fullmatch(r"said by \d+ \d+", line)] == []
    assert len(said) == 4 * 2000


def test_too_many_errors_fail_the_step(workspace: Any, tmp_path: Path) -> None:
    from azureml.core import Dataset

    store = _upload(workspace, tmp_path, "worse", {"1.txt": "1", "2.txt": "crash", "3.txt": "bad"})
    files = Dataset.File.from_files((store, "parallel/worse/"), validate=False).as_named_input("files")
    step, _ = _step(workspace, tmp_path, FILES, files, mini_batch_size="1", error_threshold=1)
    run = submit([step])
    assert ended(run) == "Failed"
    assert "the error threshold was exceeded: 2 items failed" in run.get_details()["error"]["error"]["message"]
    assert step_of(run, "score").get_stderr_log().count("mini-batch failed, try") == 2


def test_rows_are_scored_in_mini_batches(workspace: Any, tmp_path: Path) -> None:
    from azureml.core import Dataset

    rows = "k,v\n" + "".join(f"{n:03d},{n}\n" for n in range(100))
    store = _upload(workspace, tmp_path, "rows", {"rows.csv": rows})
    table = Dataset.Tabular.from_delimited_files(
        (store, "parallel/rows/rows.csv"), validate=False, infer_column_types=False
    )
    step, _ = _step(workspace, tmp_path, ROWS, table.as_named_input("table"), mini_batch_size="200")
    run = submit([step])
    assert ended(run) == "Finished", run.get_details()
    assert _scores(run, tmp_path) == [f"{n:03d} {n * 2}" for n in range(100)]
    assert "mini-batches done: 4, failed: 0" in step_of(run, "score").get_stdout_log()


def test_summary_only_writes_nothing(workspace: Any, tmp_path: Path) -> None:
    from azureml.core import Dataset

    store = _upload(workspace, tmp_path, "summary", {"1.txt": "1"})
    files = Dataset.File.from_files((store, "parallel/summary/"), validate=False).as_named_input("files")
    step, _ = _step(workspace, tmp_path, FILES, files, output_action="summary_only")
    run = submit([step])
    assert ended(run) == "Finished"
    assert step_of(run, "score").get_output_data("scores").download(str(tmp_path / "down")) == 0


def test_a_step_is_spread_over_what_an_earlier_one_wrote_beside_a_side_input(workspace: Any, tmp_path: Path) -> None:
    from azureml.core import Environment
    from azureml.core.conda_dependencies import CondaDependencies
    from azureml.data import OutputFileDatasetConfig
    from azureml.pipeline.steps import ParallelRunConfig, ParallelRunStep

    store = workspace.get_default_datastore()
    work, factors, made, total = (
        OutputFileDatasetConfig(name, destination=(store, "spread/{run-id}/{output-name}"))
        for name in ("work", "factors", "made", "total")
    )
    plan = python_step(tmp_path, "plan", PLAN, arguments=["--work", work.as_upload(), "--factors", factors.as_upload()])
    environment = Environment("spread")
    environment.python.conda_dependencies = CondaDependencies.create(
        pip_packages=["azureml-core", "azureml-dataset-runtime[fuse]"]
    )
    side, output = factors.as_input("factors_in").as_download(), made.as_mount()
    spread = ParallelRunStep(
        name="spread",
        parallel_run_config=ParallelRunConfig(
            source_directory=write_scripts(tmp_path / "source", {"spread.py": SPREAD}),
            entry_script="spread.py",
            mini_batch_size="1",
            error_threshold=0,
            output_action="summary_only",
            environment=environment,
            compute_target="cpu-cluster",
            node_count=2,
            process_count_per_node=1,
            environment_variables={"WORD": "here"},
        ),
        inputs=[work.as_input("work_in")],
        side_inputs=[side],
        output=output,
        arguments=["--factors", side, "--made", output],
        allow_reuse=False,
    )
    collect = python_step(
        tmp_path,
        "collect",
        COLLECT,
        arguments=["--made", made.as_input("made_in").as_download(), "--total", total.as_upload()],
    )
    run = submit([plan, spread, collect])
    assert ended(run) == "Finished", run.get_details()
    assert step_of(run, "collect").get_output_data("total").download(str(tmp_path / "down")) == 1
    (path,) = (tmp_path / "down").rglob("total.txt")
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(line[0], line[2]) for line in lines] == [("10", "here"), ("20", "here"), ("30", "here")]
    assert len({line[1] for line in lines}) == 2  # a process for each node


PARTITIONS = """
import os, pathlib
from azureml_user.parallel_run import EntryScript

def init():
    EntryScript().logger.info("folder %s", os.getcwd())
    folder = pathlib.Path("azureml-models")
    folder.mkdir()
    (folder / "own").write_text(str(os.getpid()))

def run(mini_batch, mini_batch_context):
    assert pathlib.Path("azureml-models/own").read_text() == str(os.getpid())
    key = mini_batch_context.partition_key_value
    return [f"{key['k']} {len(mini_batch)} {mini_batch['v'].astype(int).sum()}"]
"""


def test_partitions_come_with_their_keys_to_workers_with_folders_of_their_own(workspace: Any, tmp_path: Path) -> None:
    from azureml.core import Dataset

    rows = "k,v\n" + "".join(f"{key},{value}\n" for value, key in enumerate("abcabcab"))
    store = _upload(workspace, tmp_path, "partitions", {"table.csv": rows})
    table = Dataset.Tabular.from_delimited_files((store, "parallel/partitions/table.csv"), validate=False)
    written = table.partition_by(["k"], (store, "parallel/partitioned"), name="partitioned", show_progress=False)
    consumed = written.as_named_input("table")
    step, _ = _step(workspace, tmp_path, PARTITIONS, consumed, mini_batch_size=None, partition_keys=["k"])
    run = submit([step])
    assert ended(run) == "Finished", run.get_details()["error"]
    assert _scores(run, tmp_path) == ["a 3 9", "b 3 12", "c 2 7"]
    said = step_of(run, "score").get_stdout_log()
    folders = {line.split()[1] for line in said.splitlines() if line.startswith("folder ")}
    assert len(folders) == said.count("folder ")
