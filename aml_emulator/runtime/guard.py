"""A command that ends when the emulator does, also when the emulator is killed.

The command keeps its own standard input, so the pipe that tells of the emulator's end goes to a small
process between the two: this module, run by itself. It passes the exit status on.
"""

import os
import signal
import subprocess
import sys
import threading
from types import FrameType


def start_guarded(command: list[str], *, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a command; it is ended as soon as this process is no more.

    Args:
        command: Program and arguments.
        environment: All its variables.
    """
    if os.name != "posix":
        return subprocess.Popen(command, env=environment)
    read, write = os.pipe()
    guard = [sys.executable, __file__, str(read), *command]
    process = subprocess.Popen(guard, env=environment, pass_fds=(read,))
    os.close(read)
    # the writing end stays open in this process alone, for as long as it lives
    os.set_inheritable(write, False)  # noqa: FBT003
    return process


def main() -> int:
    """Run the command that follows the number of the pipe; return its exit status as a shell would."""
    pipe, command = int(sys.argv[1]), sys.argv[2:]
    os.set_inheritable(pipe, False)  # noqa: FBT003
    process = subprocess.Popen(command)

    def pass_on(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  (the signature of a handler)
        process.send_signal(number)

    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches the command without help

    def watch() -> None:
        while os.read(pipe, 1):
            pass
        process.kill()

    threading.Thread(target=watch, daemon=True).start()
    code = process.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
