"""Runs the entry script of a ParallelRunStep over its mini-batches, in worker processes.

Stands alone with :mod:`parallel_user`, like :mod:`step_entry`, which starts it: the interpreter of a step need
not know the emulator. It takes the arguments that the SDK gives to the service's own driver: ``init()`` is called
once in each worker, ``run(mini_batch)`` for each mini-batch, with a list of files for a file dataset and a
DataFrame for a tabular one. What ``run`` returns counts as done; the difference to what it was given counts as
errors.
"""

import argparse
import csv
import importlib
import importlib.util
import io
import itertools
import json
import math
import multiprocessing
import os
import sys
import threading
import traceback
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

if __package__:
    from aml_emulator.executor import parallel_user
else:
    import parallel_user  # type: ignore[import-not-found,no-redef]

DEFAULT_FILE_NAME = "parallel_run_step.txt"
NODES_VARIABLE = "AML_EMULATOR_NODES"
MOST_NODES = 4
"""So many nodes are imitated at the most, each by processes of its own."""
_UNITS = {"kb": 1024, "mb": 1024**2, "gb": 1024**3, "b": 1}


def parse_arguments(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return the driver's own options, and the names of the inputs that are split into mini-batches."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--scoring_module_name", required=True)
    parser.add_argument("--mini_batch_size", default="10")
    parser.add_argument("--error_threshold", type=int, default=-1)
    parser.add_argument("--allowed_failed_count", type=int)
    parser.add_argument("--allowed_failed_percent", type=float)
    parser.add_argument("--output_action", default="append_row")
    parser.add_argument("--append_row_file_name", default=DEFAULT_FILE_NAME)
    parser.add_argument("--output")
    parser.add_argument("--process_count_per_node", type=int)
    parser.add_argument("--run_invocation_timeout", type=float, default=60)
    parser.add_argument("--run_max_try", type=int, default=3)
    parser.add_argument("--partition_keys")
    options, others = parser.parse_known_args(argv)
    inputs = [
        others[position + 1]
        for position, name in enumerate(others[:-1])
        if name.startswith(("--input_fds_", "--input_ds_"))
    ]
    options.tabular = any(name.startswith("--input_ds_") for name in others)
    return options, inputs


def bytes_of(size: str) -> int:
    """Return the number of bytes that a size as in ``10MB`` means."""
    text = size.strip().lower()
    for unit, factor in _UNITS.items():
        if text.endswith(unit):
            return int(float(text.removesuffix(unit)) * factor)
    return int(float(text))


def file_batches(folders: list[str], count: int) -> Iterator[list[str]]:
    """Yield the files of each folder, so many at a time."""
    for folder in folders:
        path = Path(folder)
        files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
        for start in range(0, len(files), count):
            yield [str(file) for file in files[start : start + count]]


def table_batches(identifiers: list[str], size: int) -> Iterator[Any]:
    """Yield the rows of each tabular dataset in pieces of about so many bytes of CSV."""
    for identifier in identifiers:
        table = _table(identifier)
        if not len(table):
            continue
        rows = max(1, math.floor(size * len(table) / max(1, len(table.to_csv(index=False)))))
        for start in range(0, len(table), rows):
            yield table.iloc[start : start + rows].reset_index(drop=True)


def partitions(identifiers: list[str], keys: list[str]) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield the rows of each tabular dataset that have the same values of some columns, with those values."""
    for identifier in identifiers:
        table = _table(identifier)
        for values, rows in table.groupby(keys, sort=True):
            yield dict(zip(keys, values, strict=True)), rows.reset_index(drop=True)


def _table(identifier: str) -> Any:
    from azureml.core import Dataset, Run

    return Dataset.get_by_id(Run.get_context().experiment.workspace, identifier).to_pandas_dataframe()


def _load(script: str) -> Any:
    # as in Azure ML, the source folder can be imported from, wherever in it the script lies
    sys.path[0:0] = dict.fromkeys([str(Path(script).resolve().parent), str(Path.cwd())])
    specification = importlib.util.spec_from_file_location("entry_script", script)
    if specification is None or specification.loader is None:
        raise ImportError(f"the entry script '{script}' cannot be loaded")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def _write_whole_lines() -> None:
    """Let the lines of several workers, which share one log, follow each other instead of mixing.

    Without buffers, as a step's interpreter runs, `print` would write each of its arguments by itself.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, write_through=False)


def worker(script: str, argv: list[str], channel: Connection, number: int) -> None:
    """Answer mini-batches until there are no more.

    Args:
        script: The entry script.
        argv: The arguments of the step.
        channel: Gives mini-batches, None at the end; takes results or the text of an exception.
        number: Which worker it is, of those of the step.
    """
    sys.argv = [script, *argv]
    _write_whole_lines()
    try:
        parallel_user.own_folder(number)
        parallel_user.install()
        module = _load(script)
        takes_context = parallel_user.takes_context(module.run)
        if hasattr(module, "init"):
            module.init()
    except BaseException:
        channel.send(("broken", traceback.format_exc()))
        return
    channel.send(("ready", None))
    while (batch := channel.recv()) is not None:
        try:
            context = [batch.context] if takes_context else []
            channel.send(("done", module.run(batch.content, *context)))
        except Exception:
            channel.send(("failed", traceback.format_exc()))
    if hasattr(module, "shutdown"):
        module.shutdown()
    # beside this file, which stands first on the path
    importlib.import_module("step_entry").flush_metrics()


@dataclass
class Batch:
    """A mini-batch: files or a DataFrame, and what is told beside it."""

    content: Any
    context: parallel_user.MiniBatchContext


@dataclass
class Task:
    """One mini-batch, and how often it was tried."""

    batch: Batch
    tries: int = 0

    @property
    def items(self) -> int:
        """How many items it has."""
        return len(self.batch.content)


class Output:
    """Where results go: one file with a row for each, or nowhere."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._rows = options.output_action.lower() == "append_row"
        self._path = Path(options.output or ".") / options.append_row_file_name
        if self._rows:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch()

    def add(self, result: Any) -> int:
        """Write what a mini-batch returned; return how many items that were.

        Raises:
            TypeError: It is neither a list nor a DataFrame.
        """
        if not hasattr(result, "__len__") or isinstance(result, (str, bytes, dict)):
            raise TypeError(f"run() returned {type(result).__name__}, not a list, an array or a DataFrame")
        if self._rows:
            with self._path.open("a", newline="", encoding="utf-8") as file:
                if hasattr(result, "to_csv"):
                    result.to_csv(file, sep=" ", header=False, index=False, quoting=csv.QUOTE_MINIMAL)
                else:
                    file.writelines(f"{item}\n" for item in result)
        return len(result)


class Driver:
    """Gives mini-batches to workers and counts what comes back.

    Args:
        options: The driver's options.
        argv: All arguments of the step, which the entry script sees as well.
        tasks: The mini-batches.
        nodes: How many nodes the step asks for.
    """

    def __init__(self, options: argparse.Namespace, argv: list[str], tasks: list[Task], *, nodes: int) -> None:
        self._options = options
        self._nodes = min(nodes, MOST_NODES)
        self._argv = argv
        self._tasks = deque(tasks)
        self._numbers = itertools.count()
        self._total = len(tasks)
        self._lock = threading.Lock()
        self._output = Output(options)
        self.done = 0
        self.errors = 0
        self.failed_batches = 0
        self.broken = ""

    def run(self) -> None:
        """Work off all mini-batches, or stop when too much has failed."""
        workers = self._nodes * (self._options.process_count_per_node or os.cpu_count() or 1)
        count = min(workers, self._total)
        threads = [threading.Thread(target=self._serve) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    @property
    def too_many_errors(self) -> bool:
        """Whether more has failed than the step allows."""
        options = self._options
        failed, percent = self.failed_batches, 100 * self.failed_batches / max(1, self._total)
        return (
            0 <= options.error_threshold < self.errors
            or (options.allowed_failed_count is not None and failed > options.allowed_failed_count)
            or (options.allowed_failed_percent is not None and percent > options.allowed_failed_percent)
        )

    def _next(self) -> Task | None:
        with self._lock:
            stop = self.broken or self.too_many_errors
            return self._tasks.popleft() if self._tasks and not stop else None

    def _serve(self) -> None:
        """Look after one worker; one that dies or takes too long is replaced."""
        process: Any = None
        while (task := self._next()) is not None:
            if process is None:
                process, channel = self._start()
                if process is None:
                    return
            outcome, value = self._ask(channel, task)
            if outcome == "lost":
                process.kill()
                process = None
            self._account(task, outcome, value)
        if process is not None:
            channel.send(None)
            process.join()

    def _start(self) -> tuple[Any, Any]:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        arguments = (self._options.scoring_module_name, self._argv, theirs, next(self._numbers))
        process = context.Process(target=worker, args=arguments, daemon=True)
        process.start()
        theirs.close()
        try:
            state, text = ours.recv()
        except EOFError:
            state, text = "broken", "the worker ended while it started"
        if state == "broken":
            with self._lock:
                self.broken = text
            return None, None
        return process, ours

    def _ask(self, channel: Connection, task: Task) -> tuple[str, Any]:
        limit = self._options.run_invocation_timeout
        try:
            channel.send(task.batch)
            if not channel.poll(limit):
                return "lost", f"run() took longer than {limit} seconds"
            answer: tuple[str, Any] = channel.recv()
        except (EOFError, OSError):
            return "lost", "the worker died"
        return answer

    def _account(self, task: Task, outcome: str, value: Any) -> None:
        with self._lock:
            if outcome == "done":
                try:
                    returned = self._output.add(value)
                except TypeError as error:
                    outcome, value = "failed", str(error)
                else:
                    self.done += 1
                    self.errors += max(0, task.items - returned)
                    return
            task.tries += 1
            print(f"mini-batch failed, try {task.tries}: {value}", file=sys.stderr, flush=True)
            if task.tries < self._options.run_max_try:
                self._tasks.append(task)
            else:
                self.failed_batches += 1
                self.errors += task.items


def main() -> int:
    """Run the step; return its exit status."""
    argv = sys.argv[1:]
    options, inputs = parse_arguments(argv)
    sources = [os.environ[name] for name in inputs]
    if options.partition_keys and not options.tabular:
        raise ValueError("the emulator has partition_keys for tabular datasets only")
    contents: Iterator[tuple[dict[str, Any], Any]]
    if options.partition_keys:
        contents = partitions(sources, json.loads(options.partition_keys))
    elif options.tabular:
        contents = (({}, batch) for batch in table_batches(sources, bytes_of(options.mini_batch_size)))
    else:
        contents = (({}, batch) for batch in file_batches(sources, int(options.mini_batch_size)))
    tasks = [
        Task(Batch(content, parallel_user.MiniBatchContext(index, values)))
        for index, (values, content) in enumerate(contents)
    ]
    driver = Driver(options, argv, tasks, nodes=int(os.environ.get(NODES_VARIABLE) or 1))
    driver.run()
    print(f"mini-batches done: {driver.done}, failed: {driver.failed_batches}; items failed: {driver.errors}")
    if driver.broken:
        print(driver.broken, file=sys.stderr)
        raise RuntimeError(f"init() failed: {driver.broken.strip().splitlines()[-1]}")
    if driver.too_many_errors:
        raise RuntimeError(f"the error threshold was exceeded: {driver.errors} items failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
