"""What the claims about the emulator rest on: how fast it starts, how much memory it takes, what it loses.

Run with ``python -m benchmarks.emulator_load``; it starts an emulator of its own, and clients as separate
processes with the stock SDK.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

METRICS, LINES = 20, 200
STEP = f"""
import os, sys
from azureml.core import Model, Run
run = Run.get_context()
for value in range({METRICS}):
    run.log("series", value)
for number in range({LINES}):
    print("line", number)
name = sys.argv[1]
open("weights.json", "w").write(run.id)
Model.register(run.experiment.workspace, "weights.json", name, tags={{"run": run.id}})
"""


def _workspace() -> Any:
    from azureml.core import Workspace
    from azureml.core.authentication import ServicePrincipalAuthentication
    from azureml.core.compute import AmlCompute, ComputeTarget

    auth = ServicePrincipalAuthentication("tenant", "client", "not-a-secret")
    workspace = Workspace.get("workspace", auth=auth, subscription_id="subscription", resource_group="group")
    configuration = AmlCompute.provisioning_configuration(vm_size="STANDARD_D2_V2", max_nodes=2)
    ComputeTarget.create(workspace, "cpu-cluster", configuration)
    return workspace


def _step(folder: Path, name: str, script: str, **options: Any) -> Any:
    from azureml.core.runconfig import RunConfiguration
    from azureml.pipeline.steps import PythonScriptStep

    source = folder / name
    source.mkdir(exist_ok=True)
    (source / "main.py").write_text(script, encoding="utf-8")
    return PythonScriptStep(
        "main.py",
        name=name,
        compute_target="cpu-cluster",
        source_directory=str(source),
        runconfig=RunConfiguration(),
        allow_reuse=False,
        **options,
    )


def three_steps() -> dict[str, Any]:
    """Publish, trigger and wait for a pipeline of three steps; tell how long each part took."""
    begin = time.perf_counter()
    workspace = _workspace()
    from azureml.pipeline.core import Pipeline

    imported = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        script = "from azureml.core import Run\nRun.get_context().log('m', 1)"
        steps = [_step(Path(folder), name, script) for name in ("one", "two", "three")]
        steps[1].run_after(steps[0])
        steps[2].run_after(steps[1])
        published = Pipeline(workspace, steps=[steps[2]]).publish("three")
        triggered = time.perf_counter()
        run = published.submit(workspace, "three")
        status = run.wait_for_completion(show_output=False)
    end = time.perf_counter()
    return {
        "status": status,
        "SDK import and workspace, s": round(imported - begin, 2),
        "publish, s": round(triggered - imported, 2),
        "trigger and wait, s": round(end - triggered, 2),
        "whole, s": round(end - begin, 2),
    }


def many_runs(*, runs: int, at_once: int) -> dict[str, Any]:
    """Run a pipeline many times; count what of its metrics, log lines and models is missing."""
    from azureml.core import Model
    from azureml.pipeline.core import Pipeline, PipelineParameter

    workspace = _workspace()
    name = f"load-{at_once}"
    with tempfile.TemporaryDirectory() as folder:
        step = _step(Path(folder), "load", STEP, arguments=[PipelineParameter("model", name)])
        published = Pipeline(workspace, steps=[step]).publish(name)
    begin = time.perf_counter()

    def once(_: int) -> dict[str, int]:
        run = published.submit(workspace, name)
        status = run.wait_for_completion(show_output=False, raise_on_error=False)
        (step_run,) = run.get_steps()
        series = step_run.get_metrics().get("series")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "log.txt"
            step_run.download_file("azureml-logs/70_driver_log.txt", str(path))
            lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("line ")]
        models = Model.list(workspace, name=name, tags=[["run", step_run.id]])
        return {
            "failed": int(status != "Finished"),
            "metrics lost": int(series != list(range(METRICS))),
            "lines lost": int(lines != [f"line {number}" for number in range(LINES)]),
            "models lost": int(len(models) != 1),
        }

    with ThreadPoolExecutor(at_once) as pool:
        results = list(pool.map(once, range(runs)))
    lost = {key: sum(result[key] for result in results) for key in results[0]}
    versions = sorted(model.version for model in Model.list(workspace, name=name))
    return {
        "runs": runs,
        "at once": at_once,
        **lost,
        "versions whole": versions == list(range(1, runs + 1)),
        "seconds": round(time.perf_counter() - begin, 1),
    }


def _memory(process: int) -> float:
    """Return the resident memory of a process and its children, in MB (10^6 bytes)."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="utf-8").split()
    total = 0.0
    for one in (str(process), *children):
        status = Path(f"/proc/{one}/status").read_text(encoding="utf-8")
        total += int(status.partition("VmRSS:")[2].split()[0]) * 1024 / 1e6
    return round(total, 1)


def _start() -> tuple[subprocess.Popen[str], dict[str, str], float]:
    begin = time.perf_counter()
    command = [sys.executable, "-m", "aml_emulator", "--env", "json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    lines = []
    while process.stdout is not None and (line := process.stdout.readline()):
        lines.append(line)
        if line == "}\n":
            break
    return process, json.loads("".join(lines)), round(time.perf_counter() - begin, 2)


def _client(name: str, variables: dict[str, str], *arguments: str) -> Any:
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, **variables, "HOME": home}
        command = [sys.executable, "-m", "benchmarks.emulator_load", "--client", name, *arguments]
        answer = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(answer.stdout.splitlines()[-1])


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; with ``--client``, be one of the clients."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=50, help="pipeline runs one after another (default: 50)")
    parser.add_argument("--at-once", type=int, default=8, help="pipeline runs side by side (default: 8)")
    parser.add_argument("--client", choices=("three", "many"), help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.client == "three":
        print(json.dumps(three_steps()))
        return 0
    if options.client == "many":
        print(json.dumps(many_runs(runs=options.runs, at_once=options.at_once)))
        return 0
    process, variables, seconds = _start()
    try:
        time.sleep(5)  # at rest: what loading left behind is collected by then
        print("start of emulator and Azurite, s:", seconds)
        print("resident memory at rest, MB:", _memory(process.pid))
        print("three steps:", _client("three", variables))
        print("side by side:", _client("many", variables, "--runs", str(options.at_once)))
        print("one after another:", _client("many", variables, "--runs", str(options.runs), "--at-once", "1"))
        print("resident memory afterwards, MB:", _memory(process.pid))
    finally:
        process.terminate()
        process.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
