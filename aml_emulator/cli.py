"""The command: ``python -m aml_emulator`` serves, ``… run -- COMMAND`` surrounds a command."""

import argparse
import logging
import os
import re
import shutil
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from aml_emulator.client_variables import SHELLS, format_variables
from aml_emulator.door.faults import FaultSyntaxError, parse_fault
from aml_emulator.runtime.azurite import AzuriteError
from aml_emulator.runtime.guard import start_guarded
from aml_emulator.runtime.stack import Stack, StackSettings, StateInUseError
from aml_emulator.site import SiteSettings
from aml_emulator.store.database import StateVersionError

_USAGE = 2
_NOT_FOUND = 127
_INTERRUPTED = 130


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m aml_emulator",
        description="A loopback Azure ML: the stock SDK publishes and runs pipelines against it. "
        "Without 'run' it serves until it is interrupted.",
    )
    parser.add_argument("action", nargs="?", choices=("serve", "run"), default="serve", help="default: serve")
    parser.add_argument("--state", type=Path, help="folder kept over a restart (default: temporary)")
    parser.add_argument("--port", type=int, default=0, help="port of the emulator (default: a free one)")
    parser.add_argument("--blob-port", type=int, help="port of Azurite (default: a free one)")
    parser.add_argument(
        "--workspace",
        action="append",
        type=_workspace,
        metavar="SUBSCRIPTION/GROUP/NAME",
        help="a workspace that there is; may be given several times (default: subscription/group/workspace)",
    )
    parser.add_argument(
        "--public",
        action="append",
        type=_public,
        metavar="HOST=FOLDER",
        help="a folder that stands for the public blob storage of HOST, with a folder for each container; "
        "may be given several times",
    )
    parser.add_argument("--processes", type=int, default=4, help="steps at the same time (default: 4)")
    parser.add_argument("--step-python", default=sys.executable, help="interpreter that steps run in")
    parser.add_argument(
        "--fault",
        action="append",
        type=_fault,
        metavar="RULE",
        help="a fault on request, as in '503 on POST /pipelines/** twice'; may be given several times",
    )
    parser.add_argument(
        "--token-seconds", type=int, default=3600, help="how long a token is good for (default: 3600, as in Azure)"
    )
    parser.add_argument("--env", choices=SHELLS, default="bash", help="form of the variables")
    parser.add_argument("--verbose", action="store_true", help="log every request")
    return parser


def _workspace(text: str) -> tuple[str, str, str]:
    parts = text.split("/")
    if len(parts) != 3 or not all(parts):
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form SUBSCRIPTION/GROUP/NAME")
    return parts[0], parts[1], parts[2]


def _public(text: str) -> tuple[str, Path]:
    host, _, folder = text.partition("=")
    if not re.fullmatch(r"[a-z0-9]{3,24}\.blob\.core\.windows\.net", host) or not Path(folder).is_dir():
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form ACCOUNT.blob.core.windows.net=FOLDER")
    return host, Path(folder)


def _fault(text: str) -> str:
    try:
        parse_fault(text)
    except FaultSyntaxError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _settings(options: argparse.Namespace) -> StackSettings:
    return StackSettings(
        state=options.state,
        port=options.port,
        blob_port=options.blob_port,
        public=dict(options.public or []),
        site=SiteSettings(
            workspaces=tuple(options.workspace or [("subscription", "group", "workspace")]),
            processes=options.processes,
            step_python=options.step_python,
            faults=tuple(options.fault or []),
            token_seconds=options.token_seconds,
        ),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Start the emulator and Azurite; serve, or run a command; stop both.

    Args:
        argv: The arguments without the program's name; those of the process when None.

    Returns:
        The exit status: the command's own with ``run``.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    end = given.index("--") if "--" in given else len(given)
    own, command = given[:end], given[end + 1 :]
    parser = build_parser()
    options = parser.parse_args(own)
    if (options.action == "run") != bool(command):
        parser.error("'run' and '-- COMMAND ...' belong together")
    if command and shutil.which(command[0]) is None:
        print(f"error: the command '{command[0]}' was not found", file=sys.stderr)
        return _NOT_FOUND
    level = logging.DEBUG if options.verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")
    stopped = threading.Event()
    _on_signals(stopped)
    try:
        with Stack(_settings(options)) as stack:
            if command:
                return _run(command, stack, stopped)
            _serve(stack, options.env, stopped)
            return 0
    except (AzuriteError, StateInUseError, StateVersionError) as error:
        print(f"error: {error}", file=sys.stderr)
        return _USAGE
    except KeyboardInterrupt:
        return _INTERRUPTED


def _on_signals(stopped: threading.Event) -> None:
    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  (the signature of a handler)
        stopped.set()
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    # a shell without job control lets what it starts in the background ignore this one
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _serve(stack: Stack, shell: str, stopped: threading.Event) -> None:
    try:
        # whoever reads the variables may stop the emulator at once
        print(format_variables(stack.variables, shell), flush=True)
        print(
            f"{stack.site.base_url}/?key={stack.site.door.secret} shows what happens; Ctrl+C stops.",
            file=sys.stderr,
            flush=True,
        )
        while not stopped.wait(3600):
            pass
    except KeyboardInterrupt:
        return


def _run(command: list[str], stack: Stack, stopped: threading.Event) -> int:
    process = start_guarded(command, environment={**os.environ, **stack.variables})
    try:
        return process.wait()
    except KeyboardInterrupt:
        # Ctrl+C has reached the command by itself; a stop of the emulator is passed on
        if stopped.is_set():
            process.send_signal(signal.SIGTERM)
        return process.wait()
