"""The runner with tiny real scripts: what runs, what is skipped, and why."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ml_service.local import LocalRun
from ml_service.pipeline import Folder, Pipeline, Step
from src.common.errors import DataError
from src.common.settings import PROJECT_ROOT
from src.settings.batchai.batchai_settings import BatchaiSettings
from test.support.settings import load_settings
from test.support.tiny_project import NAMES, TinyProject, run, tiny_pipeline

FIRST = dict.fromkeys(NAMES, "not done yet")
FORCED = dict.fromkeys(NAMES, "forced")
COLLECT = {"collect": "source changed"}
AFTER_COLLECT = {"change": "collected changed"}
AFTER_CHANGE = {"show": "changed changed"}


@dataclass(frozen=True)
class Done:
    """How a run ended."""

    exit_code: int
    printed: str
    errors: str

    @property
    def ran(self) -> dict[str, str]:
        """The steps that ran and why, in their order."""
        lines = [line.removeprefix("--- ") for line in self.printed.splitlines() if line.startswith("--- ")]
        return dict(line.split(": ", maxsplit=1) for line in lines)


Run = Callable[..., Done]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyProject:
    tiny = TinyProject.make(tmp_path)
    for name, value in tiny.variables.items():
        monkeypatch.setenv(name, value)
    return tiny


@pytest.fixture
def run_tiny(project: TinyProject, capfd: pytest.CaptureFixture[str]) -> Run:
    def run_once(*argv: str) -> Done:
        capfd.readouterr()
        exit_code = run(project.root, list(argv))
        return Done(exit_code, *capfd.readouterr())

    return run_once


@pytest.fixture
def run_again(run_tiny: Run) -> Run:
    """Run a project whose first run is done."""
    assert run_tiny().exit_code == 0
    return run_tiny


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def test_steps_run_in_their_order_and_are_told_in_a_table(project: TinyProject, run_tiny: Run) -> None:
    done = run_tiny()
    assert (done.exit_code, done.errors) == (0, "")
    assert list(done.ran.items()) == list(FIRST.items())
    at_work = [line.split()[0] for line in done.printed.splitlines() if line.endswith("is at work")]
    assert at_work == list(NAMES)
    assert project.text("show") == "HELLO WORLD all5!"
    header, *rows, last, where = done.printed.splitlines()[-6:]
    assert header.split() == ["step", "seconds", "result"]
    assert [row.split()[0] for row in rows] == list(NAMES)
    assert all("ran (not done yet)" in row for row in rows)
    assert str(project.root / "collected") in rows[0]
    assert last.startswith("tiny done in ")
    assert where.startswith("this run: ")


def test_a_second_run_skips_and_names_every_step(project: TinyProject, run_again: Run) -> None:
    before = [project.folder(step).stat().st_mtime_ns for step in NAMES]
    second = run_again()
    assert (second.exit_code, second.ran, second.errors) == (0, {}, "")
    rows = second.printed.splitlines()[1:-1]
    assert [row.split()[0] for row in rows if "skipped (nothing changed)" in row] == list(NAMES)
    assert [project.folder(step).stat().st_mtime_ns for step in NAMES] == before


def move_source(root: Path) -> None:
    shutil.copytree(root / "source", root / "elsewhere")  # with the times of the files
    os.environ["BATCHAI_INPUT_URL"] = str(root / "elsewhere")


CHANGES: dict[str, tuple[Callable[[Path], object], dict[str, str]]] = {
    "code, same result": (
        lambda root: write(root / "voice/loud.py", "def loud(text):\n    return text.swapcase()\n"),
        {"change": "code changed"},
    ),
    "code, other result": (
        lambda root: write(root / "voice/loud.py", "def loud(text):\n    return text.title()\n"),
        {"change": "code changed", **AFTER_CHANGE},
    ),
    "package above the code": (lambda root: write(root / "voice/__init__.py", "x = 1"), {"change": "code changed"}),
    "module that nothing imports": (lambda root: write(root / "voice/soft.py", "x = 1"), {}),
    "data file": (lambda root: write(root / "data/end.txt", "?"), {"change": "data files changed", **AFTER_CHANGE}),
    "new data file": (lambda root: write(root / "data/z.txt", ""), {"change": "data files changed"}),
    "setting": (
        lambda root: os.environ.update(TRAIN_FOLDS="6"),
        {"change": "settings changed", **AFTER_CHANGE},
    ),
    "setting that no step reads": (lambda root: os.environ.update(TRAIN_MIN_BATCHES="30"), {}),
    "source, other result": (
        lambda root: write(root / "source/a.txt", "bye \nsecond line"),
        {**COLLECT, **AFTER_COLLECT, **AFTER_CHANGE},
    ),
    "source, same result": (lambda root: write(root / "source/a.txt", "hello \nanother second line"), COLLECT),
    "new file in the source": (
        lambda root: write(root / "source/c.txt", ""),
        {**COLLECT, "show": "copy changed"},
    ),
    "source folder": (move_source, {"collect": "arguments changed"}),
    "working copy": (lambda root: write(root / "copy/more.txt", ""), {"show": "copy changed"}),
    "output file gone": (
        lambda root: (root / "changed/length.txt").unlink(),
        {"change": "changed: missing, or changed after it was written"},
    ),
    "output file of another size": (
        lambda root: write(root / "changed/text.txt", "HELLO"),
        {"change": "changed: missing, or changed after it was written"},
    ),
    "output folder gone": (
        lambda root: shutil.rmtree(root / "outputs/shown"),
        {"show": "shown: missing, or changed after it was written"},
    ),
    "output written by hand": (
        lambda root: shutil.copytree(root / "collected", root / "changed", dirs_exist_ok=True),
        {"change": "changed: missing, or changed after it was written"},
    ),
    "libraries": (
        lambda root: write(root / "requirements/compute.txt", "numpy==2"),
        dict.fromkeys(NAMES, "Python or libraries changed"),
    ),
    "state file gone": (lambda root: (root / "outputs/pipeline/tiny.json").unlink(), FIRST),
}


@pytest.mark.parametrize(("change", "ran"), CHANGES.values(), ids=CHANGES)
def test_exactly_the_steps_that_a_change_concerns_run_again(
    project: TinyProject, run_again: Run, change: Callable[[Path], object], ran: dict[str, str]
) -> None:
    change(project.root)
    second = run_again()
    assert (second.exit_code, second.ran) == (0, ran)
    for step in NAMES:
        project.text(step)
    assert run_again().ran == {}


def test_arguments_reach_the_steps_that_take_them(project: TinyProject, run_again: Run) -> None:
    assert run_again("--word", "of you").ran == {"change": "arguments changed", **AFTER_CHANGE}
    assert project.text("show") == "HELLO WORLD of you5!"
    assert run_again("--word", "of you").ran == {}


@pytest.mark.parametrize(
    ("argv", "ran"),
    [
        (["--force"], FORCED),
        (["--from", "collect"], FORCED),
        (["--from", "change"], {"change": "forced", "show": "forced"}),
        (["--from", "show"], {"show": "forced"}),
    ],
)
def test_forced_steps_run_whether_or_not_anything_changed(run_again: Run, argv: list[str], ran: dict[str, str]) -> None:
    assert run_again(*argv).ran == ran
    assert run_again().ran == {}


def test_steps_before_the_forced_one_still_run_when_they_have_to(run_tiny: Run) -> None:
    assert run_tiny("--from", "show").ran == {**FIRST, "show": "forced"}


def test_an_unknown_step_is_refused_with_the_near_name(run_tiny: Run) -> None:
    done = run_tiny("--from", "chnage")
    assert (done.exit_code, done.printed) == (2, "")
    assert "has no step 'chnage', did you mean 'change'?" in done.errors


def test_a_url_is_read_each_time_and_the_run_says_so(run_tiny: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCHAI_INPUT_URL", "https://127.0.0.1/container")
    assert run_tiny().ran == FIRST
    for _ in range(2):
        assert run_tiny().ran == {"collect": "source can't be compared from here"}


def test_a_corrupted_state_is_named_and_every_step_runs(project: TinyProject, run_again: Run) -> None:
    state = project.root / "outputs" / "pipeline" / "tiny.json"
    state.write_bytes(state.read_bytes()[:-40])
    again = run_again()
    assert again.printed.splitlines()[0] == f"{state} can't be read: every step runs"
    assert again.ran == FIRST
    assert run_again().ran == {}


@pytest.mark.parametrize("failing", NAMES)
def test_a_failing_step_ends_the_run_and_the_next_run_resumes_there(
    project: TinyProject, run_tiny: Run, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    monkeypatch.setenv("TINY", f"fail:{failing}")
    failed = run_tiny("--word", "two words")
    tried = NAMES[: NAMES.index(failing) + 1]
    assert (failed.exit_code, list(failed.ran)) == (7, list(tried))
    assert f"{failing} has a problem" in failed.errors
    assert f"\nthe step {failing!r} failed with exit code 7" in failed.errors
    assert "error:" not in failed.errors  # the step has told its own
    assert f"carry on at this step with: python {project.root / 'runner.py'} --word 'two words'" in failed.errors
    monkeypatch.setenv("TINY", "")
    assert list(run_tiny("--word", "two words").ran) == [step for step in NAMES if step not in tried[:-1]]
    assert run_tiny("--word", "two words").ran == {}


def test_what_was_forced_is_still_owed_after_a_failure(run_again: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINY", "fail:change")
    assert list(run_again("--force").ran) == ["collect", "change"]
    monkeypatch.setenv("TINY", "")
    assert run_again().ran == {"change": "not done yet", "show": "not done yet"}


def test_a_failing_step_keeps_its_old_output(
    project: TinyProject, run_again: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = project.text("change")
    monkeypatch.setenv("TINY", "fail:change")
    monkeypatch.setenv("TRAIN_FOLDS", "6")
    assert run_again().exit_code == 7
    assert project.text("change") == before
    assert sorted(path.name for path in project.folder("change").iterdir()) == [
        "length.txt",
        "manifest.json",
        "text.txt",
    ]


def test_a_script_with_a_syntax_error_fails_by_itself(project: TinyProject, run_again: Run) -> None:
    script = project.root / "steps" / "change.py"
    good = script.read_text()
    script.write_text(good + "def broken(:\n")
    failed = run_again()
    assert (failed.exit_code, failed.ran) == (1, {"change": "code, settings changed"})
    assert "SyntaxError" in failed.errors
    assert "the step 'change' failed with exit code 1" in failed.errors
    script.write_text(good)
    assert run_again().ran == {"change": "not done yet"}


def test_a_step_that_ends_well_without_a_result_is_an_error(
    project: TinyProject, run_tiny: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINY", "nothing:change")
    done = run_tiny()
    assert (done.exit_code, list(done.ran)) == (3, ["collect", "change"])
    assert "the step 'change' ended well and left no result" in done.errors
    assert str(project.folder("change")) in done.errors
    monkeypatch.setenv("TINY", "")
    assert run_tiny().ran == {"change": "not done yet", "show": "not done yet"}


def test_a_step_without_a_committed_output_runs_once(project: TinyProject, capfd: pytest.CaptureFixture[str]) -> None:
    write(project.root / "steps/say.py", "print('said')")
    pipeline = Pipeline("saying", (Step("say", "steps/say.py"),), BatchaiSettings, root=project.root)
    for said in (1, 0):
        LocalRun(pipeline, load_settings(), parameters={}).run()
        assert capfd.readouterr().out.splitlines().count("said") == said


def test_one_missing_result_of_two_is_an_error(project: TinyProject) -> None:
    collect = tiny_pipeline(project.root).steps[0]
    more = replace(collect, outputs={**collect.outputs, "more": Folder("more", "training_folder")})
    accepts = "parser.parse_args()", "parser.parse_known_args()[0]"
    script = project.root / collect.script
    script.write_text(script.read_text().replace(*accepts))
    run_one = LocalRun(Pipeline("two", (more,), BatchaiSettings, root=project.root), load_settings(), parameters={})
    with pytest.raises(DataError, match="ended well and left no result") as raised:
        run_one.run()
    assert raised.value.where == project.root / "changed"


COPYING = """
import sys
from pathlib import Path
sys.path.insert(0, PROJECT)
from src.common.committed_folder import replace_folder
folder = Path(sys.argv[sys.argv.index("--page_folder") + 1])
with replace_folder(folder, kind="page") as staged:
    staged.write("page.html", "<p>")
(folder.parent / "page.html").write_text("<p>")
"""


@pytest.mark.parametrize("harm", ["gone", "changed"])
def test_a_copy_beside_the_folder_is_made_again(
    project: TinyProject, capfd: pytest.CaptureFixture[str], harm: str
) -> None:
    write(project.root / "steps/copying.py", COPYING.replace("PROJECT", repr(str(PROJECT_ROOT))))
    page = Folder("page", "outputs_folder", "page", copied=("page.html",))
    pipeline = Pipeline(
        "copying", (Step("copy", "steps/copying.py", outputs={"page_folder": page}),), BatchaiSettings, project.root
    )
    copy = project.root / "outputs" / "page.html"
    for reasons in (["--- copy: not done yet"], [], ["--- copy: page: missing, or changed after it was written"]):
        if reasons and copy.exists():
            copy.unlink() if harm == "gone" else copy.write_text("<b>")
        LocalRun(pipeline, load_settings(), parameters={}).run()
        assert [line for line in capfd.readouterr().out.splitlines() if line.startswith("--- ")] == reasons
        assert copy.read_text() == "<p>"
