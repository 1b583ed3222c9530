"""Plan, sums, fits and merge write what training writes alone, as plain scripts and as a service calls them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from src.common.errors import DataError, IntegrityError
from src.common.settings import PROJECT_ROOT
from src.training.batchai import batchai_training_merge, batchai_training_plan
from src.training.batchai import batchai_training_sums as sums_script
from src.training.batchai import batchai_training_units as fits_script
from src.training.batchai.units import work_units
from test.support.training_runs import content, prepare, train


@pytest.fixture(scope="module")
def alone(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return train(sample, tmp_path_factory.mktemp("alone"))


@pytest.fixture(scope="module")
def alone_with_lines(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """In parts, curves are each product's own (docs/training.md), so lines alone can be the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRAIN_TERMS", "linear")
        return train(sample, tmp_path_factory.mktemp("alone"))


def plan(prepared: Path, folder: Path, *arguments: str) -> Path:
    work = folder / "work"
    assert batchai_training_plan.main(["--prepared_folder", str(prepared), "--work_folder", str(work), *arguments]) == 0
    return work


def merge(prepared: Path, folder: Path) -> dict[str, bytes]:
    made = folder / "made"
    folders = ["--training_folder", str(made / "results"), "--model_folder", str(made / "model")]
    given = ["--work_folder", str(folder / "work"), "--fits_folder", str(folder / "fits")]
    assert batchai_training_merge.main(["--prepared_folder", str(prepared), *given, *folders]) == 0
    return content(made)


def as_scripts(prepared: Path, folder: Path) -> None:
    """Both passes, run by hand."""
    given = ["--prepared_folder", str(prepared), "--work_folder", str(folder / "work")]
    sums = ["--sums_folder", str(folder / "sums")]
    assert sums_script.main([*given, *sums]) == 0
    assert fits_script.main([*given, *sums, "--fits_folder", str(folder / "fits")]) == 0


def as_service(prepared: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both passes as Azure ML calls them: with arguments of its own, a file at a time, some of them twice."""
    own = ["driver.py", "--output", str(folder / "sums"), "--scoring_module_name", "x.py", "--input_fds_0", "work"]
    folders = {"--prepared_folder": prepared, "--sums_folder": folder / "sums", "--fits_folder": folder / "fits"}
    given = [text for name, path in folders.items() for text in (name, str(path))]
    for script in (sums_script, fits_script):
        monkeypatch.setattr(sys, "argv", [*own, *given[: 4 if script is sums_script else 6]])
        script.init()
        paths = sorted(str(path) for path in (folder / "work").iterdir())
        for path in [*paths[::-1], paths[0]]:
            assert len(script.run([path])) == 1


@pytest.mark.parametrize("way", ["scripts", "service"])
@pytest.mark.parametrize("unit_bytes", [1, 70_000, None])
def test_they_write_the_bytes_of_one_machine(
    sample: Path,
    alone: dict[str, bytes],
    alone_with_lines: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    unit_bytes: int | None,
) -> None:
    if unit_bytes:
        monkeypatch.setattr(work_units, "UNIT_BYTES", unit_bytes)
        monkeypatch.setenv("TRAIN_TERMS", "linear")
    plan(sample, tmp_path)
    if way == "scripts":
        as_scripts(sample, tmp_path)
    else:
        as_service(sample, tmp_path, monkeypatch)
    assert merge(sample, tmp_path) == (alone_with_lines if unit_bytes else alone)


def test_one_product_alone(sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAIN_TERMS", "linear")
    chosen = ("--location", "concrete-lab", "--product_id", "slag")
    whole = train(sample, tmp_path / "one", *chosen)
    monkeypatch.setattr(work_units, "UNIT_BYTES", 1)
    plan(sample, tmp_path, *chosen)
    as_scripts(sample, tmp_path)
    assert [path.name for path in (tmp_path / "fits").glob("*-*.json")] == ["concrete-lab-3.json"]
    assert merge(sample, tmp_path) == whole


@pytest.fixture
def trained(sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with work, sums and fits of it."""
    monkeypatch.setenv("TRAIN_TERMS", "linear")
    monkeypatch.setattr(work_units, "UNIT_BYTES", 70_000)
    plan(sample, tmp_path)
    as_scripts(sample, tmp_path)
    return tmp_path


@pytest.mark.parametrize("folder", ["sums", "fits"])
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda old: None, "miss unit 1 of 3 of concrete-lab"),
        (lambda old: b"", "unit 1 of 3 of concrete-lab are damaged"),
        (lambda old: old[:-20], "unit 1 of 3 of concrete-lab are damaged"),
        (lambda old: old.replace(b'"number": 1', b'"number": 2', 1), "of other work than unit 1 of 3 of concrete-lab"),
        (lambda old: b"[]\n" + old.split(b"\n", 1)[1], "of other work than unit 1 of 3 of concrete-lab"),
    ],
    ids=["missing", "empty", "cut", "another's", "no facts"],
)
def test_what_another_machine_left_is_checked(
    sample: Path, trained: Path, folder: str, damage: object, said: str
) -> None:
    path = trained / folder / "concrete-lab-1.json"
    damaged = damage(path.read_bytes())  # type: ignore[operator]
    path.unlink() if damaged is None else path.write_bytes(damaged)
    if folder == "sums":
        given = ["--prepared_folder", str(sample), "--work_folder", str(trained / "work")]
        given += ["--sums_folder", str(trained / "sums"), "--fits_folder", str(trained / "made")]
        with pytest.raises((DataError, IntegrityError), match=said):
            fits_script.main(given)
    else:
        with pytest.raises((DataError, IntegrityError), match=said):
            merge(sample, trained)
    assert content(trained / "made") == {}


