"""DEV: run a declared pipeline on this machine, each step as the script that Azure ML would run, in its own process.

A step is skipped when nothing that it depends on has changed and what it wrote is still there. Inputs are compared by
content: a step that ran again and wrote the same lets the steps after it be skipped.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from signal import Signals

from ml_service import fingerprints
from ml_service.pipeline import Folder, Pipeline, Source, Step
from ml_service.run_records import INDEX, Recorder
from ml_service.run_state import RunState, StepRecord, only_one_run
from ml_service.script_source import settings_read
from src.common.console import LOG_VARIABLE, Stopwatch, format_table
from src.common.errors import BatchAIError, DataError, SettingsError
from src.common.guarded_stream import CLOSED
from src.common.local_registry import LocalRegistry
from src.common.redaction import looks_secret
from src.common.settings import PROJECT_ROOT, STEP_READS, Settings
from src.common.sources.container_url import is_blob_url, without_secrets

REGISTRY = "model registry"
PATIENCE_SECONDS = 10.0
"""What an interrupted step gets to end by itself."""


class StepFailedError(BatchAIError):
    """A step ended with an error, which it has told itself."""

    def __init__(self, step: Step, exit_code: int, command: str) -> None:
        end = f"failed with exit code {exit_code}" if exit_code > 0 else f"was ended by {_signal_name(-exit_code)}"
        self.told = exit_code > 0
        super().__init__(
            f"the step {step.name!r} {end}",
            where=step.script,
            hint=f"mend what it says above, then carry on at this step with: {command}",
        )
        self.exit_code = exit_code if exit_code > 0 else 1


@dataclass
class LocalRun:
    """One run of a pipeline on this machine.

    Attributes:
        pipeline: What to run.
        settings: Where things lie.
        parameters: The values of parameters, by name.
        force_from: The step from which on everything runs, whether or not it changed; None for none.
        command: How to start this pipeline again, for messages.
    """

    pipeline: Pipeline
    settings: Settings
    parameters: Mapping[str, str]
    force_from: str | None = None
    command: str = ""
    _rows: list[tuple[str, str, float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._recorder = Recorder(self.pipeline, self.settings, self.parameters)

    def run(self) -> None:
        """Run every step that has to.

        Raises:
            StepFailedError: A step failed; what was done before it is kept.
            SettingsError: Another run of this pipeline is going on.
        """
        if self.force_from is not None:
            self.pipeline.step(self.force_from)
        folder = self.settings.outputs_folder / "pipeline"
        watch = Stopwatch()
        with only_one_run(folder / f"{self.pipeline.name}.lock") as lock, self._recorder.running():
            state = RunState.load(folder / f"{self.pipeline.name}.json")
            if state.problem:
                print(f"{state.problem}: every step runs", flush=True)
            forced = self._forced_steps()
            for step in forced:
                state.forget(step.name)  # should one of them fail, the next run still owes those after it
            for step in self.pipeline.steps:
                before = self._registry_digest() if step.registry else ""
                self._run_or_skip(step, state, lock, forced=step in forced)
                if step.registry:
                    self._know_the_registry(state, before)
        print(format_table(("step", "", "seconds", "result"), self._rows))
        print(f"{self.pipeline.name} done in {watch.seconds:.1f} s")
        if self._recorder.record is not None:
            print(f"this run: {shown(self._recorder.folder)}; all: {shown(self._recorder.root / INDEX)}")

    def _forced_steps(self) -> tuple[Step, ...]:
        names = [step.name for step in self.pipeline.steps]
        return () if self.force_from is None else self.pipeline.steps[names.index(self.force_from) :]

    def _run_or_skip(self, step: Step, state: RunState, lock: int | None, *, forced: bool) -> None:
        watch = Stopwatch()
        depends_on = self._depends_on(step)
        reason = "forced" if forced else self._why_run(step, depends_on, state.steps.get(step.name))
        if reason:
            self._recorder.begin()
            with self._recorder.recording():
                print(f"--- {step.name}: {reason}", flush=True)
            state.forget(step.name)
            self._execute(step, lock)
            # an input that can't be known from here stays out of the record, so that the step runs again
            known = {name: digest for name, digest in depends_on.items() if digest is not None}
            state.record(step.name, StepRecord(known, self._output_digests(step)))
        done = f"ran ({reason})" if reason else "skipped (nothing changed)"
        self._rows.append((step.name, done, round(watch.seconds, 2), self._results(step)))
        self._recorder.step(step.name, done=done, seconds=round(watch.seconds, 2))

    def _know_the_registry(self, state: RunState, before: str) -> None:
        """Record what a step made of the registry: a model that it registered is no reason to evaluate that again.

        Only steps that knew the registry as it was before learn of it: to any other, it has changed.
        """
        digest = self._registry_digest()
        if digest == before:
            return
        for step in self.pipeline.steps:
            record = state.steps.get(step.name)
            if step.registry and record is not None and record.depends_on.get(REGISTRY) == before:
                known = {**record.depends_on, REGISTRY: digest}
                state.record(step.name, StepRecord(known, record.outputs))

    def _registry_digest(self) -> str:
        name = self.parameters.get("model_name", self.settings.model_name)
        return fingerprints.content_digest(LocalRegistry(self.settings.registry_folder).home(name))

    def _settings_of(self, step: Step) -> dict[str, str]:
        """The settings that a step's result depends on."""
        matter = {item.name for item in fields(self.settings) if not item.metadata["tuning"]}
        return {name: str(getattr(self.settings, name)) for name in self._reads(step) if name in matter}

    def _reads(self, step: Step) -> tuple[str, ...]:
        return settings_read(self.pipeline.root / step.script, self.pipeline.root, self.pipeline.settings)

    def _depends_on(self, step: Step) -> dict[str, str | None]:
        """The digests of everything that a step's result depends on; None where it can't be known."""
        root = self.pipeline.root
        depends: dict[str, str | None] = {
            "code": fingerprints.code_digest(step, root),
            "data files": fingerprints.data_files_digest(step, root),
            "Python or libraries": fingerprints.environment_digest(root),
            "arguments": fingerprints.digest(self._arguments(step)),
            "settings": fingerprints.digest(self._settings_of(step)),
        }
        if step.registry:
            depends[REGISTRY] = self._registry_digest()
        for what in step.inputs.values():
            if isinstance(what, Source) or not what.committed:
                depends[what.name] = fingerprints.source_digest(self._place(what))
            else:
                depends[what.name] = self._committed_digest(what)
        return depends

    def _why_run(self, step: Step, depends_on: Mapping[str, str | None], record: StepRecord | None) -> str:
        """Why a step has to run; empty where it need not."""
        if record is None:
            return "not done yet"
        unknown = [name for name, digest in depends_on.items() if digest is None]
        if unknown:
            return f"{unknown[0]} can't be compared from here"
        changed = [name for name, digest in depends_on.items() if record.depends_on.get(name) != digest]
        if changed:
            return f"{', '.join(changed)} changed"
        there = self._output_digests(step)
        lost = [step.outputs[name].name for name, digest in there.items() if record.outputs.get(name) != digest]
        return f"{', '.join(lost)}: missing, or changed after it was written" if lost else ""

    def _output_digests(self, step: Step) -> dict[str, str]:
        return {
            argument: self._committed_digest(folder) or "nothing"
            for argument, folder in step.outputs.items()
            if folder.committed
        }

    def _committed_digest(self, folder: Folder) -> str | None:
        """The digest of a folder that is whole, and whose copied files are the same where they were copied to."""
        path = folder.path(self.settings)
        known = fingerprints.committed_digest(path)
        for name in folder.copied if known else ():
            copy = path.parent / name
            if not copy.is_file() or copy.read_bytes() != (path / name).read_bytes():
                return None
        return known

    def _place(self, what: Source | Folder) -> str:
        if isinstance(what, Folder):
            return str(what.path(self.settings))
        text = str(getattr(self.settings, what.setting))
        # anybody may see a command line: the step takes what is secret in a URL from the settings
        return without_secrets(text) if is_blob_url(text) else str(PROJECT_ROOT / Path(text).expanduser())

    def _arguments(self, step: Step) -> list[str]:
        return step.arguments(self._place, lambda parameter: self.parameters.get(parameter.name, parameter.default))

    def _execute(self, step: Step, lock: int | None) -> None:
        command = [sys.executable, str(self.pipeline.root / step.script), *self._arguments(step)]
        if any(looks_secret(argument) for argument in command):
            raise SettingsError(
                f"the step {step.name!r} would get a secret as an argument, which every user of this machine can read",
                where=step.script,
                hint="secrets have settings of their own, in .env.local",
            )
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", LOG_VARIABLE: str(self._recorder.log)}
        environment[STEP_READS] = ",".join(self._reads(step))
        inherited = () if lock is None else (lock,)
        with subprocess.Popen(command, cwd=self.pipeline.root, env=environment, pass_fds=inherited) as process:
            try:
                exit_code = process.wait()
            except BaseException:
                _end(process)
                raise
        if exit_code == CLOSED:
            raise SystemExit(CLOSED)
        if exit_code:
            raise StepFailedError(step, exit_code, self.command)
        committed = [folder for folder in step.outputs.values() if folder.committed]
        missing = [folder for folder in committed if self._committed_digest(folder) is None]
        if missing:
            raise DataError(
                f"the step {step.name!r} ended well and left no result",
                where=missing[0].path(self.settings),
                expected="a folder with a valid manifest",
            )

    def _results(self, step: Step) -> str:
        places = [folder.path(self.settings) for folder in step.outputs.values() if folder.committed]
        return ", ".join(shown(place) for place in places)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a step and wait for it: Popen itself does not, once Ctrl-C was pressed."""
    try:
        process.terminate()
        process.wait(PATIENCE_SECONDS)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        process.kill()
        process.wait()


def _signal_name(number: int) -> str:
    try:
        return Signals(number).name
    except ValueError:
        return f"signal {number}"


def shown(path: Path) -> str:
    """A path as people would type it here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
