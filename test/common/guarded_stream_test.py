from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from src.common.console import LOG_VARIABLE
from src.common.guarded_stream import GuardedStream, guarded_streams, unguarded
from src.common.settings import PROJECT_ROOT
from test.faults.promises import NO_LEAK
from test.support.agent_log import lines_of, looks_like_command

BAD = "##vso[task.complete result=Failed]\rsig=c2VjcmV0\x1b[2J"
EVERY_WAY_OUT = f"""
import logging, sys, threading, warnings
early = logging.StreamHandler()
logging.getLogger("early").addHandler(early)
from src.common.console import run_script
from src.common.errors import DataError
BAD = {BAD!r}
def in_a_thread():
    raise ValueError(BAD)
def main():
    print("table", BAD, sep="\\n")
    sys.stdout.write("##v"); sys.stdout.flush(); sys.stdout.write("so[task.complete]\\n")
    sys.stdout.buffer.write(BAD.encode() + b"\\n")
    sys.stderr.writelines([BAD, "\\n"])
    warnings.warn(BAD)
    logging.getLogger("early").warning(BAD)
    logging.getLogger("late").warning(BAD)
    try:
        raise KeyError(BAD)
    except KeyError:
        logging.exception("logged")
    thread = threading.Thread(target=in_a_thread)
    thread.start()
    thread.join()
    raise {{error}}
raise SystemExit(run_script(main))
"""


def run(code: str, *arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, **{name: str(value) for name, value in more.items()}}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=PROJECT_ROOT, env=variables, capture_output=True, text=True, check=False)


@pytest.mark.fault(NO_LEAK)
@pytest.mark.parametrize(
    ("error", "code"), [("DataError(BAD, where=BAD, found=[BAD], hint=BAD)", 3), ("RuntimeError(BAD)", 1)]
)
def test_every_way_out_is_guarded(tmp_path: Path, error: str, code: int) -> None:
    log = tmp_path / "log.txt"
    done = run(EVERY_WAY_OUT.replace("{error}", error), "--verbose", TF_BUILD="True", **{LOG_VARIABLE: log})
    assert done.returncode == code
    said = [line for line in done.stdout.splitlines() if line.startswith("##vso[task.logissue type=error]")]
    assert len(said) == (code == 3)
    printed = done.stdout.replace("##vso[task.logissue type=error]", "") + done.stderr
    for text in (printed, log.read_text()):
        assert [line for line in lines_of(text) if looks_like_command(line)] == []
        assert "\x1b" not in text
        assert "c2VjcmV0" not in text
        assert text.count("task.complete") >= 8
    assert "Traceback" in done.stderr


def test_a_reader_that_goes_ends_the_script_quietly(tmp_path: Path) -> None:
    code = (
        "from src.common.console import run_script\n"
        "from pathlib import Path\n"
        "import sys\n"
        "def main():\n"
        "    try:\n"
        "        for number in range(100_000):\n"
        "            print('line', number)\n"
        "    finally:\n"
        "        Path(sys.argv[1]).write_text('tidied up')\n"
        "    return 0\n"
        "raise SystemExit(run_script(main))\n"
    )
    tidied = tmp_path / "tidied"
    command = [sys.executable, "-c", code, str(tidied)]
    with subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"line 0\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141  # 128 + SIGPIPE, as a shell shows the end of `yes | head -1`
    assert tidied.read_text() == "tidied up"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_full_disk_under_the_output_is_one_error(lines: int) -> None:
    code = (
        "from src.common.console import run_script\n"
        f"raise SystemExit(run_script(lambda: print('line\\n' * {lines}) or 0))\n"
    )
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=PROJECT_ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 3
    assert done.stderr.splitlines()[:2] == [
        f"error: the system refused: {os.strerror(errno.ENOSPC)}",
        "  where:    <stdout>",
    ]
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_what_is_flushed_waits_for_the_end_of_a_word() -> None:
    raw = io.StringIO()
    guard = GuardedStream(raw)
    guard.write("working on it, pass")
    guard.flush()
    assert raw.getvalue() == "working on it, "
    guard.write("word=c2VjcmV0LXRoYXQ more")
    guard.finish()
    assert raw.getvalue() == "working on it, password=*** more"


def test_streams_come_back_and_one_may_be_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    raw = io.StringIO()
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", raw)
    with guarded_streams(), guarded_streams(tmp_path / "log.txt"):
        assert unguarded(sys.stderr) is raw
        print("lost")
        print("kept", file=sys.stderr)
    assert (sys.stdout, sys.stderr) == (None, raw)
    assert raw.getvalue() == (tmp_path / "log.txt").read_text() == "kept\n"
