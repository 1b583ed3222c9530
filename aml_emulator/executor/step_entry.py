"""Runs a step's script as the main program, in the interpreter that the emulator was given for steps.

Stands alone: that interpreter need not know the emulator. Three things surround the script: it ends when
the emulator does, an exception's type and message are left for the run's error document, and metrics that
the SDK still holds are sent.
"""

import gc
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
import traceback
from pathlib import Path


def watch_parent() -> None:
    """Kill this process and its children as soon as the pipe on standard input ends."""
    pipe = os.dup(0)
    os.set_inheritable(pipe, False)  # noqa: FBT003
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123  (a file descriptor is what is wanted)
        os.dup2(nothing.fileno(), 0)

    def wait() -> None:
        while os.read(pipe, 1):
            pass
        if os.name == "posix":
            os.killpg(os.getpgrp(), signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=wait, daemon=True, name="watch-parent").start()


def flush_metrics() -> None:
    """Send the metrics that the SDK's clients still hold in their queues."""
    module = sys.modules.get("azureml._restclient.metrics_client")
    if module is None:
        return
    for thing in gc.get_objects():
        if type(thing) is module.MetricsClient:
            thing.flush()


def _leave_failure(error: BaseException) -> None:
    path = os.environ.get("AML_EMULATOR_FAILURE")
    if path:
        document = {"type": type(error).__name__, "message": str(error)}
        Path(path).write_text(json.dumps(document), encoding="utf-8")


def main() -> None:
    """Run the script that the first argument names with the arguments that follow; after --command, a program."""
    watch_parent()
    if sys.argv[1] == "--command":
        # 'python' means the interpreter of steps
        place = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        sys.exit(subprocess.run(sys.argv[2:], env={**os.environ, "PATH": place}, check=False).returncode)
    script = sys.argv[1]
    sys.argv = sys.argv[1:]
    # as in Azure ML, the source folder can be imported from, wherever in it the script lies
    sys.path[0:1] = dict.fromkeys([str(Path(script).resolve().parent), str(Path.cwd())])
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as leave:
        if leave.code not in (None, 0):
            _leave_failure(leave)
        raise
    except Exception as error:
        _leave_failure(error)
        # what surrounds the script is nothing that its author could do anything about
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename != script:
            trace = trace.tb_next
        traceback.print_exception(type(error), error, trace)
        sys.exit(1)
    finally:
        flush_metrics()


if __name__ == "__main__":
    main()
