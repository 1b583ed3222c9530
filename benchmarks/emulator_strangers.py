"""Runs other people's projects for SDK v1 against the emulator: how much of them works as it is.

Run with ``python -m benchmarks.emulator_strangers FOLDER [PATTERN ...]``, where FOLDER is a copy of a public
repository, as of microsoft/MLOpsPython or Azure/MachineLearningNotebooks, and a pattern chooses notebooks or
scripts below it. A notebook's code cells become one script, without lines of IPython's own; a script is run in
its folder. What they find is what Azure ML would give them: a workspace in ``config.json``, the SDK's ambient
sign-in, the variables given with ``--set``. The copy is worked on in place.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from aml_emulator.runtime.stack import Stack, StackSettings
from aml_emulator.site import SiteSettings

SUBSCRIPTION, GROUP, NAME = "11111111-2222-3333-4444-555555555555", "strangers", "workspace"
# what notebooks call and a script has no use for
PRELUDE = """
import sys, types
def display(*_): pass
def get_ipython(): return types.SimpleNamespace(run_line_magic=lambda *_: None, system=lambda *_: None)
sys.modules.setdefault("azureml.widgets", types.SimpleNamespace(RunDetails=lambda run: types.SimpleNamespace(
    show=lambda: run.wait_for_completion(show_output=False))))
"""


def code_of(notebook: Path) -> str:
    """Return the code of a notebook as one script; cells that belong to a magic command are written as it says."""
    cells = [cell for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    return PRELUDE + "\n\n".join(_cell("".join(cell["source"])) for cell in cells)


def _cell(source: str) -> str:
    first, _, rest = source.partition("\n")
    if first.startswith("%%writefile"):
        path = first.split()[1].strip("'\"").replace("$", "")
        return f"import pathlib\npathlib.Path({path!r}).parent.mkdir(parents=True, exist_ok=True)\n" + (
            f"pathlib.Path({path!r}).write_text({rest!r})"
        )
    if first.startswith("%%"):
        return ""
    return "\n".join(_line(line) for line in source.split("\n"))


def _line(line: str) -> str:
    bare = line.lstrip()
    return f"{line[: len(line) - len(bare)]}pass" if bare.startswith(("%", "!", "?")) else line


def chosen(folder: Path, patterns: Sequence[str]) -> Iterator[Path]:
    """Yield the notebooks and scripts below a folder that a pattern fits, in the order of the patterns."""
    for pattern in patterns or ["**/*.ipynb"]:
        yield from sorted(path for path in folder.glob(pattern) if ".ipynb_checkpoints" not in path.parts)


def run_one(path: Path, root: Path, variables: Mapping[str, str], seconds: float) -> tuple[str, str]:
    """Run a notebook or a script; return how it ended and the last line that it wrote to its error stream."""
    (path.parent / "config.json").write_text(
        json.dumps({"subscription_id": SUBSCRIPTION, "resource_group": GROUP, "workspace_name": NAME}),
        encoding="utf-8",
    )
    command, place = [sys.executable, "-m", ".".join(path.relative_to(root).with_suffix("").parts)], root
    if path.suffix == ".ipynb":
        script = path.with_suffix(".as_script.py")
        script.write_text(code_of(path), encoding="utf-8")
        command, place = [sys.executable, str(script)], path.parent
    log = path.with_suffix(".log")
    with log.open("wb") as file:
        try:
            code = subprocess.run(
                command, cwd=place, env=dict(variables), stdout=file, stderr=file, timeout=seconds, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            return f"longer than {seconds:g} s", ""
    said = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return ("ran", "") if code == 0 else (f"exit status {code}", said[-1][:160] if said else "")


def wait_for_runs(stack: Stack, seen: set[str]) -> int:
    """Wait for the pipeline runs that a script has left under way; print how the new ones ended, count failures."""
    store = stack.site.store
    while store.pipelines.under_way():
        time.sleep(0.5)
    failures = 0
    for workspace in store.workspaces.all():
        for run in reversed(store.runs.at_root(workspace.id, most=1000)):
            if run["id"] not in seen and run["type"] == "azureml.PipelineRun":
                message = run["error"]["error"]["message"].splitlines()[0] if run["error"] else ""
                print(
                    f"    run {run['number']} of {run['experiment_name']}: {run['status']} {message[:150]}", flush=True
                )
                failures += run["status"] == "Failed"
            seen.add(run["id"])
    return failures


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is chosen and print how each ended, what was not served, which hosts were asked for in vain."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="copy of a repository")
    parser.add_argument("patterns", nargs="*", help="which notebooks or scripts (default: **/*.ipynb)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a variable for them")
    parser.add_argument("--public", action="append", default=[], metavar="HOST=FOLDER", help="as of the emulator")
    parser.add_argument("--seconds", type=float, default=300, help="how long one may take (default: 300)")
    options = parser.parse_intermixed_args(argv)
    settings = SiteSettings(workspaces=((SUBSCRIPTION, GROUP, NAME),), processes=2)
    public = {host: Path(folder) for host, folder in (pair.split("=", 1) for pair in options.public)}
    failed = 0
    with tempfile.TemporaryDirectory() as home, Stack(StackSettings(site=settings, public=public)) as stack:
        given = dict(pair.split("=", 1) for pair in options.set)
        variables = {**os.environ, **stack.variables, "HOME": home, "MPLBACKEND": "agg", **given}
        seen: set[str] = set()
        for path in chosen(options.folder.resolve(), options.patterns):
            begin = time.perf_counter()
            ending, reason = run_one(path, options.folder.resolve(), variables, options.seconds)
            shown = path.relative_to(options.folder.resolve())
            print(f"{ending:20} {time.perf_counter() - begin:5.0f} s  {shown}  {reason}", flush=True)
            failed += (ending != "ran") + wait_for_runs(stack, seen)
        for name in ("unserved", "connections"):
            headers = {"Authorization": f"Bearer {variables['AML_EMULATOR_SECRET']}"}
            request = urllib.request.Request(f"{variables['AML_EMULATOR_URL']}/emulator/{name}", headers=headers)
            print(f"{name}: {json.loads(urllib.request.urlopen(request, timeout=10).read())}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
