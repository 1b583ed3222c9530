from __future__ import annotations

import errno
import os
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from src.common.console import ALL, add_verbose, chosen, format_table, progress, report_error, run_script
from src.common.errors import BatchAIError, CloudError, DataError, IntegrityError, SettingsError
from src.common.settings import PROJECT_ROOT


@pytest.fixture(autouse=True)
def _no_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["script"])


def raising(error: BaseException) -> Callable[[], int]:
    def main() -> int:
        raise error

    return main


def test_plain_progress_says_ten_steps(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("cloning", total=2_500_000, unit="bytes") as bar:
        for _ in range(2500):
            bar.advance(1000)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [f"cloning: {percent} % of 2.5 MB" for percent in range(10, 101, 10)]


def test_progress_under_azure_devops_is_a_log_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_BUILD", "True")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress("training", total=4, unit="products") as bar:
        bar.advance()
        bar.advance(3)
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines() == [
        "##vso[task.setprogress value=20]training",
        "##vso[task.setprogress value=100]training",
    ]


def test_progress_of_no_work_and_of_more_than_expected(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("cloning", total=0, unit="files") as bar:
        bar.advance(0)
        bar.advance()
    with progress("reading", total=2, unit="files") as bar:
        bar.advance(5)
    assert capsys.readouterr().err.splitlines() == ["cloning: 100 % of 0 files", "reading: 100 % of 2 files"]


def test_threads_may_advance_together(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("reading", total=4000, unit="rows") as bar, ThreadPoolExecutor(8) as pool:
        for _ in range(4000):
            pool.submit(bar.advance)
    assert capsys.readouterr().err.splitlines()[-1] == "reading: 100 % of 4000 rows"


def test_progress_ends_with_an_error_of_the_work() -> None:
    with pytest.raises(DataError, match="broken"), progress("reading", total=2):
        raise DataError("broken")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_a_terminal_gets_a_bar_and_colours() -> None:
    """Runs in a process whose standard error is a terminal."""
    import pty

    code = (
        "from src.common.console import progress, run_script\n"
        "from src.common.errors import DataError\n"
        "def main():\n"
        "    with progress('cloning', total=3, unit='bytes') as bar:\n"
        "        bar.advance(3)\n"
        "    raise DataError('broken')\n"
        "raise SystemExit(run_script(main))\n"
    )
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name not in {"TF_BUILD", "NO_COLOR"}}
    environment |= {"TERM": "xterm", "COLUMNS": "100"}
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, env=environment, stderr=theirs, check=False)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # how Linux says that the other end is closed
        pass
    finally:
        os.close(ours)
    assert done.returncode == 3
    assert b"cloning" in shown
    assert b"3/3 bytes" in shown
    assert b"cloning: 100 %" not in shown
    assert b"\x1b[1;31merror: broken" in shown


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError("broken", where="here"), 2),
        (DataError("broken", where="here"), 3),
        (IntegrityError("broken", where="here"), 3),
        (CloudError("broken", where="here"), 4),
        (BatchAIError("broken", where="here"), 1),
    ],
)
def test_an_error_becomes_one_message_and_its_exit_code(
    error: BatchAIError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_script(raising(error)) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "error: broken\n  where:    here\n"


def test_what_main_returns_is_the_exit_code() -> None:
    assert run_script(lambda: 0) == 0
    assert run_script(lambda: 7) == 7


def test_an_interruption_is_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_script(raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_wrong_usage_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> int:
        ArgumentParser().parse_args(["--nonsense"])
        return 0

    with pytest.raises(SystemExit) as caught:
        run_script(main)
    assert caught.value.code == 2
    assert "--nonsense" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "what was there before is untouched"),
        (errno.EDQUOT, "what was there before is untouched"),
        (errno.EACCES, "check the permissions"),
        (errno.EROFS, "read-only"),
        (errno.ELOOP, "a symbolic link leads to itself"),
        (errno.EMFILE, "--verbose"),
    ],
)
def test_what_the_system_refuses_is_one_message(number: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_script(raising(OSError(number, os.strerror(number), "results.csv"))) == 3
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"error: the system refused: {os.strerror(number)}"
    assert lines[1] == "  where:    results.csv"
    assert said in lines[2]
    assert len(lines) == 3


def test_a_real_refusal_of_the_system(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> int:
        return len(tmp_path.read_bytes())

    assert run_script(main) == 3
    assert str(tmp_path) in capsys.readouterr().err


@pytest.mark.parametrize("error", [ZeroDivisionError("bug"), KeyError("bug"), OSError("bug without a number")])
def test_a_bug_of_ours_is_not_hidden(error: Exception) -> None:
    with pytest.raises(type(error), match="bug"):
        run_script(raising(error))


def test_a_bug_of_ours_ends_a_script_with_1_and_its_traceback() -> None:
    code = "from src.common.console import run_script\nraise SystemExit(run_script(lambda: 1 // 0))"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ZeroDivisionError" in done.stderr


def test_verbose_shows_where_an_error_was_raised(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = ArgumentParser()
    add_verbose(parser)
    assert parser.parse_args(["--verbose"]).verbose
    assert not parser.parse_args([]).verbose
    monkeypatch.setattr(sys, "argv", ["script", "--verbose"])
    assert run_script(raising(DataError("broken"))) == 3
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "in main" in err
    assert err.endswith("error: broken\n")


def test_verbose_shows_where_the_system_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["script", "--verbose"])
    assert run_script(raising(OSError(errno.EMFILE, "Too many open files"))) == 3
    err = capsys.readouterr().err
    assert "OSError" in err
    assert "in main" in err


def test_an_error_under_azure_devops_is_one_issue_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TF_BUILD", "True")
    assert report_error(CloudError("broken; 5 %", where="here [1]")) == 4
    out, err = capsys.readouterr()
    assert out == "##vso[task.logissue type=error]broken%3B 5 %AZP25 (where: here [1%5D)\n"
    assert err == "error: broken; 5 %\n  where:    here [1]\n"


@pytest.mark.parametrize(("no_color", "shown"), [("1", "error: broken\n"), ("", "\033[1;31merror: broken\n\033[0m")])
def test_colours_only_where_they_are_wanted(
    no_color: str, shown: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    report_error(DataError("broken"))
    assert capsys.readouterr().err == shown


def test_a_console_that_can_not_show_a_sign_does_not_end_the_work() -> None:
    code = (
        "from src.common.console import run_script\n"
        "def main():\n"
        "    print('1 \\u2212 rmse \\u00b7 \\u00fc')\n"
        "    return 0\n"
        "raise SystemExit(run_script(main))\n"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, env=environment, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout.split()) == (0, [b"1", b"?", b"rmse", b"?", b"?"])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such shell")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_stream_that_was_closed_before_the_start_changes_no_exit_code(closed: str) -> None:
    code = (
        "from src.common.console import run_script\n"
        "from src.common.errors import DataError\n"
        "def main():\n"
        "    print('a line')\n"
        "    raise DataError('it is wrong')\n"
        "raise SystemExit(run_script(main))\n"
    )
    command = ["sh", "-c", f'"$0" -c "$1" {closed}', sys.executable, code]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert (done.stdout, done.stderr) == (
        "" if closed.startswith(">") else "a line\n",
        "" if "2>" in closed else "error: it is wrong\n",
    )


def test_a_table_is_aligned_and_numbers_go_right() -> None:
    rows = [["plant", 7, 0.123456, "ok"], ["concrete-lab", 1200, float("nan"), ""]]
    assert format_table(["location", "batches", "rmse", "state"], rows).splitlines() == [
        "  location      batches    rmse  state",
        "  plant               7  0.1235  ok",
        "  concrete-lab     1200     nan",
    ]


def test_a_table_may_have_no_rows_and_another_indent() -> None:
    assert format_table(["a", "long name"], [], indent="") == "a  long name"


def test_a_column_with_one_text_is_text() -> None:
    assert format_table(["value"], [[1], ["none"]], indent="").splitlines() == ["value", "1", "none"]


def test_an_argument_that_chooses() -> None:
    assert chosen(ALL) is None
    assert chosen("plant") == "plant"


@pytest.mark.parametrize("read", [Path.read_bytes, lambda path: path.resolve(strict=True)])
def test_a_link_that_leads_to_itself_is_one_error(
    read: Callable[[Path], object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = tmp_path / "link"
    link.symlink_to(link)

    def main() -> int:
        read(link)
        return 0

    assert run_script(main) == 3
    err = capsys.readouterr().err
    assert str(link) in err
    assert "a symbolic link leads to itself" in err
    assert "Traceback" not in err
