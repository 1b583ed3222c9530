"""A project of three tiny scripts that runs through the real runner, each step as a process of its own.

``collect`` takes the first line of each file of a folder, ``change`` makes it loud, ``show`` keeps it beside a list of
the files. The variable ``TINY`` makes a step misbehave: ``fail:<step>``, ``nothing:<step>``, or ``pause:<step>``, which
waits in the middle of writing until the file ``go`` is there, or ``stubborn:<step>``, which also does not end when it
is asked to, but makes the file ``asked``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ml_service.pipeline import Folder, Parameter, Pipeline, Source, Step
from ml_service.pipeline_script import Publication, run_pipeline_script
from src.common.committed_folder import read_manifest, verify_files
from src.common.console import run_script
from src.common.files import TEMPORARY_PREFIX
from src.common.settings import PROJECT_ROOT
from src.settings.batchai.batchai_settings import BatchaiSettings
from test.support.waiting import until

KIND = "tiny"
NAMES = ("collect", "change", "show")

START = f"""
import os, signal, sys, time
from argparse import ArgumentParser
from pathlib import Path
ROOT = Path(__file__).resolve().parents[1]
sys.path[:1] = [str(ROOT), {str(PROJECT_ROOT)!r}]
from src.common.committed_folder import replace_folder

def arguments(*names):
    parser = ArgumentParser()
    for name in names:
        parser.add_argument("--" + name, required=True)
    return parser.parse_args()

def write(folder, text, step):
    trouble = os.environ.get("TINY", "")
    print(step, "is at work")
    if trouble == "nothing:" + step:
        return
    with replace_folder(Path(folder), kind={KIND!r}) as staged:
        staged.write("text.txt", text)
        if trouble == "fail:" + step:
            print(step, "has a problem", file=sys.stderr)
            sys.exit(7)
        deadline = time.monotonic() + 60
        if trouble == "stubborn:" + step:
            signal.signal(signal.SIGTERM, lambda *_: (ROOT / "asked").touch())
        if trouble in ("pause:" + step, "stubborn:" + step):
            (ROOT / "step.id").write_text(f"{{os.getpid()}}\\n")
            while not (ROOT / "go").exists() and time.monotonic() < deadline:
                time.sleep(0.005)
        staged.write("length.txt", str(len(text)))
"""
SCRIPTS = {
    "steps/collect.py": START
    + """
given = arguments("source", "collected_folder", "copy_folder")
files = sorted(Path(given.source).glob("*.txt"))
names = "".join(path.name + "\\n" for path in files)
copy = Path(given.copy_folder, "names.txt")
if not copy.exists() or copy.read_text() != names:
    copy.parent.mkdir(exist_ok=True)
    copy.write_text(names)
write(given.collected_folder, "".join(path.read_text().partition("\\n")[0] for path in files), "collect")
""",
    "steps/change.py": START
    + """
READS = ("train_folds",)

def change(text):
    from voice.loud import loud
    return loud(text)

given = arguments("collected_folder", "changed_folder", "word")
text = change(Path(given.collected_folder, "text.txt").read_text()) + given.word + os.environ["TRAIN_FOLDS"]
write(given.changed_folder, text + "".join(path.read_text() for path in ROOT.glob("data/*.txt")), "change")
""",
    "steps/show.py": START
    + """