def test_settings_of_another_machine_change_nothing(
    sample: Path, alone_with_lines: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How to train stands in the plan, so that all passes train alike."""
    monkeypatch.setenv("TRAIN_TERMS", "linear")
    monkeypatch.setattr(work_units, "UNIT_BYTES", 1)
    plan(sample, tmp_path)
    monkeypatch.setenv("TRAIN_TERMS", "curves")
    monkeypatch.setenv("TRAIN_FOLDS", "3")
    monkeypatch.setenv("TRAIN_MIN_BATCHES", "100")
    as_scripts(sample, tmp_path)
    assert merge(sample, tmp_path) == alone_with_lines


def test_a_planned_unit_that_was_changed_is_refused(trained: Path, sample: Path) -> None:
    path = trained / "work" / "concrete-lab-1.json"
    path.write_text(path.read_text().replace('"folds": 10', '"folds": 5'))
    with pytest.raises(IntegrityError, match=r"concrete-lab-1\.json was changed"):
        merge(sample, trained)


def test_other_data_than_was_planned_with_is_refused(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    prepare(PROJECT_ROOT / "test" / "resources" / "small", other)
    with pytest.raises(DataError, match="another than what the work was planned with"):
        merge(other / "prepared", trained)


@pytest.mark.parametrize("script", [sums_script, fits_script])
def test_run_by_hand_without_work_says_what_to_give(script: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        script.main(["--sums_folder", "x", *(["--fits_folder", "y"] if script is fits_script else [])])
    assert stopped.value.code == 2
    assert "--work_folder is needed: the folder that batchai_training_plan.py wrote" in capsys.readouterr().err


def test_the_service_may_load_a_script_under_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    path = PROJECT_ROOT / "src" / "training" / "batchai" / "batchai_training_units.py"
    monkeypatch.setattr(sys, "path", [str(path.parent), *[name for name in sys.path if name != str(PROJECT_ROOT)]])
    monkeypatch.delitem(sys.modules, "batchai_training_units", raising=False)
    module = importlib.import_module("batchai_training_units")
    assert callable(module.init)
    assert str(PROJECT_ROOT) in sys.path
