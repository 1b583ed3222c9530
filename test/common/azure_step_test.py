"""What the steps of the gate do inside a run of Azure ML: real steps of a real pipeline, in the emulator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from src.common.azureml_adapter import DECISION, NOT_BETTER, AzureRegistry
from src.common.committed_folder import replace_folder
from src.common.model_registry import RUN_ID
from src.common.settings import PROJECT_ROOT
from src.common.skills import SKILLS, format_skills
from src.training.batchai import out_of_fold
from src.training.batchai.model_files import KIND
from test.aml_emulator.support import (
    SDK_WARNINGS,
    ended,
    python_step,
    quiet_timers,
    sdk_workspace,
    shared_emulator,
    step_of,
    submit,
)
from test.support.models import small_model, write_model

pytestmark = [pytest.mark.filterwarnings(warning) for warning in SDK_WARNINGS]
START = f"""
import os, sys
from pathlib import Path
sys.path.insert(0, {str(PROJECT_ROOT)!r})
os.environ["AML_PIPELINE_EXEC_MODE"] = "PROD"
"""
REASON = "its skill over all groups is 0.1000, that of version 1 is 0.2000"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch, home: Path) -> Any:
    pytest.importorskip("azureml.core", reason="azureml-core is installed on Python 3.10 and 3.11 only")
    stack = shared_emulator()
    for name, value in {**stack.variables, "HOME": str(home), "USERPROFILE": str(home)}.items():
        monkeypatch.setenv(name, value)
    quiet_timers()
    return sdk_workspace()


def judging(cancel: str) -> str:
    return f"""{START}
from src.common.azureml_adapter import log_results, mark_not_better
table = Path("evaluation.csv")
table.write_text("location\\n")
log_results({{"challenger_skill": 0.1, "improvement": -0.1}}, folder="evaluation", files=[table])
mark_not_better({REASON!r}, cancel={cancel})
"""


@pytest.mark.parametrize(("cancel", "status", "came_to_it"), [("True", "Canceled", False), ("False", "Finished", True)])
def test_a_model_that_is_not_better_tags_the_pipeline_and_may_cancel_it(
    workspace: Any, tmp_path: Path, cancel: str, status: str, came_to_it: bool
) -> None:
    reached = tmp_path / "reached"
    first = python_step(tmp_path, "evaluate", judging(cancel))
    second = python_step(tmp_path, "register", f"from pathlib import Path\nPath({str(reached)!r}).touch()\n")
    second.run_after(first)
    run = submit([first, second], experiment="gate")
    assert ended(run) == status
    assert reached.exists() == came_to_it
    tags = run.get_tags()
    assert (tags[DECISION], tags["reason"]) == (NOT_BETTER, REASON)
    assert step_of(run, "evaluate").get_metrics() == {"challenger_skill": 0.1, "improvement": -0.1}
    assert "evaluation/evaluation.csv" in step_of(run, "evaluate").get_file_names()


def test_a_run_registers_one_version_however_often_it_is_asked(workspace: Any, tmp_path: Path) -> None:
    model = tmp_path / "model"
    with replace_folder(model, kind=KIND) as staged:
        write_model(staged, small_model())
        staged.write(out_of_fold.NAME, ",".join(out_of_fold.HEADER) + "\n")
        staged.write(SKILLS, format_skills([("plant/007/purity", 30, 0.5)]))
    script = f"""{START}
os.environ.update(RUN_EVALUATION="false", BUILD_BUILDID="2026.1")
from src.registration.batchai.batchai_registration import main
for turn in ("first", "second"):
    folders = ["--model_folder", {str(model)!r}, "--registration_folder", str(Path({str(tmp_path)!r}, turn))]
    folders += ["--registered_folder", {str(tmp_path / "registered")!r}]
    assert main([*folders, "--model_name", "registered-once"]) == 0
"""
    for version in (1, 2):
        run = submit([python_step(tmp_path / str(version), "register", script)], experiment="gate")
        assert ended(run) == "Finished"
        records = [json.loads((tmp_path / turn / "registration.json").read_text()) for turn in ("first", "second")]
        assert [record["version"] for record in records] == [version, version]
        assert records[1] == records[0], "a second try ends with the same record"
        newest = AzureRegistry(workspace).newest("registered-once")
        assert newest is not None
        assert (newest.version, newest.tags[RUN_ID], newest.tags["build_id"]) == (version, run.id, "2026.1")
        assert newest.tags["groups"] == "2"
