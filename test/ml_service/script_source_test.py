"""Which settings a step depends on, as its script's source says."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_service.pipeline_script import publications
from ml_service.script_source import settings_read
from src.common.errors import SettingsError
from src.common.settings import PROJECT_ROOT
from src.settings.helloworld.helloworld_settings import HelloworldSettings


def script(root: Path, text: str, **modules: str) -> tuple[str, ...]:
    """What is found in a script with these modules beside it."""
    for name, content in {"script": text, **modules}.items():
        (root / f"{name}.py").write_text(content)
    return settings_read(root / "script.py", root, HelloworldSettings)


def test_what_a_script_and_what_it_calls_declare_counts(tmp_path: Path) -> None:
    text = 'READS = ("folds", "source_version")\n\n\ndef main():\n    import frame\n'
    found = script(tmp_path, text, frame='READS = ("run_evaluation", "folds")', stranger='READS = ("build_id",)')
    assert found == ("folds", "run_evaluation", "source_version")


@pytest.mark.parametrize(
    "text", ["", "def broken(:", "OTHER = ('folds',)", "def main():\n    READS = ('folds',)", "READS = ()"]
)
def test_a_script_without_a_declaration_reads_nothing(tmp_path: Path, text: str) -> None:
    assert script(tmp_path, text) == ()


@pytest.mark.parametrize("value", ["tuple(names)", "OTHER", '("folds", name)', '["folds"]', '"folds"', '("folds", 1)'])
def test_what_can_not_be_read_without_running_it_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(SettingsError, match="READS can't be read without running the script"):
        script(tmp_path, f"READS = {value}\n")


def test_a_name_that_is_no_setting_is_refused_with_the_near_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"'fold', which is no setting, did you mean 'folds'\?"):
        script(tmp_path, 'READS = ("fold",)')


@pytest.mark.parametrize("name", publications())
def test_every_step_of_every_pipeline_declares_what_is_there(name: str) -> None:
    publication = publications()[name]
    read = {
        step.name: settings_read(PROJECT_ROOT / step.script, PROJECT_ROOT, publication.settings)
        for step in publication.declare(None).steps
    }
    if "evaluate" in read:
        assert {"gate_policy", "min_improvement", "fresh_margin", "allow_run_cancel"} <= set(read["evaluate"])
    assert any(read.values())


def test_scripts_take_their_settings_by_their_declaration() -> None:
    """`every_setting` is for what runs scripts: a script that called it would read what no pipeline knows of."""
    scripts = (PROJECT_ROOT / "src").rglob("*.py")
    callers = {path.name for path in scripts if "every_setting(" in path.read_text(encoding="utf-8")}
    assert callers == {"settings.py"}