given = arguments("changed_folder", "copy_folder", "shown_folder")
write(given.shown_folder, Path(given.changed_folder, "text.txt").read_text(), "show")
""",
    "voice/__init__.py": "",
    "voice/loud.py": "def loud(text):\n    return text.upper()\n",
    "data/end.txt": "!",
    "source/a.txt": "hello \nsecond line",
    "source/b.txt": "world \nsecond line",
}
RUNNER = f"""
import signal, sys
from pathlib import Path
sys.path[0] = {str(PROJECT_ROOT)!r}
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background may have been told to ignore it
from test.support.tiny_project import run
sys.exit(run(Path(__file__).parent, sys.argv[1:]))
"""


def tiny_pipeline(root: Path) -> Pipeline:
    """Declare the pipeline of the tiny project in a folder."""
    source = Source("source", "input_url")
    copy = Folder("copy", "inputs_folder", committed=False)
    collected = Folder("collected", "prepared_folder")
    changed = Folder("changed", "training_folder")
    steps = (
        Step(
            "collect",
            "steps/collect.py",
            inputs={"source": source},
            outputs={"collected_folder": collected, "copy_folder": copy},
        ),
        Step(
            "change",
            "steps/change.py",
            inputs={"collected_folder": collected},
            outputs={"changed_folder": changed},
            parameters={"word": Parameter("word", "what to add", default="all")},
            files=("data/*.txt",),
        ),
        Step(
            "show",
            "steps/show.py",
            inputs={"changed_folder": changed, "copy_folder": copy},
            outputs={"shown_folder": Folder("shown", "outputs_folder", "shown")},
        ),
    )
    return Pipeline("tiny", steps, BatchaiSettings, root=root)


def run(root: Path, argv: list[str]) -> int:
    """Run the pipeline as its script would. Returns the exit code."""
    return run_script(
        lambda: run_pipeline_script(
            Publication(lambda _: tiny_pipeline(root), BatchaiSettings, published_as=lambda _: "tiny"),
            argv,
            script=str(root / "runner.py"),
            documentation="Tiny.\n",
        )
    )


@dataclass(frozen=True)
class TinyProject:
    """The tiny project in a folder of its own."""

    root: Path

    @classmethod
    def make(cls, root: Path) -> TinyProject:
        """Write its files."""
        for name, content in {**SCRIPTS, "runner.py": RUNNER}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return cls(root)

    @property
    def variables(self) -> dict[str, str]:
        """The environment that keeps everything inside its folder."""
        return {
            "AML_PIPELINE_EXEC_MODE": "DEV",
            "BATCHAI_INPUT_URL": str(self.root / "source"),
            "DATAPREP_INPUTS_DIR": str(self.root / "copy"),
            "DATAPREP_OUTPUTS_DIR": str(self.root / "collected"),
            "TRAINING_OUTPUT_DIR": str(self.root / "changed"),
            "OUTPUTS_DIR": str(self.root / "outputs"),
            "TRAIN_FOLDS": "5",
            "TRAIN_MIN_BATCHES": "20",
            "TRAIN_TERMS": "linear",
            "TINY": "",
        }

    def folder(self, step: str) -> Path:
        """The folder that a step commits."""
        return self.root / {"collect": "collected", "change": "changed", "show": "outputs/shown"}[step]

    def text(self, step: str) -> str:
        """What a step has committed, after checking that it is whole."""
        folder = self.folder(step)
        verify_files(folder, read_manifest(folder, kind=KIND, made_by=step))
        return (folder / "text.txt").read_text()

    @contextmanager
    def started(self, *argv: str, trouble: str = "") -> Iterator[subprocess.Popen[bytes]]:
        """Start the runner as a process of its own; what it prints goes to ``printed.txt``."""
        command = [sys.executable, str(self.root / "runner.py"), *argv]
        with (
            (self.root / "printed.txt").open("wb") as printed,
            subprocess.Popen(
                command, env={**os.environ, "TINY": trouble}, stdout=printed, stderr=subprocess.STDOUT
            ) as process,
        ):
            try:
                yield process
            finally:
                (self.root / "go").touch()
                process.kill()

    @property
    def printed(self) -> str:
        """What the started runner and its steps have printed so far."""
        return (self.root / "printed.txt").read_text()

    def step_in_the_middle(self, step: str) -> int:
        """Wait until a step that was told to pause has written half of its output. Returns its process id."""
        file = self.root / "step.id"
        until(lambda: file.exists() and file.read_text().endswith("\n"), what=f"{step} pauses")
        process = int(file.read_text())
        file.unlink()
        assert [path for path in self.folder(step).iterdir() if path.name.startswith(TEMPORARY_PREFIX)]
        return process
