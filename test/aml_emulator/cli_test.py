"""The command, from outside: what it prints, what it surrounds, what a kill leaves."""

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from aml_emulator.cli import build_parser, main
from aml_emulator.runtime.azurite import AzuriteError, find_script
from test.aml_emulator.support import until, write_scripts

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "aml_emulator"]

Ended = subprocess.CompletedProcess[str]
Start = Callable[..., "tuple[subprocess.Popen[str], dict[str, str]]"]


@pytest.fixture(autouse=True)
def azurite() -> None:
    try:
        find_script()
    except AzuriteError as error:
        pytest.skip(str(error))


def _environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start an emulator as a process of its own; it is ended at the end of the test."""
    processes: list[subprocess.Popen[str]] = []

    def begin(*options: str) -> tuple[subprocess.Popen[str], dict[str, str]]:
        process = subprocess.Popen(
            [*COMMAND, "--env", "json", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=_environment(tmp_path),
            cwd=ROOT,
        )
        processes.append(process)
        assert process.stdout is not None
        lines = []
        while (line := process.stdout.readline()) and line != "}\n":
            lines.append(line)
        assert line, process.stderr.read() if process.stderr else ""
        return process, json.loads("".join([*lines, "}"]))

    yield begin
    for process in processes:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)


def _ended(command: Sequence[str], environment: dict[str, str], *, typed: str = "") -> Ended:
    """Run a command to its end."""
    return subprocess.run(
        command,
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        input=typed,
        timeout=120,
        check=False,
    )


def _children(process: int) -> list[int]:
    listed = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="utf-8")
    return [int(word) for word in listed.split()]


def _lives(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    try:
        return status.read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_run_returns_the_commands_status_and_output(tmp_path: Path) -> None:
    script = """
    import os, sys, urllib.request
    address = os.environ["AML_EMULATOR_URL"]
    print(urllib.request.urlopen(address + "/emulator/ready").read().decode())
    print(sys.stdin.read())
    sys.exit(7)
    """
    command = [*COMMAND, "run", "--workspace", "s/g/n", "--", sys.executable, "-c", textwrap.dedent(script)]
    answer = _ended(command, _environment(tmp_path), typed="typed")
    assert answer.returncode == 7, answer.stderr
    assert "/subscriptions/s/resourceGroups/g/providers/" in answer.stdout
    assert answer.stdout.endswith("typed\n")


def test_a_command_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--", "no-such-command"]) == 127
    assert "the command 'no-such-command' was not found" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run"], "'run' and '-- COMMAND ...' belong together"),
        (["--", "ls"], "'run' and '-- COMMAND ...' belong together"),
        (["--workspace", "ws"], "SUBSCRIPTION/GROUP/NAME"),
        (["--fault", "explode"], "ACTION on METHOD PATH"),
    ],
)
def test_wrong_arguments_are_refused(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leave:
        main(arguments)
    assert leave.value.code == 2
    assert words in capsys.readouterr().err


def test_every_option_has_a_help_text() -> None:
    assert all(action.help for action in build_parser()._actions)


def test_everything_listens_on_the_loopback_interface_only_and_ends_with_a_kill(start: Start, tmp_path: Path) -> None:
    process, variables = start("--state", str(tmp_path / "state"))
    ports = {int(variables["AML_EMULATOR_URL"].rpartition(":")[2])}
    listening = _listening([process.pid, *_children(process.pid)])
    assert ports < {port for _, port in listening}
    assert len(listening) == 2
    assert {address for address, _ in listening} == {"127.0.0.1"}
    assert not _outside(variables)
    children = _children(process.pid)
    process.kill()
    process.wait()
    until(lambda: not any(map(_lives, children)), what="the end of Azurite")


def _outside(variables: dict[str, str]) -> bool:
    """Ask the proxy for a host outside; tell whether it led there, and see that it counted."""
    handler = urllib.request.ProxyHandler({"https": variables["HTTPS_PROXY"]})
    with pytest.raises(OSError, match="403"):
        urllib.request.build_opener(handler).open("https://example.org/", timeout=10)
    headers = {"Authorization": f"Bearer {variables['AML_EMULATOR_SECRET']}"}
    request = urllib.request.Request(f"{variables['AML_EMULATOR_URL']}/emulator/connections", headers=headers)
    answer: Any = json.load(urllib.request.urlopen(request))
    return bool(answer != {"led": {}, "refused": {"example.org": 1}})


def _listening(processes: list[int]) -> set[tuple[str, int]]:
    """Return address and port of what the processes listen on, as the kernel tells."""
    inodes = set()
    for process in processes:
        for descriptor in Path(f"/proc/{process}/fd").iterdir():
            target = str(descriptor.readlink())
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text(encoding="utf-8").splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                address, port = fields[1].split(":")
                shown = socket.inet_ntoa(bytes.fromhex(address)[::-1]) if table == "tcp" else address
                found.add((shown, int(port, 16)))
    return found


def test_a_killed_emulator_takes_its_command_along(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    script = f"import os, pathlib, time; pathlib.Path({str(mark)!r}).write_text(str(os.getpid())); time.sleep(600)"
    process = subprocess.Popen(
        [*COMMAND, "run", "--", sys.executable, "-c", script], env=_environment(tmp_path), cwd=ROOT
    )
    until(lambda: mark.exists() and mark.read_text(encoding="utf-8"), what="the command")
    command = int(mark.read_text(encoding="utf-8"))
    assert _lives(command)
    process.kill()
    process.wait()
    until(lambda: not _lives(command), what="the end of the command")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_emulator_in_the_background_stops_in_order(start: Start, number: signal.Signals) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell starts what goes on in the background
    try:
        process, _ = start()
    finally:
        signal.signal(signal.SIGINT, before)
    children = _children(process.pid)
    process.send_signal(number)
    assert process.wait(timeout=60) == 0
    assert not any(map(_lives, children))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_ends_in_order_with_the_emulator(tmp_path: Path, number: signal.Signals) -> None:
    mark = tmp_path / "up"
    script = f"""
    import pathlib, signal, sys, time
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), lambda number, frame: sys.exit(number))
    pathlib.Path({str(mark)!r}).touch()
    time.sleep(600)
    """
    process = subprocess.Popen(
        [*COMMAND, "run", "--", sys.executable, "-c", textwrap.dedent(script)],
        env=_environment(tmp_path),
        cwd=ROOT,
        start_new_session=True,
    )
    until(mark.exists, what="the command")
    # a terminal sends Ctrl+C to all of its group, a service manager its signal to the emulator alone
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    assert process.wait(timeout=60) == number


def test_two_emulators_do_not_share_a_state(start: Start, tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    start("--state", state)
    answer = _ended([*COMMAND, "--state", state], _environment(tmp_path))
    assert answer.returncode == 2
    assert "another emulator works on the state" in answer.stderr


CLIENT = """
import os, sys
from azureml.core import Model, Workspace
from azureml.core.authentication import ServicePrincipalAuthentication
from azureml.core.compute import AmlCompute, ComputeTarget
from azureml.core.runconfig import RunConfiguration
from azureml.data import OutputFileDatasetConfig
from azureml.pipeline.core import Pipeline
from azureml.pipeline.steps import PythonScriptStep
os.chdir(os.path.dirname(os.path.abspath(__file__)))
auth = ServicePrincipalAuthentication("tenant", "client", "not-a-secret")
ws = Workspace.get("workspace", auth=auth, subscription_id="subscription", resource_group="group")
"""
BEFORE = (
    CLIENT
    + """
ComputeTarget.create(ws, "c", AmlCompute.provisioning_configuration(vm_size="S", max_nodes=1))
def step(name, **more):
    return PythonScriptStep(
        name + ".py", name=name, compute_target="c", source_directory="steps", runconfig=RunConfiguration(),
        allow_reuse=False, **more
    )
out = OutputFileDatasetConfig("out", (ws.get_default_datastore(), "kept/{run-id}"))
out = out.register_on_complete("kept")
done = Pipeline(ws, [step("quick", arguments=[out])]).publish("quick").submit(ws, "kept")
assert done.wait_for_completion(show_output=False) == "Finished"
Model.register(ws, "model.txt", "kept-model", tags={"k": "v"})
slow = step("slow")
after = step("quick2")
after.run_after(slow)
cut = Pipeline(ws, [after]).publish("slow").submit(ws, "kept")
print(done.id, cut.id)
"""
)
AFTER = (
    CLIENT
    + """
from azureml.core import Dataset
from azureml.pipeline.core import PipelineRun, PublishedPipeline
done, cut = (PipelineRun.get(ws, name) for name in sys.argv[1:])
assert sorted(p.name for p in PublishedPipeline.list(ws)) == ["quick", "slow"]
assert done.get_status() == "Finished", done.get_status()
(step,) = done.get_steps()
assert step.get_metrics() == {"m": 1}
step.download_file("azureml-logs/70_driver_log.txt", "log.txt")
assert open("log.txt").read() == "a line\\n"
model = Model(ws, "kept-model")
assert open(model.download("down")).read() == "weights"
Dataset.get_by_name(ws, "kept").download("data")
assert open("data/f").read() == "data"
assert cut.get_status() == "Failed"
assert {s.name: s.get_status() for s in cut.get_steps()} == {"slow": "Failed"}
assert "emulator ended while this run was under way" in cut.get_details()["error"]["error"]["message"]
again = PublishedPipeline.get(ws, done.get_properties()["azureml.pipelineid"]).submit(ws, "kept")
assert again.wait_for_completion(show_output=False) == "Finished"
print("whole")
"""
)


def test_a_kill_during_a_run_leaves_the_rest_whole(start: Start, tmp_path: Path) -> None:
    pytest.importorskip("azureml.core", reason="azureml-core is installed on Python 3.10 and 3.11 only")
    folder = tmp_path / "client"
    mark = tmp_path / "slow-step"
    quick = (
        "import sys\nfrom azureml.core import Run\nRun.get_context().log('m', 1)\nprint('a line')\n"
        "open(sys.argv[1] + '/f', 'w').write('data') if sys.argv[1:] else None"
    )
    slow = f"import os, time\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)"
    write_scripts(
        folder,
        {
            "before.py": BEFORE,
            "after.py": AFTER,
            "model.txt": "weights",
            "steps/quick.py": quick,
            "steps/quick2.py": "print(2)",
            "steps/slow.py": slow,
        },
    )
    state = ("--state", str(tmp_path / "state"))
    process, variables = start(*state)
    said = _client(folder / "before.py", variables, tmp_path)
    ids = said.splitlines()[-1].split()
    until(lambda: mark.exists() and mark.read_text(encoding="utf-8"), what="the slow step")
    process.kill()
    process.wait()
    until(lambda: not _lives(int(mark.read_text(encoding="utf-8"))), what="the end of the step")
    _, variables = start(*state)
    assert _client(folder / "after.py", variables, tmp_path, *ids).endswith("whole\n")


def _client(script: Path, variables: dict[str, str], home: Path, *arguments: str) -> str:
    command = [sys.executable, str(script), *arguments]
    answer = _ended(command, {**_environment(home), **variables})
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout
